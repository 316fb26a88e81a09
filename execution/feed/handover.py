"""What was just committed, handed to the feeds of this process and, with the ring, of the others.

A shortcut and nothing more: what is not on the shelf, or does not follow the tailer's place without
a gap, is read from the log.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Protocol

from execution.feed import relay
from execution.feed.frames import Batch, merged
from execution.queries import Position

# More than the writes that can be under way at once; the log has the rest.
MOST_KEPT = 64


class Handed:
    """One change and what the feed sends of it, which is made by whoever first asks.

    The writer has better to do: the feed's loop makes it while the database commits.
    """

    def __init__(self, place: Position, reached: int, make: Callable[[], Batch]) -> None:
        """`place` is where the log stood before it, `reached` the number of its last event."""
        self.place = place
        self.reached = reached
        self._make = make

    @cached_property
    def batch(self) -> Batch:
        return self._make()

    @cached_property
    def told(self) -> bytes:
        """It and its place, as other processes are told."""
        return relay.packed(self.place, self.batch)


def received(told: bytes) -> Handed:
    """What another process told.

    Raises
    ------
    ValueError: it told something else
    """
    place, batch = relay.unpacked(told)
    return Handed(place, batch.sequence, lambda: batch)


class Shelf:
    """Committed changes by where they follow on. They are put there from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handed: dict[Position, Handed] = {}

    def put(self, handed: Handed) -> None:
        with self._lock:
            if len(self._handed) < MOST_KEPT:
                self._handed[handed.place] = handed

    def take_after(self, position: Position) -> Batch | None:
        """Everything that follows a position without a gap, as one batch; None without any."""
        found: list[Batch] = []
        with self._lock:
            reached = position
            while (handed := self._handed.get(reached)) is not None:
                found.append(handed.batch)
                reached = Position(position.epoch, handed.reached)
            for place in [place for place in self._handed if place.sequence < reached.sequence]:
                del self._handed[place]
        return merged(found, position.sequence) if found else None

    def clear(self) -> None:
        with self._lock:
            self._handed.clear()


class Taker(Protocol):
    """Who may want what this process commits. Called from any thread; must not block."""

    @property
    def position(self) -> Position | None:
        """What it has told of last, where it tells anybody."""

    def hear_of(self, handed: Handed) -> None:
        """A change that is about to be committed, which may yet fail."""

    def take(self, handed: Handed) -> None:
        """A change that was committed."""


_takers: set[Taker] = set()
# After what this process committed last.
_newest: Position | None = None


def want(taker: Taker, is_wanted: bool) -> None:
    """Whether `taker` is given changes from now on."""
    (_takers.add if is_wanted else _takers.discard)(taker)


def expected_place() -> Position | None:
    """Where the next change is likely to follow on; None where nobody can say."""
    if not _takers:
        return None
    return next((place for taker in tuple(_takers) if (place := taker.position)), _newest)


def announce(handed: Handed) -> None:
    """Tell of a change that is about to be committed."""
    for taker in tuple(_takers):
        # Its event loop may have closed meanwhile.
        with suppress(RuntimeError):
            taker.hear_of(handed)


def put(handed: Handed) -> None:
    """Hand over what has been committed."""
    global _newest
    _newest = Position(handed.place.epoch, handed.reached)
    for taker in tuple(_takers):
        taker.take(handed)
