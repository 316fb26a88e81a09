"""The JSON of plans, states and metrics."""

from typing import Any

from orchestration.services import Activation


def plan_json(made: Activation) -> dict[str, Any]:
    """A dry run has no id and no tasks yet; it says how many there would be."""
    return {
        "planId": made.plan.plan_id if made.plan else None,
        "channels": list(made.channels),
        "totalTasksGenerated": len(made.chosen),
        "skipped": [
            {"template": one.template.name, "reason": one.reason.value} for one in made.skipped
        ],
        "tasks": list(made.tasks),
        "status": made.status.value,
    }
