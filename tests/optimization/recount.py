"""The facts a second time: counted from the log by a plain loop over every event."""

from collections import Counter
from typing import Any

from execution.models import TaskEvent
from nexo.shared import clock

Facts = dict[tuple[Any, ...], dict[str, float]]
REASON = {
    "error": "failed_error",
    "timeout": "failed_timeout",
    "cancelled": "cancelled",
    "rejected": "rejected",
}


def recount() -> Facts:
    """Nonzero amounts by (day, agent, marketplace, type)."""
    facts: dict[tuple[Any, ...], Counter[str]] = {}
    failures: dict[int, tuple[tuple[Any, ...], str]] = {}
    for event in TaskEvent.objects.select_related("task").order_by("sequence"):
        place = (
            clock.business_day(event.at),
            event.agent_id or "",
            event.task.marketplace_id,
            event.task.task_type,
        )
        counter = facts.setdefault(place, Counter())
        entered = event.to_status if event.to_status != event.from_status else None
        if event.kind == "created":
            counter["created"] += 1
        elif event.kind == "undone":
            undone_place, name = failures[event.task_id]
            facts[undone_place][name] -= 1
        elif entered == "failed":
            name = REASON[str(event.failure_reason)]
            counter[name] += 1
            failures[event.task_id] = place, name
        elif entered in ("approved", "in_progress") and event.from_status == "pending":
            counter["approved"] += event.actor != "system:playbook"
        elif entered == "completed":
            counter["completed"] += 1
            if event.execution_minutes is not None:
                counter["timed"] += 1
                counter["estimated_minutes"] += event.estimated_minutes
                counter["executed_minutes"] += event.execution_minutes
    return {place: rounded(counter) for place, counter in facts.items() if rounded(counter)}


def rounded(amounts: Any, places: int = 6) -> dict[str, float]:
    return {name: round(value, places) for name, value in amounts.items() if round(value, places)}
