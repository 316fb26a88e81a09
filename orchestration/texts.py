"""What the overview and the reports say of numbers, in words."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from execution.models import Agent
from execution.texts import actor_text, exact_text, number_text
from nexo.shared.clock import business_day
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


# -- Instants ------------------------------------------------------------------------------------


def moment_text(instant: datetime, *, now: datetime | None = None) -> str:
    """On pages: `24/02/2026 14:30`; of today's the time alone, where `now` is given."""
    text = exact_text(instant)[:-3]
    if now is not None and business_day(instant) == business_day(now):
        return text[-5:]
    return text


# -- Health and bottlenecks ----------------------------------------------------------------------


def health_reason(approval: float | None, completion: float | None) -> str:
    values = {"approval": rate(approval), "completion": rate(completion)}
    return _("Approval %(approval)s, completion %(completion)s in 30 days") % values


def bottleneck_value(one: Bottleneck) -> str:
    if one.measure == Measure.SCORE:
        return str(round(one.value))
    return rate(one.value, beside=one.threshold)


def bottleneck_threshold(one: Bottleneck) -> str:
    values = {"threshold": one.threshold}
    if one.measure == Measure.SCORE:
        return _("at least %(threshold)s") % values
    if one.measure == Measure.ERROR:
        return _("at most %(threshold)s%%") % values
    return _("at least %(threshold)s%%") % values


def share_text(part: int, whole: int) -> str:
    return _("%(part)s of %(whole)s") % {"part": number_text(part), "whole": number_text(whole)}


class Nobody(StrEnum):
    """Why a marketplace's tasks find no agent."""

    NONE = "none"
    INACTIVE = "inactive"
    PAUSED = "paused"
    FULL = "full"


class Reader(NamedTuple):
    """What whoever reads an advice may do about it."""

    may_enter_admin: bool
    may_run: bool


NOBODY: Final = {
    Nobody.NONE: gettext_lazy(
        "No agent works there. Create one under Administration, or add the marketplace to one."
    ),
    Nobody.INACTIVE: gettext_lazy(
        "Every agent there is inactive. Activate one under Administration, or activate NEXO for it."
    ),
    Nobody.PAUSED: gettext_lazy("Every active agent there is paused. Resume one."),
    Nobody.FULL: gettext_lazy(
        "Every agent there is at its capacity. Raise it under Administration, or wait until there"
        " is room."
    ),
}
"""For those who may do it themselves; `ASK` is for the others."""
ASK: Final = {
    Nobody.NONE: gettext_lazy("No agent works there. Ask an administrator to add one."),
    Nobody.INACTIVE: gettext_lazy(
        "Every agent there is inactive. Ask an administrator to activate one."
    ),
    Nobody.PAUSED: gettext_lazy(
        "Every active agent there is paused. Ask a head or an administrator to resume one."
    ),
    Nobody.FULL: gettext_lazy(
        "Every agent there is at its capacity. Ask an administrator to raise it, or wait until"
        " there is room."
    ),
}
ACTIVATE_NEXO: Final = gettext_lazy(
    "Every agent there is inactive. Activate NEXO for it, or ask an administrator to activate one."
)


def nobody_reason(there: Sequence[Agent], *, waking: bool = False) -> Nobody:
    """Of the agents of one marketplace; `waking`: those that are inactive no longer are."""
    if not there:
        return Nobody.NONE
    active = [agent for agent in there if agent.is_active or waking]
    if not active:
        return Nobody.INACTIVE
    return Nobody.PAUSED if all(agent.is_paused for agent in active) else Nobody.FULL


def nobody_text(reason: Nobody, reader: Reader) -> str:
    if reader.may_run if reason == Nobody.PAUSED else reader.may_enter_admin:
        return str(NOBODY[reason])
    if reason == Nobody.INACTIVE and reader.may_run:
        return str(ACTIVATE_NEXO)
    return str(ASK[reason])


# -- Plans ---------------------------------------------------------------------------------------


def plan_text(plan: Plan) -> str:
    """Who activated it, or which due time did; and whether that was to catch up."""
    if plan.cause == PlanCause.MANUAL or plan.due_at is None:
        return _("activated by %(actor)s") % {"actor": actor_text(plan.actor)}
    return _("on schedule, %(due)s") % {"due": due_text(plan.due_at, plan.missed)}


def due_text(due_at: datetime, missed: int) -> str:
    """When it was due; and of how many missed times it is the one that is caught up."""
    sentence = _("due %(at)s") % {"at": moment_text(due_at)}
    if not missed:
        return sentence
    caught_up = ngettext(
        "caught up once for %(count)s missed time",
        "caught up once for %(count)s missed times",
        missed,
    )
    return f"{sentence}, {caught_up % {'count': number_text(missed)}}"


def plan_outcome(made: int, skipped: int) -> str:
    """`8 tasks generated, 40 left out`."""
    generated = ngettext("%(count)s task generated", "%(count)s tasks generated", made)
    left_out = ngettext("%(count)s left out", "%(count)s left out", skipped)
    parts = [generated % {"count": number_text(made)}] if made else [_("no task generated")]
    return ", ".join([*parts, left_out % {"count": number_text(skipped)}] if skipped else parts)
