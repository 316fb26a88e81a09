"""What the optimization page shows of each agent, ready for its template."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

from execution.enums import marketplace_names
from execution.page_filters import MOST_UNKNOWN, Ignored, one_of
from execution.representations import whole_minutes
from execution.texts import number_text
from nexo.shared import clock
from optimization import texts
from optimization.action import Action
from optimization.optimizations import Optimization, Shares, Summary
from optimization.queries import DecisionOutcomes
from optimization.recommendation import HIGH_ERROR_ABOVE

SHOWN_AT_FIRST: Final = 24
SORTS: Final = {
    "score": _("Score"),
    "forecast": _("Forecast"),
    "change": pgettext_lazy("forecast against score", "Change"),
    "name": _("Name"),
}
PARAMETERS: Final = ("sort", "action", "show", "agent", "taskType", "channel")
ALSO: Final = "also"
"""By it an open page asks for cards that may have left its list."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that sets a value of the address."""

    value: str
    label: str
    query: str
    is_chosen: bool
    count: int | None = None


@dataclass(frozen=True, slots=True)
class PageState:
    """What the address asks for; what it does not know is left out."""

    values: Mapping[str, str]
    ignored: Sequence[Ignored] = ()

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "PageState":
        values = {name: parameters[name].strip() for name in PARAMETERS if parameters.get(name)}
        ignored: list[Ignored] = []

        def ignore(name: str, reason: str) -> None:
            values.pop(name, None)
            ignored.append(Ignored(name[:100], parameters[name][:100], reason))

        if values.get("sort", "score") not in SORTS:
            ignore("sort", one_of(map(str, SORTS.values())))
        if "action" in values and values["action"] not in set(Action):
            ignore("action", one_of(map(str, texts.ACTIONS.values())))
        show = values.get("show", "0")
        if not (show.isascii() and show.isdigit() and len(show) <= 5):
            ignore("show", str(_("Write a whole number.")))
        unknown = (name for name in parameters if name not in (*PARAMETERS, ALSO))
        for name in islice(unknown, MOST_UNKNOWN):
            ignore(name, str(_("This page has no such filter.")))
        return cls(values, ignored)

    def among(self, agents: Collection[str]) -> "PageState":
        """The same where the page can open the agent that is asked for; else without it."""
        slug = self.values.get("agent")
        if slug is None or slug in agents:
            return self
        values = {name: value for name, value in self.values.items() if name != "agent"}
        told = Ignored("agent", slug[:100], str(_("No active agent has this id.")))
        return PageState(values, [*self.ignored, told])

    @property
    def sort(self) -> str:
        return self.values.get("sort", "score")

    @property
    def show(self) -> int:
        return max(SHOWN_AT_FIRST, int(self.values.get("show", 0)))

    def query(self, **changes: str | None) -> str:
        values = {**self.values, **changes}
        return urlencode({name: value for name, value in values.items() if value})


def sorted_agents(found: Iterable[Optimization], sort: str) -> list[Optimization]:
    """Best first, or by name; agents without a score come last."""
    keys: Mapping[str, Any] = {
        "score": lambda one: (not one.has_score, -one.score, one.agent.slug),
        "forecast": lambda one: (not one.has_score, -one.prediction, one.agent.slug),
        "change": lambda one: (not one.has_score, one.score - one.prediction, one.agent.slug),
        "name": lambda one: one.agent.name.casefold(),
    }
    return sorted(found, key=keys[sort])


def sort_links(state: PageState) -> list[Choice]:
    return [
        Choice(name, str(label), state.query(sort=name, show=None), name == state.sort)
        for name, label in SORTS.items()
    ]


def action_links(state: PageState, found: Sequence[Optimization]) -> list[Choice]:
    chosen = state.values.get("action")
    everything = Choice(
        "", pgettext("every action", "All"), state.query(action=None), chosen is None, len(found)
    )
    links = [everything]
    for action, label in texts.ACTIONS.items():
        count = sum(one.action == action for one in found)
        query = state.query(action=None if chosen == action else action.value)
        links.append(Choice(action.value, str(label), query, chosen == action, count))
    return links


@dataclass(frozen=True, slots=True)
class MoreLink:
    """Where the list goes on: a longer list, opened at the first card that is new in it."""

    query: str
    anchor: str


def more_link(state: PageState, rest: Sequence[Optimization]) -> MoreLink | None:
    if not rest:
        return None
    query = state.query(show=str(state.show + SHOWN_AT_FIRST))
    return MoreLink(query, anchor(rest[0].agent.slug))


def anchor(slug: str) -> str:
    """Where the page has the agent's card."""
    return f"card-{slug}"


# -- Summary cards -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SummaryCard:
    key: str
    label: str
    figure: str
    note: str
    tone: str
    icon: str


