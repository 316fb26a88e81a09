"""What this process has just committed, so that its own tailer need not read it back.

A shortcut and nothing more: what is not on the shelf, or does not follow the tailer's place without
a gap, is read from the log.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

from execution.feed.frames import Batch, merged

# More than the writes that can be under way at once; the log has the rest.
MOST_KEPT = 64


class Handed:
    """One change and what the feed sends of it, which is made by whoever first asks.

    The writer has better to do: the feed's loop makes it while the database commits.
    """

    def __init__(self, first: int, make: Callable[[], Batch]) -> None:
        """`first` is the number of its first event."""
        self.first = first
        self._make = make

    @cached_property
    def batch(self) -> Batch:
        return self._make()


class Shelf:
    """Committed changes by their first event. Writers put them there from any thread."""

    def __init__(self, hear_of: Callable[[Handed], None] | None = None) -> None:
        """`hear_of` is told of each change before it is committed, which may yet fail."""
        self.hear_of = hear_of
        self._lock = threading.Lock()
        self._handed: dict[int, Handed] = {}

    def want(self, is_wanted: bool) -> None:
        """Whether changes are put here from now on."""
        (_wanted.add if is_wanted else _wanted.discard)(self)

    def put(self, handed: Handed) -> None:
        with self._lock:
            if len(self._handed) < MOST_KEPT:
                self._handed[handed.first] = handed

    def take_after(self, sequence: int) -> Batch | None:
        """Everything that follows `sequence` without a gap, as one batch; None without any."""
        found: list[Batch] = []
        with self._lock:
            reached = sequence
            while (handed := self._handed.get(reached + 1)) is not None:
                found.append(handed.batch)
                reached = handed.batch.sequence
            for first in [first for first in self._handed if first <= reached]:
                del self._handed[first]
        return merged(found, sequence) if found else None

    def clear(self) -> None:
        with self._lock:
            self._handed.clear()


_wanted: set[Shelf] = set()


def is_wanted() -> bool:
    """Whether somebody in this process looks on."""
    return bool(_wanted)


def announce(handed: Handed) -> None:
    """Tell of a change that is about to be committed."""
    for shelf in tuple(_wanted):
        if shelf.hear_of is not None:
            # Its event loop may have closed meanwhile.
            with suppress(RuntimeError):
                shelf.hear_of(handed)


def put(handed: Handed) -> None:
    """Hand over what has been committed."""
    for shelf in tuple(_wanted):
        shelf.put(handed)
