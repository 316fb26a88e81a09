"""How far a task has come: the five states as steps, each with its instant and its length.

Pure: values in, values out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from execution.enums import EventKind, TaskStatus
from execution.rows import TaskRow

StepState = Literal["done", "current", "skipped", "waiting", "failed"]
STEPS: Final = (
    TaskStatus.PENDING,
    TaskStatus.APPROVED,
    TaskStatus.IN_PROGRESS,
    TaskStatus.MARKETPLACE_SYNC,
    TaskStatus.COMPLETED,
)


@dataclass(frozen=True, slots=True)
class Step:
    """`minutes` is how long the task was in the status, so far or in all; None when not known."""

    status: TaskStatus
    state: StepState
    reached_at: datetime | None = None
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One change of status, as the log has it."""

    kind: EventKind
    status: TaskStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class Stay:
    """From when until when a task was in a status; `until` is None while it is."""

    at: datetime
    until: datetime | None = None


def stays(turns: Iterable[Turn]) -> dict[TaskStatus, Stay]:
    """The last stay in each status, of one attempt's turns in their order."""
    found: dict[TaskStatus, Stay] = {}
    here: TaskStatus | None = None
    for turn in turns:
        if here is not None:
            found[here] = Stay(found[here].at, turn.at)
        # A failure that was undone did not interrupt the stay before it.
        goes_on = turn.kind == EventKind.UNDONE and turn.status in found
        found[turn.status] = Stay(found[turn.status].at if goes_on else turn.at)
        here = turn.status
    return found


def _reached(row: TaskRow, past: Mapping[TaskStatus, Stay]) -> dict[TaskStatus, datetime | None]:
    """When each was reached. Work that an agent lost again is known to the log alone."""
    work = past.get(TaskStatus.IN_PROGRESS)
    sync = past.get(TaskStatus.MARKETPLACE_SYNC)
    return {
        TaskStatus.PENDING: row["created_at"],
        TaskStatus.APPROVED: row["approved_at"],
        TaskStatus.IN_PROGRESS: row["started_at"] or (work.at if work else None),
        TaskStatus.MARKETPLACE_SYNC: sync.at if sync else None,
        TaskStatus.COMPLETED: row["ended_at"],
    }


def steps(row: TaskRow, *, past: Mapping[TaskStatus, Stay], now: datetime) -> list[Step]:
    """The five steps of the present attempt; a failed task ends on a step of its own."""
    status = TaskStatus(row["status"])
    last = TaskStatus.FAILED if status == TaskStatus.FAILED else TaskStatus.COMPLETED
    reached = {**_reached(row, past), last: row["ended_at"]}
    order = [*STEPS[:-1], last]
    here = order.index(status)
    found: list[Step] = []
    for place, step in enumerate(order):
        at = reached[step]
        if place > here:
            found.append(Step(step, "waiting"))
        elif at is None:
            found.append(Step(step, "skipped"))
        else:
            later = (reached[after] for after in order[place + 1 : here + 1])
            stay = past.get(step)
            # Of a stay that the row does not know the log has the end too.
            ended = stay.until if stay and stay.at == at else None
            until = ended or next((instant for instant in later if instant), None)
            found.append(Step(step, _state(step, status), at, _minutes(step, at, until, now)))
    return found


def _state(step: TaskStatus, status: TaskStatus) -> StepState:
    if step == TaskStatus.FAILED:
        return "failed"
    return "current" if step == status and status != TaskStatus.COMPLETED else "done"


def _minutes(step: TaskStatus, at: datetime, until: datetime | None, now: datetime) -> int | None:
    if step in (TaskStatus.COMPLETED, TaskStatus.FAILED):
        return None
    return max(0, int(((until or now) - at).total_seconds() // 60))
