"""Tasks that have a past: work that happened elsewhere or earlier, told as the changes it was.

Every step goes through the same planner as a live change, so a told history is one that the life
cycle allows, with the same fields, targets and events.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from execution.changes import EventDraft, TaskChange, first_event, plan_change, planned_target
from execution.enums import TaskStatus
from execution.models import Task, TaskTarget
from execution.rows import TaskRow, TaskState, merged
from execution.services import NewTask, TaskHistory, new_task_id

NOT_SAVED = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One change as it was asked for, when and by whom (`user:…`, `agent:…`, `system:…`)."""

    change: TaskChange
    actor: str
    at: datetime


def tell(new: NewTask, steps: Iterable[Step], *, created_at: datetime, actor: str) -> TaskHistory:
    """The task as it is after `steps`, in their order; instants may lie in any order.

    Raises
    ------
    InvalidTransition, ValidationError: the life cycle does not allow a step
    """
    slugs = new.targets or [new.marketplace_id]
    targets = [planned_target(NOT_SAVED, slug, created_at) for slug in slugs]
    state = TaskState(_first_row(new, created_at), targets)
    minutes = new.estimated_minutes
    events = [
        first_event(actor=actor, at=created_at, agent_id=new.agent_id, estimated_minutes=minutes)
    ]
    for step in steps:
        state = _after(state, step, events)
    return TaskHistory(_task(state.row), [TaskTarget(**row) for row in _unsaved(state)], events)


def _first_row(new: NewTask, created_at: datetime) -> TaskRow:
    return {
        "id": NOT_SAVED,
        "task_id": new_task_id(),
        "external_id": new.external_id,
        "title": new.title,
        "task_type": new.task_type,
        "marketplace_id": new.marketplace_id,
        "agent_id": new.agent_id,
        "status": TaskStatus.PENDING.value,
        "progress": 0,
        "priority": new.priority.value,
        "estimated_minutes": new.estimated_minutes,
        "created_at": created_at,
        "approved_at": None,
        "started_at": None,
        "ended_at": None,
        "updated_at": created_at,
        "due_at": created_at + timedelta(minutes=new.estimated_minutes),
        "error": None,
        "failure_reason": None,
        "progress_at_failure": None,
        "attempt": 1,
        "version": 1,
        "sequence": NOT_SAVED,
    }


def _after(state: TaskState, step: Step, events: list[EventDraft]) -> TaskState:
    plan = plan_change(state, step.change, actor=step.actor, now=step.at)
    if not plan.events:
        return state
    events += plan.events
    fields = {
        **plan.fields,
        "version": state.row["version"] + 1,
        "updated_at": max(state.row["updated_at"], step.at),
    }
    targets: list[Any] = [plan.targets.get(old["marketplace_id"], old) for old in state.targets]
    return TaskState(merged(state.row, fields), targets)


def _task(row: TaskRow) -> Task:
    """Without the numbers that saving gives."""
    return Task(**{name: value for name, value in row.items() if name not in ("id", "sequence")})


def _unsaved(state: TaskState) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "task_id"} for row in state.targets]
