"""What the overview and the reports say of numbers, in words."""

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from execution.texts import actor_text, exact_text
from optimization.texts import rate
from orchestration.bottlenecks import Bottleneck, Measure
from orchestration.enums import Health, PlanCause
from orchestration.models import Plan

HEALTH_TONES: Final = {
    Health.EXCELLENT: "green",
    Health.GOOD: "blue",
    Health.FAIR: "amber",
    Health.POOR: "red",
    Health.UNKNOWN: "neutral",
}
MEASURES: Final = {
    Measure.APPROVAL: gettext_lazy("Approval rate"),
    Measure.COMPLETION: gettext_lazy("Completion rate"),
    Measure.ERROR: gettext_lazy("Error rate"),
    Measure.SCORE: pgettext_lazy("of an agent", "Score"),
}
WHAT_TO_DO: Final = {
    Measure.APPROVAL: gettext_lazy(
        "Read why its tasks were rejected, and brief it on what was missing."
    ),
    Measure.COMPLETION: gettext_lazy(
        "Look at its failed and late tasks; give it fewer at once, or more time for each."
    ),
    Measure.ERROR: gettext_lazy(
        "Look at its latest errors; pause it until their cause is removed."
    ),
    Measure.SCORE: gettext_lazy("Give it fewer tasks or retrain it until the score is 60 again."),
}


def health_reason(approval: float | None, completion: float | None) -> str:
    values = {"approval": rate(approval), "completion": rate(completion)}
    return _("Approval %(approval)s, completion %(completion)s in 30 days") % values


def bottleneck_value(one: Bottleneck) -> str:
    return str(round(one.value)) if one.measure == Measure.SCORE else rate(one.value)


def bottleneck_threshold(one: Bottleneck) -> str:
    values = {"threshold": one.threshold}
    if one.measure == Measure.SCORE:
        return _("at least %(threshold)s") % values
    if one.measure == Measure.ERROR:
        return _("at most %(threshold)s%%") % values
    return _("at least %(threshold)s%%") % values


def plan_text(plan: Plan) -> str:
    """Who activated it, or which due time did; and whether that was to catch up."""
    if plan.cause == PlanCause.MANUAL or plan.due_at is None:
        return _("activated by %(actor)s") % {"actor": actor_text(plan.actor)}
    sentence = _("on schedule, due %(at)s") % {"at": exact_text(plan.due_at)[:-3]}
    if not plan.missed:
        return sentence
    caught_up = ngettext(
        "caught up once for %(count)d missed time",
        "caught up once for %(count)d missed times",
        plan.missed,
    )
    return f"{sentence}; {caught_up % {'count': plan.missed}}"
