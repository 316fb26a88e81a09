"""What the overview shows, ready for its template."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from execution.enums import Card, MarketplaceSlug, TaskStatus
from execution.texts import number_text
from execution.totals import CARD_OF_STATUS
from optimization.texts import BAND_TONES, BANDS, rate
from orchestration import texts
from orchestration.bottlenecks import Bottleneck, Measure
from orchestration.enums import PlanStatus
from orchestration.models import TaskTemplate
from orchestration.overview import AgentState, Overview
from orchestration.queries import PlanProgress, tasks_of
from orchestration.reports import TITLES
from orchestration.services import Activation

SHOWN_AT_FIRST: Final = 24


# -- Figures -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    key: str
    label: str
    figure: str
    note: str
    tone: str
    icon: str


def figures(found: Overview) -> list[Figure]:
    ever, recent = found.totals, found.metrics
    paused = ngettext("%(count)d paused", "%(count)d paused", found.paused)
    of_all = _("of %(total)s") % {"total": number_text(len(found.agents))}
    in_window = _("%(count)s in 30 days")
    of_completion = _("%(completed)s completed, %(failed)s failed, %(late)s late") % {
        "completed": number_text(recent.completed),
        "failed": number_text(recent.failed),
        "late": number_text(recent.late),
    }
    return [
        Figure(
            "health",
            _("System health"),
            str(found.health.label),
            texts.health_reason(recent.approval_rate, recent.completion_rate),
            texts.HEALTH_TONES[found.health],
            "health",
        ),
        Figure(
            "agents",
            _("Active agents"),
            number_text(found.active),
            f"{of_all}, {paused % {'count': found.paused}}" if found.paused else of_all,
            "blue",
            "agents",
        ),
        Figure(
            "generated",
            _("Tasks generated"),
            number_text(ever.generated),
            in_window % {"count": number_text(recent.generated)},
            "neutral",
            "generated",
        ),
        Figure(
            "completed",
            _("Tasks completed"),
            number_text(ever.completed),
            in_window % {"count": number_text(recent.completed)},
            "green",
            "completed",
        ),
        Figure(
            "completion",
            _("Completion in 30 days"),
            rate(recent.completion_rate),
            of_completion,
            "violet",
            "total",
        ),
    ]


# -- Agents --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateBar:
    name: str
    text: str
    value: float | None


@dataclass(frozen=True, slots=True)
class AgentCard:
    """One agent; `score` is None for those who may not see scores, too."""

    slug: str
    name: str
    channels: str
    state: str
    state_tone: str
    state_icon: str
    is_paused: bool
    shows_score: bool
    score: int | None
    band: str
    band_tone: str
    counts: Sequence[tuple[str, str]]
    rates: Sequence[RateBar]
    load: str
    last_activity: datetime | None


def agent_cards(found: Overview, *, with_scores: bool) -> list[AgentCard]:
    """The active agents first, each group by id."""
    in_order = sorted(found.agents, key=lambda agent: (not agent.is_active, agent.slug))
    return [_agent_card(agent, with_score=with_scores) for agent in in_order]


def _agent_card(agent: AgentState, *, with_score: bool) -> AgentCard:
    state, tone, icon = _state(agent)
    totals, band = agent.totals, agent.recent.band
    counts = (
        (_("Generated"), totals.generated),
        (_("Approved"), totals.approved),
        (_("Rejected"), totals.rejected),
        (pgettext("tasks", "Completed"), totals.completed),
        (pgettext("tasks", "Failed"), totals.failed),
    )
    rates = (
        (_("Approval"), agent.recent.approval_rate),
        (_("Completion"), agent.recent.completion_rate),
        (pgettext("rate", "Success, ever"), totals.success_rate),
    )
    return AgentCard(
        slug=agent.slug,
        name=agent.name,
        channels=", ".join(str(MarketplaceSlug(s).label) for s in agent.recent.agent.marketplaces),
        state=state,
        state_tone=tone,
        state_icon=icon,
        is_paused=agent.is_paused,
        shows_score=with_score,
        score=agent.score if with_score else None,
        band=str(BANDS[band]) if band else "",
        band_tone=BAND_TONES[band] if band else "neutral",
        counts=[(name, number_text(count)) for name, count in counts],
        rates=[RateBar(name, rate(value), value) for name, value in rates],
        load=_load(agent),
        last_activity=totals.last_activity,
    )


def _state(agent: AgentState) -> tuple[str, str, str]:
    if not agent.is_active:
        return _("Inactive"), "neutral", "steady"
    if agent.is_paused:
        return _("Paused"), "amber", "paused"
    return _("Active"), "green", "completed"


def _load(agent: AgentState) -> str:
    open_tasks = number_text(agent.open)
    if agent.capacity is None:
        return open_tasks
    return _("%(open)s of %(capacity)s") % {
        "open": open_tasks,
        "capacity": number_text(agent.capacity),
    }


# -- Bottlenecks ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BottleneckLine:
    measure: str
    value: str
    threshold: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class AgentBottlenecks:
    agent_id: str
    agent_name: str
    lines: Sequence[BottleneckLine]


def agent_bottlenecks(found: Overview, *, with_scores: bool) -> list[AgentBottlenecks]:
    """By agent, in the order of the report."""
    shown = [one for one in found.bottlenecks if with_scores or one.measure != Measure.SCORE]
    return [
        AgentBottlenecks(agent_id, name, [_bottleneck_line(one) for one in of_agent])
        for (agent_id, name), of_agent in groupby(
            shown, key=lambda one: (one.agent_id, one.agent_name)
        )
    ]


def _bottleneck_line(one: Bottleneck) -> BottleneckLine:
    return BottleneckLine(
        measure=str(texts.MEASURES[one.measure]),
        value=texts.bottleneck_value(one),
        threshold=texts.bottleneck_threshold(one),
        what_to_do=str(texts.WHAT_TO_DO[one.measure]),
    )


# -- The plan ------------------------------------------------------------------------------------

CARD_TONES: Final = {
    Card.PENDING: "neutral",
    Card.IN_PROGRESS: "blue",
    Card.COMPLETED: "green",
    Card.FAILED: "red",
}
CARD_ICONS: Final = {
    Card.PENDING: "pending",
    Card.IN_PROGRESS: "in_progress",
    Card.COMPLETED: "completed",
    Card.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class PlanCount:
    label: str
    count: str
    tone: str
    icon: str


@dataclass(frozen=True, slots=True)
class PlanPanel:
    plan_id: str
    sentence: str
    created_at: datetime
    status: str
    is_executing: bool
    ended: int
    total: int
    counts: Sequence[PlanCount]
    tasks: Sequence[dict[str, Any]]
    channels: str


def plan_panel(progress: PlanProgress | None) -> PlanPanel | None:
    if progress is None:
        return None
    plan, by_card = progress.plan, dict.fromkeys(Card, 0)
    for status, count in progress.tally.counts.items():
        by_card[Card(CARD_OF_STATUS[status])] += count
    return PlanPanel(
        plan_id=plan.plan_id,
        sentence=texts.plan_text(plan),
        created_at=plan.created_at,
        status=str(progress.status.label),
        is_executing=progress.status == PlanStatus.EXECUTING,
        ended=progress.ended,
        total=progress.total,
        counts=[
            PlanCount(str(card.label), number_text(count), CARD_TONES[card], CARD_ICONS[card])
            for card, count in by_card.items()
        ],
        tasks=[
            {
                "id": row["task__task_id"],
                "title": row["task__title"],
                "status": TaskStatus(row["task__status"]),
                "channel": MarketplaceSlug(row["task__marketplace_id"]).label,
            }
            for row in tasks_of(plan)
        ],
        channels=_channels(plan.channels),
    )


def _channels(slugs: Sequence[str]) -> str:
    if len(slugs) == len(MarketplaceSlug):
        return _("all marketplaces")
    return ", ".join(str(MarketplaceSlug(slug).label) for slug in slugs)


# -- Activation ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PreviewGroup:
    channel: str
    templates: Sequence[TaskTemplate]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be generated, by marketplace, and what not."""

    channels: Sequence[str]
    channel_names: str
    total: int
    groups: Sequence[PreviewGroup]
    skipped: Sequence[tuple[TaskTemplate, str]]
    agents: Sequence[str]


def preview(made: Activation) -> Preview:
    groups = groupby(made.chosen, key=lambda template: template.marketplace_id)
    return Preview(
        channels=made.channels,
        channel_names=_channels(made.channels),
        total=len(made.chosen),
        groups=[
            PreviewGroup(str(MarketplaceSlug(slug).label), list(templates))
            for slug, templates in groups
        ],
        skipped=[(one.template, str(one.reason.label)) for one in made.skipped],
        agents=made.agents,
    )


def activated_text(made: Activation) -> str:
    count = len(made.tasks)
    if not count:
        return _("Nothing to generate: every template still has an open task.")
    sentence = ngettext("%(count)d task generated.", "%(count)d tasks generated.", count)
    return sentence % {"count": count}


# -- Reports -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportLinks:
    title: str
    forms: Sequence[tuple[str, str]]


def report_links() -> list[ReportLinks]:
    base = reverse("reports")
    forms = (("CSV", "csv"), ("Markdown", "markdown"), ("JSON", "json"))
    return [
        ReportLinks(
            str(title),
            [(name, f"{base}?type={type_.value}&format={form}") for name, form in forms],
        )
        for type_, title in TITLES.items()
    ]
