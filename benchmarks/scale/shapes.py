"""What the tasks of a large database have been through, as a few shapes in turn.

Ten ended tasks have thirty events. Most ended; the newest are still open, and no more of them
however many there are: whoever works on a large database has a day's work before them, not a
tenth of it all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

OPEN_AT_MOST = 5_000
OPERATOR, APPROVER, AGENT = "user:operator", "user:approver", "agent:"


class Step(NamedTuple):
    """One event; an actor that ends with a colon is the task's agent."""

    kind: str
    before: str | None
    after: str
    progress: int
    actor: str
    failure_reason: str | None = None


CREATED = Step("created", None, "pending", 0, OPERATOR)
APPROVED = Step("approved", "pending", "approved", 25, APPROVER)
STARTED = Step("started", "approved", "in_progress", 50, AGENT)
BEGUN = Step("started", "pending", "in_progress", 50, OPERATOR)
REPORTED = Step("progress", "in_progress", "in_progress", 60, AGENT)
COMPLETED = Step("completed", "in_progress", "completed", 100, AGENT)
REJECTED = Step("failed", "pending", "failed", 0, APPROVER, "rejected")
CANCELLED = Step("failed", "pending", "failed", 0, OPERATOR, "cancelled")
BROKEN = Step("failed", "in_progress", "failed", 0, AGENT, "error")

Shape = tuple[Step, ...]
ENDED: tuple[Shape, ...] = (
    *([(CREATED, BEGUN, COMPLETED)] * 4),
    (CREATED, APPROVED, STARTED, COMPLETED),
    (CREATED, APPROVED, STARTED, REPORTED, COMPLETED),
    (CREATED, REJECTED),
    (CREATED, REJECTED),
    (CREATED, CANCELLED),
    (CREATED, BEGUN, BROKEN),
)
OPEN: tuple[Shape, ...] = (
    (CREATED,),
    (CREATED,),
    (CREATED, APPROVED),
    (CREATED, APPROVED, STARTED),
    (CREATED, APPROVED, STARTED),
)
SHAPES = (*ENDED, *OPEN)
EVENTS_OF_ENDED, EVENTS_OF_OPEN = (sum(map(len, turn)) for turn in (ENDED, OPEN))


@dataclass(frozen=True, slots=True)
class Extent:
    """How many tasks of either kind; both are whole turns."""

    ended: int
    open: int

    @property
    def tasks(self) -> int:
        return self.ended + self.open

    @property
    def events(self) -> int:
        """Three for each ended task, two for each open one."""
        return self.ended // len(ENDED) * EVENTS_OF_ENDED + self.open // len(OPEN) * EVENTS_OF_OPEN


def extent(tasks: int) -> Extent:
    still_open = min(OPEN_AT_MOST, tasks // 10) // len(OPEN) * len(OPEN)
    return Extent((tasks - still_open) // len(ENDED) * len(ENDED), still_open)


def slots() -> Iterator[tuple[int, int, int]]:
    """Each shape with how many events come before it in its turn, and how many it has."""
    for first, turn in ((0, ENDED), (len(ENDED), OPEN)):
        before = 0
        for place, shape in enumerate(turn, first):
            yield place, before, len(shape)
            before += len(shape)
