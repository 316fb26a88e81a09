"""What happened to a task, by what its log still knows."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from execution.changes import TaskChange
from execution.enums import TaskStatus
from execution.histories import Step, tell
from execution.importing.rows import LogRow
from execution.models import STARTED_STATUSES
from execution.services import NewTask, TaskHistory

ACTOR: Final = "system:import"


def history_of(row: LogRow, *, now: datetime) -> TaskHistory:
    """The row as a task with its past.

    Instants stay as recorded, in whatever order. One that is missing but needed is the latest of
    the earlier ones; creation, which has no earlier one, is the first instant known, else `now`.
    """
    created_at = row.created_at or min(row.instants(), default=now)
    new = NewTask(
        task_type=row.task_type,
        title=row.title,
        marketplace_id=row.marketplace_id,
        estimated_minutes=row.estimated_minutes,
        agent_id=row.agent_id,
        external_id=row.external_id,
    )
    return tell(new, _steps(row, created_at), created_at=created_at, actor=ACTOR)


def _steps(row: LogRow, created_at: datetime) -> Iterator[Step]:
    """The shortest way to the row's status through the instants that it has.

    What lies beyond the status is left out: a pending task has no approval yet, whatever its row
    says.
    """
    status = row.status
    if status == TaskStatus.PENDING:
        return
    latest = created_at
    approved_at = row.approved_at
    if status == TaskStatus.APPROVED:
        approved_at = approved_at or latest
    if approved_at is not None:
        yield _step(TaskStatus.APPROVED, approved_at)
        latest = max(latest, approved_at)
    started_at = row.started_at
    if status in STARTED_STATUSES:
        started_at = started_at or latest
    if started_at is not None and status != TaskStatus.APPROVED:
        # Without an approval before it, the start approves.
        yield _step(TaskStatus.IN_PROGRESS, started_at)
        latest = max(latest, started_at)
    if status == TaskStatus.MARKETPLACE_SYNC:
        yield _step(status, latest)
    elif status == TaskStatus.COMPLETED:
        yield _step(status, row.completed_at or latest)
    elif status == TaskStatus.FAILED:
        change = TaskChange(status, failure_reason=row.failure_reason)
        yield Step(change, ACTOR, row.completed_at or latest)


def _step(status: TaskStatus, at: datetime) -> Step:
    return Step(TaskChange(status), ACTOR, at)