def summary_cards(summary: Summary, found: Sequence[Optimization]) -> list[SummaryCard]:
    scored = sum(one.has_score for one in found)
    of_scored = ngettext(
        "of %(count)d agent with data", "of %(count)d agents with data", scored
    ) % {"count": scored}
    return [
        SummaryCard(
            "forecast",
            str(_("Mean forecast")),
            str(summary.average_prediction) if scored else "—",
            of_scored,
            "violet",
            "forecast",
        ),
        SummaryCard(
            "scale",
            str(_("Ready to scale")),
            str(summary.ready_to_scale),
            _scale_note(found),
            "green",
            "trend-up",
        ),
        SummaryCard(
            "retrain",
            str(_("Need retraining")),
            str(summary.needing_retraining),
            _retraining_note(found),
            "red",
            "retrain",
        ),
        SummaryCard(
            "agents",
            str(_("Total optimized")),
            str(summary.agents),
            str(_("active agents")),
            "blue",
            "agents",
        ),
    ]


def _scale_note(found: Sequence[Optimization]) -> str:
    note = str(_("score of 80 or more"))
    failing = sum(one.has_many_errors for one in found if one.has_score and one.score >= 80)
    if not failing:
        return note
    of_them = ngettext(
        "%(count)s with an error rate above 10%%",
        "%(count)s with error rates above 10%%",
        failing,
    )
    return f"{note}, {of_them % {'count': number_text(failing)}}"


def _retraining_note(found: Sequence[Optimization]) -> str:
    note = str(_("score below 50"))
    unsure = sum(one.low_data for one in found if one.has_score and one.score < 50)
    if not unsure:
        return note
    of_them = ngettext("%(count)s without enough data", "%(count)s without enough data", unsure)
    return f"{note}, {of_them % {'count': number_text(unsure)}}"


# -- An agent's card -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WeightBar:
    name: str
    percent: str
    share: int


@dataclass(frozen=True, slots=True)
class DayScore:
    day: str
    score: str
    facts: str


@dataclass(frozen=True, slots=True)
class AgentCard:
    """One card; texts are in the reader's language."""

    slug: str
    name: str
    is_paused: bool
    channels: str
    score: int
    has_score: bool
    band: str
    band_tone: str
    prediction: int
    arrow: str
    trend: str
    difference: str
    interval: str
    weights: Sequence[WeightBar]
    is_manual: bool
    action: str
    action_tone: str
    action_icon: str
    reason: str
    sample: str
    low_data: bool
    days: Sequence[DayScore]
    at: datetime
    query: str
    has_left: bool  # no longer in the list, but still on a page that shows it
    is_open: bool  # its drawer is

    @property
    def anchor(self) -> str:
        return anchor(self.slug)


def agent_card(one: Optimization, state: PageState, *, has_left: bool = False) -> AgentCard:
    return AgentCard(
        slug=one.agent.slug,
        name=one.agent.name,
        is_paused=one.agent.is_paused,
        channels=marketplace_names(one.agent.marketplaces),
        score=one.score,
        has_score=one.has_score,
        band=str(texts.BANDS[one.band]) if one.band else "",
        band_tone=texts.BAND_TONES[one.band] if one.band else "neutral",
        prediction=one.prediction,
        arrow=texts.ARROWS[one.trend],
        trend=str(texts.TRENDS[one.trend]),
        difference=texts.points(one.prediction - one.score),
        interval=interval_text(one),
        weights=weight_bars(one.weights),
        is_manual=one.source == "manual",
        action=str(texts.ACTIONS[one.action]),
        action_tone=texts.ACTION_TONES[one.action],
        action_icon=texts.ACTION_ICONS[one.action],
        reason=texts.action_reason(one),
        sample=sample_text(one),
        low_data=one.low_data,
        days=day_scores(one),
        at=one.at,
        query=state.query(agent=one.agent.slug),
        has_left=has_left,
        is_open=state.values.get("agent") == one.agent.slug,
    )


def interval_text(one: Optimization) -> str:
    return f"{one.interval[0]}–{one.interval[1]}" if one.interval else ""


def claims_interval(one: Optimization) -> bool:
    """Whether it may be said how often a score falls into the interval: not from little data, and
    not of a single point, which days that were all alike or the end of the scale leave of it."""
    return one.interval is not None and not one.low_data and one.interval[0] < one.interval[1]


def editable_weights(one: Optimization) -> Shares:
    """What the form starts with: as they were set, or the adaptive ones to a thousandth."""
    if one.agent.pinned:
        return one.agent.pinned
    approval, completion = round(one.weights[0], 3), round(one.weights[1], 3)
    return approval, completion, round(1 - approval - completion, 3)


def weight_bars(weights: Sequence[float]) -> list[WeightBar]:
    shares = texts.whole_percents(weights)
    return [
        WeightBar(str(name), f"{share}%", share)
        for name, share in zip(texts.TERM_NAMES, shares, strict=True)
    ]


