"""The JSON of plans, states and metrics."""

from typing import Any

from nexo.shared.instants import to_rfc3339
from optimization.representations import two_decimals
from orchestration.enums import UnassignedReason
from orchestration.overview import AgentState, Metrics, Overview, Totals
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
        "unassigned": [
            {
                "template": one.template.name,
                "taskId": one.task_id,
                "reason": UnassignedReason.NO_CANDIDATE.value,
            }
            for one in made.unassigned
        ],
        "status": made.status.value,
    }


def status_json(found: Overview, *, with_scores: bool) -> dict[str, Any]:
    totals = found.totals
    return {
        "agents": [agent_json(agent, with_score=with_scores) for agent in found.agents],
        "summary": {
            "agents": len(found.agents),
            "active": found.active,
            "paused": found.paused,
            "open": found.metrics.open,
            **_totals_json(totals),
        },
        "health": found.health.value,
    }


def agent_json(agent: AgentState, *, with_score: bool) -> dict[str, Any]:
    return {
        "agentId": agent.slug,
        "agentName": agent.name,
        "active": agent.is_active,
        "paused": agent.is_paused,
        "open": agent.open,
        **_totals_json(agent.totals),
        **({"score": agent.score} if with_score else {}),
    }


def _totals_json(totals: Totals) -> dict[str, Any]:
    return {
        "generated": totals.generated,
        "approved": totals.approved,
        "rejected": totals.rejected,
        "completed": totals.completed,
        "failed": totals.failed,
        "successRate": two_decimals(totals.success_rate),
        "lastActivity": to_rfc3339(totals.last_activity),
    }


def metrics_json(found: Metrics) -> dict[str, Any]:
    return {
        "approvalRate": two_decimals(found.approval_rate),
        "completionRate": two_decimals(found.completion_rate),
        "executionTime": two_decimals(found.execution_rate),
        "errorRate": two_decimals(found.error_rate),
        "score": found.score,
        "generated": found.generated,
        "approved": found.approved,
        "rejected": found.rejected,
        "completed": found.completed,
        "failed": found.failed,
        "late": found.late,
        "open": found.open,
    }
