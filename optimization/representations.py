"""The JSON of optimizations, recommendations and changes of weights."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from nexo.shared.instants import to_rfc3339
from optimization.arrays import round_half_up
from optimization.models import WeightChange
from optimization.optimizations import Optimization, Shares, Summary
from optimization.recommendation import Ranked, Reason, Recommendation, confidence_band

WEIGHT_KEYS = ("approvalRate", "completionRate", "executionTime")


def weights_json(weights: Iterable[float]) -> dict[str, float]:
    return dict(zip(WEIGHT_KEYS, weights, strict=True))


def optimization_json(one: Optimization) -> dict[str, Any]:
    return {
        "agentId": one.agent.slug,
        "agentName": one.agent.name,
        "channels": list(one.agent.marketplaces),
        "baseScore": one.score,
        "scoreBand": one.band,
        "adaptiveWeights": weights_json(one.weights),
        "weightsSource": one.source,
        "predictedPerformance": one.prediction,
        "predictionInterval": list(one.interval) if one.interval else None,
        "trend": one.trend,
        "recommendedAction": one.action,
        "history": list(one.history),
        "historyDays": one.history_days,
        "terms": terms_json(one),
        "lowData": one.low_data,
        "lastOptimization": to_rfc3339(one.at),
    }


def terms_json(one: Optimization) -> dict[str, Any]:
    counts = one.counts
    completed, failed = int(counts["completed"]), int(counts["failed"])
    return {
        "approvalRate": {
            "rate": two_decimals(one.approval_rate),
            "approved": int(counts["approved"]),
            "rejected": int(counts["rejected"]),
        },
        "completionRate": {
            "rate": two_decimals(one.completion_rate),
            "completed": completed,
            "failed": failed,
            "late": int(counts["late"]),
        },
        "executionTime": {
            "rate": two_decimals(one.execution_rate),
            "estimatedMinutes": two_decimals(counts["estimated_minutes"]),
            "executionMinutes": two_decimals(counts["executed_minutes"]),
        },
        "errorRate": {
            "rate": two_decimals(one.error_rate),
            "failed": failed,
            "ended": completed + failed,
        },
    }


def two_decimals(value: float | None) -> float | None:
    """Half up, as every number that is shown."""
    return None if value is None else int(round_half_up(np.array(value * 100))) / 100


def summary_json(summary: Summary) -> dict[str, int]:
    return {
        "agentsNeedingRetraining": summary.needing_retraining,
        "agentsReadyToScale": summary.ready_to_scale,
        "averagePredictedPerformance": summary.average_prediction,
    }


def preview_json(one: Optimization) -> dict[str, Any]:
    return {
        "baseScore": one.score,
        "predictedPerformance": one.prediction,
        "recommendedAction": one.action,
        "history": list(one.history),
    }


def weight_change_json(change: WeightChange) -> dict[str, Any]:
    return {
        "at": to_rfc3339(change.at),
        "actor": change.actor,
        "old": _in_order(change.old),
        "new": _in_order(change.new),
        "adaptive": _in_order(change.adaptive),
        "reason": change.reason or None,
    }


def _in_order(weights: Mapping[str, float] | None) -> dict[str, float] | None:
    """PostgreSQL keeps the keys of JSON in an order of its own."""
    return None if weights is None else weights_json(shares_of(weights))


def shares_of(weights: Mapping[str, float]) -> Shares:
    """The three weights in their order, from JSON; a term that it does not know weighed nothing."""
    approval, completion, execution = (float(weights.get(key, 0)) for key in WEIGHT_KEYS)
    return approval, completion, execution


# -- Recommendation ------------------------------------------------------------------------------


def recommendation_json(
    found: Recommendation, *, task_type: str, marketplace_id: str
) -> dict[str, Any]:
    winner = found.winner
    return {
        "taskType": task_type,
        "channel": marketplace_id,
        "recommendedAgentId": winner.candidate.agent_id if winner else None,
        "alternativeAgents": [
            {
                "agentId": ranked.candidate.agent_id,
                "score": ranked.score,
                "reason": _why(ranked, task_type),
            }
            for ranked in found.ranking[1:]
        ],
        "confidence": found.confidence,
        "confidenceBand": confidence_band(found.confidence),
        "expectedSuccessRate": found.expected_success_rate,
        "lowData": winner.candidate.low_data if winner else True,
        "explanation": [explanation_json(ranked, task_type) for ranked in found.ranking],
    }


def _why(ranked: Ranked, task_type: str) -> str:
    if ranked.is_specialist:
        return _("Specialist in %(task_type)s") % {"task_type": task_type}
    return _("Overall performance")


def explanation_json(ranked: Ranked, task_type: str) -> dict[str, Any]:
    return {
        "agentId": ranked.candidate.agent_id,
        "base": ranked.candidate.base_score,
        "adjustments": [
            {"reason": adjustment_text(adjustment.reason, task_type), "points": adjustment.points}
            for adjustment in ranked.adjustments
        ],
        "final": ranked.score,
        "sampleSize": ranked.candidate.ended_tasks,
    }


def adjustment_text(reason: Reason, task_type: str) -> str:
    texts: Mapping[Reason, str] = {
        Reason.SPECIALTY: _("Specialist in %(task_type)s") % {"task_type": task_type},
        Reason.LOW_APPROVAL: _("Approval rate below 70%"),
        Reason.HIGH_ERROR: _("Error rate above 10%"),
    }
    return texts[reason]