def sample_text(one: Optimization) -> str:
    ended = ngettext("%(count)s task ended", "%(count)s tasks ended", one.ended_tasks)
    days = ngettext("%(count)d day with data", "%(count)d days with data", one.history_days)
    ended_text = ended % {"count": number_text(one.ended_tasks)}
    return f"{ended_text} · {days % {'count': one.history_days}}"


def day_scores(one: Optimization) -> list[DayScore]:
    """The days that have a score, newest first, as the table beside the chart lists them."""
    days = zip(history_days(one), one.history, one.facts, strict=True)
    return [
        DayScore(date_format(day, "SHORT_DATE_FORMAT"), str(score), number_text(facts))
        for day, score, facts in reversed(list(days))
        if score is not None
    ]


def history_days(one: Optimization) -> list[date]:
    today = clock.business_day(one.at)
    return [today - timedelta(days=back) for back in range(len(one.history) - 1, -1, -1)]


def chart_data(one: Optimization) -> dict[str, Any]:
    """What the chart draws: days as seconds at noon UTC, so that no zone shifts a label."""
    noons = [
        int((day - date(1970, 1, 1)).total_seconds()) + 43_200
        for day in [*history_days(one), clock.business_day(one.at) + timedelta(days=1)]
    ]
    return {
        "days": noons,
        "scores": [*one.history, None],
        "prediction": one.prediction if one.has_score else None,
        "interval": list(one.interval) if one.interval else None,
    }


# -- An agent's drawer ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScoreTerm:
    """One line of the score's arithmetic; without data it has no part in it."""

    name: str
    rate: str
    made_of: str
    weight: str
    contribution: str


def outcomes_text(found: DecisionOutcomes) -> str:
    """What became of its recommended tasks; nothing without any."""
    if not found.recommended:
        return ""
    sentence = ngettext(
        "Recommended in 30 days for %(count)s task that it kept",
        "Recommended in 30 days for %(count)s tasks that it kept",
        found.recommended,
    )
    parts = [
        (ngettext("%(count)s completed", "%(count)s completed", found.completed), found.completed),
        (
            ngettext("%(count)s ended in error", "%(count)s ended in error", found.failed),
            found.failed,
        ),
        (ngettext("%(count)s rejected", "%(count)s rejected", found.rejected), found.rejected),
        (ngettext("%(count)s cancelled", "%(count)s cancelled", found.cancelled), found.cancelled),
        (ngettext("%(count)s open", "%(count)s open", found.open), found.open),
    ]
    head = sentence % {"count": number_text(found.recommended)}
    told = ", ".join(part % {"count": number_text(count)} for part, count in parts if count)
    if not found.retried:
        return f"{head}: {told}."
    again = ngettext("%(count)s was tried again", "%(count)s were tried again", found.retried)
    return f"{head}: {told}; {again % {'count': number_text(found.retried)}}."


def score_terms(one: Optimization) -> list[ScoreTerm]:
    """rate × weight ÷ the weights of the rates that are known; and the error rate, without one."""
    rates = (one.approval_rate, one.completion_rate, one.execution_rate)
    known = sum(w for w, value in zip(one.weights, rates, strict=True) if value is not None)
    lines = []
    for name, value, weight, made_of in zip(
        texts.TERM_NAMES, rates, one.weights, _made_of(one), strict=True
    ):
        has_part = value is not None and known > 0
        share = weight / known if has_part else 0.0
        lines.append(
            ScoreTerm(
                name=str(name),
                rate=texts.rate(value),
                made_of=made_of,
                weight=texts.rate(100 * share) if has_part else "—",
                # So exact that the shown ones add up to what the score was rounded from.
                contribution=(
                    texts.decimal(value * share, 2) if value is not None and has_part else "—"
                ),
            )
        )
    return [*lines, _error_line(one)]


def _error_line(one: Optimization) -> ScoreTerm:
    """What the recommendation and the bottlenecks look at, beside the score."""
    failed, ended = map(number_text, one.errors)
    made_of = _("%(failed)s of %(ended)s failed; no part of the score")
    return ScoreTerm(
        name=str(_("Error rate")),
        rate=texts.rate(one.error_rate, beside=HIGH_ERROR_ABOVE),
        made_of=str(made_of) % {"failed": failed, "ended": ended},
        weight="—",
        contribution="—",
    )


def _made_of(one: Optimization) -> tuple[str, str, str]:
    counts = {name: whole_minutes(value) for name, value in one.counts.items()}
    return (
        texts.decided_text(counts["approved"], counts["rejected"]),
        texts.ended_text(counts["completed"], counts["failed"], counts["late"]),
        texts.minutes_text(counts["estimated_minutes"], counts["executed_minutes"]),
    )
