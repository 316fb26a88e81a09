"""Work of some days, told through the service that imports use, with chosen instants."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from execution.enums import EventKind, FailureReason, TaskStatus
from execution.models import Task, TaskEvent
from nexo.shared import clock
from tests.factories import change, make_task_in


def at_noon(days_ago: int, now: datetime) -> datetime:
    return clock.days_ago(days_ago, at=now) + timedelta(hours=12)


def moved(task_id: str, at: datetime) -> None:
    """Shift a task and all its events, the first to `at`; distances stay."""
    task = Task.objects.get(task_id=task_id)
    shift = at - task.created_at
    TaskEvent.objects.filter(task=task).update(at=F("at") + shift)
    instants = ("created_at", "approved_at", "started_at", "ended_at", "due_at", "updated_at")
    Task.objects.filter(pk=task.pk).update(**{name: F(name) + shift for name in instants})


def completed(agent_id: str, *, at: datetime, minutes: float = 30, **fields: Any) -> str:
    """A task that took `minutes` of its estimate of 60."""
    task_id = make_task_in(TaskStatus.COMPLETED, agent_id=agent_id, **fields).row["task_id"]
    moved(task_id, at)
    events = TaskEvent.objects.filter(task__task_id=task_id, kind=EventKind.COMPLETED)
    events.update(execution_minutes=minutes)
    return task_id


def failed(agent_id: str, *, at: datetime, reason: FailureReason, **fields: Any) -> str:
    start = TaskStatus.PENDING if reason == FailureReason.REJECTED else TaskStatus.IN_PROGRESS
    task = make_task_in(start, agent_id=agent_id, **fields)
    task_id = change(task, status=TaskStatus.FAILED, failure_reason=reason).row["task_id"]
    moved(task_id, at)
    return task_id


def week_of(agent_id: str, now: datetime) -> Iterator[str]:
    """Three days: 4 completed and 1 rejected each, one of them failing on the last."""
    for days_ago in (3, 2, 1):
        at = at_noon(days_ago, now)
        for _task in range(4):
            yield completed(agent_id, at=at, minutes=80)
        yield failed(agent_id, at=at, reason=FailureReason.REJECTED)
    yield failed(agent_id, at=at_noon(1, now), reason=FailureReason.ERROR)
