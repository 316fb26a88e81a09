"""How far a task has come: the five states as steps, each with its instant and its length.

Pure: values in, values out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from execution.enums import TaskStatus
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


def _reached(row: TaskRow, syncing_at: datetime | None) -> Mapping[TaskStatus, datetime | None]:
    return {
        TaskStatus.PENDING: row["created_at"],
        TaskStatus.APPROVED: row["approved_at"],
        TaskStatus.IN_PROGRESS: row["started_at"],
        TaskStatus.MARKETPLACE_SYNC: syncing_at,
        TaskStatus.COMPLETED: row["ended_at"],
    }


def steps(row: TaskRow, *, syncing_at: datetime | None, now: datetime) -> list[Step]:
    """The five steps of the present attempt; a failed task ends on a step of its own.

    `syncing_at` is when the task last went to the marketplaces without coming back.
    """
    status = TaskStatus(row["status"])
    last = TaskStatus.FAILED if status == TaskStatus.FAILED else TaskStatus.COMPLETED
    reached: dict[TaskStatus, datetime | None] = {
        **_reached(row, syncing_at),
        last: row["ended_at"],
    }
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
            until = next((instant for instant in later if instant), None)
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
