"""What this process has just committed, so that its own tailer need not read it back.

A shortcut and nothing more: what is not on the shelf, or does not follow the tailer's place without
a gap, is read from the log.
"""

import threading

from execution.feed.frames import Batch, merged

# More than the writes that can be under way at once; the log has the rest.
MOST_KEPT = 64


class Shelf:
    """Committed batches by their first event. Writers put them there from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: dict[int, Batch] = {}

    def want(self, is_wanted: bool) -> None:
        """Whether batches are put here from now on."""
        (_wanted.add if is_wanted else _wanted.discard)(self)

    def put(self, batch: Batch) -> None:
        with self._lock:
            if len(self._batches) < MOST_KEPT:
                self._batches[batch.previous + 1] = batch

    def take_after(self, sequence: int) -> Batch | None:
        """Everything that follows `sequence` without a gap, as one batch; None without any."""
        found: list[Batch] = []
        with self._lock:
            reached = sequence
            while (batch := self._batches.get(reached + 1)) is not None:
                found.append(batch)
                reached = batch.sequence
            for first in [first for first in self._batches if first <= reached]:
                del self._batches[first]
        return merged(found, sequence) if found else None

    def clear(self) -> None:
        with self._lock:
            self._batches.clear()


_wanted: set[Shelf] = set()


def is_wanted() -> bool:
    """Whether somebody in this process looks on."""
    return bool(_wanted)


def put(batch: Batch) -> None:
    for shelf in tuple(_wanted):
        shelf.put(batch)
