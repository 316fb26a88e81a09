"""Small makers of bulk orders and of the people who give them."""

from typing import Any

from accounts.callers import Caller, caller_for_user
from accounts.roles import Role
from execution import services
from execution.filters import filter_values
from execution.models import Task, TaskEvent
from execution.services import NewTask
from orchestration.bulk.enums import BulkAction
from orchestration.bulk.orders import Order
from tests.factories import OPERATOR, make_user


def person(role: Role | None = Role.HEAD, **fields: Any) -> Caller:
    return caller_for_user(make_user(role, **fields))


def by_ids(action: str, *task_ids: str, **fields: Any) -> Order:
    return Order(BulkAction(action), **{"reason": "teste", "task_ids": task_ids, **fields})


def by_filter(action: str, agent_id: str | None = None, **filters: str) -> Order:
    values = filter_values(filters)
    return Order(
        BulkAction(action), reason="teste", agent_id=agent_id, filters=filters, values=values
    )


def make_tasks(count: int, **fields: Any) -> list[str]:
    """Pending tasks, created together."""
    values: dict[str, Any] = {
        "task_type": "photo",
        "title": "Foto",
        "marketplace_id": "amazon",
        "estimated_minutes": 60.0,
        **fields,
    }
    states = services.create_tasks([NewTask(**values)] * count, caller=OPERATOR)
    return [state.row["task_id"] for state in states]


def kinds(task_id: str) -> list[str]:
    events = TaskEvent.objects.filter(task__task_id=task_id).order_by("sequence")
    return list(events.values_list("kind", flat=True))


def statuses() -> dict[str, str]:
    return dict(Task.objects.values_list("task_id", "status"))
