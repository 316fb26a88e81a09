"""Tells a kept recommendation to people, as it was made: the numbers are those of its instant."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from execution.assignment import CandidateLine, Reasoning
from execution.enums import marketplace_name
from optimization import texts
from optimization.recommendation import Reason, confidence_band
from optimization.representations import adjustment_text


def reasoning(kept: Mapping[str, Any]) -> Reasoning:
    """What `recommending.assign_recommended` kept on a task."""
    sentence = _(
        "Recommended for %(task_type)s on %(channel)s with %(confidence)d%% confidence (%(band)s)."
    )
    winner = kept["ranking"][0]
    if winner["lowData"]:
        sentence = ngettext(
            "Recommended for %(task_type)s on %(channel)s with %(confidence)d%% confidence, from "
            "%(ended)d ended task: not enough data.",
            "Recommended for %(task_type)s on %(channel)s with %(confidence)d%% confidence, from "
            "%(ended)d ended tasks: not enough data.",
            winner["sampleSize"],
        )
    plain = _("Recommended for %(task_type)s on %(channel)s.")
    values = {
        "task_type": kept["taskType"],
        "channel": marketplace_name(kept["channel"]),
        "confidence": kept["confidence"],
        "band": texts.CONFIDENCE[confidence_band(kept["confidence"])],
        "ended": winner["sampleSize"],
    }
    lines = [_line(candidate, kept["taskType"]) for candidate in kept["ranking"]]
    return Reasoning(sentence % values, plain % values, lines)


def _line(candidate: Mapping[str, Any], task_type: str) -> CandidateLine:
    base = (_("Base score"), str(candidate["base"]))
    adjustments = [
        (adjustment_text(Reason(one["reason"]), task_type), texts.points(one["points"]))
        for one in candidate["adjustments"]
    ]
    return CandidateLine(
        agent_id=candidate["agentId"],
        score=candidate["final"],
        low_data=candidate["lowData"],
        terms=[base, *adjustments],
        note=_note(candidate),
    )


def _note(candidate: Mapping[str, Any]) -> str:
    count, ended = candidate["openTasks"], candidate["sampleSize"]
    parts = [
        ngettext("%(count)d open task", "%(count)d open tasks", count) % {"count": count},
        ngettext("%(count)d ended in 30 days", "%(count)d ended in 30 days", ended)
        % {"count": ended},
    ]
    if candidate["lowData"]:
        parts.append(_("not enough data"))
    return " · ".join(parts)
