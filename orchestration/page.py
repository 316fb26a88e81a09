"""What the overview shows, ready for its template."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from execution.enums import (
    OPEN_STATUSES,
    Card,
    MarketplaceSlug,
    TaskStatus,
    marketplace_name,
    marketplace_names,
)
from execution.page_controls import ICON_OF, TONE_OF
from execution.texts import number_text
from execution.totals import CARD_OF_STATUS
from optimization.behind import Fact
from optimization.page import SummaryCard
from optimization.texts import BAND_TONES, BANDS, ended_text, rate
from orchestration import queries, texts
from orchestration.bottlenecks import Bottleneck, Measure
from orchestration.enums import PlanStatus
from orchestration.models import TaskTemplate
from orchestration.overview import AgentState, Overview
from orchestration.queries import PlanProgress, Plans
from orchestration.reports import TITLES
from orchestration.services import Activation

SHOWN_AT_FIRST: Final = 24


# -- Figures -------------------------------------------------------------------------------------


def figures(found: Overview, *, with_rates: bool) -> list[SummaryCard]:
    """What everybody may see, and the window's numbers only for those who may see metrics."""
    paused = ngettext("%(count)s paused", "%(count)s paused", found.paused)
    of_all = _("of %(total)s") % {"total": number_text(len(found.agents))}
    recent = found.metrics
    return [
        SummaryCard(
            "health",
            _("System health"),
            str(found.health.label),
            texts.health_reason(recent.approval_rate, recent.completion_rate)
            if with_rates
            else _("from the last 30 days"),
            texts.HEALTH_TONES[found.health],
            "health",
        ),
        SummaryCard(
            "agents",
            _("Active agents"),
            number_text(found.active),
            f"{of_all}, {paused % {'count': number_text(found.paused)}}"
            if found.paused
            else of_all,
            "blue",
            "agents",
        ),
        *(_recent_figures(found) if with_rates else _total_figures(found)),
    ]


def _recent_figures(found: Overview) -> list[SummaryCard]:
    recent = found.metrics
    in_window = _("%(count)s in 30 days")
    return [
        _generated(found, in_window % {"count": number_text(recent.generated)}),
        _completed(found, in_window % {"count": number_text(recent.completed)}),
        SummaryCard(
            "completion",
            _("Completion in 30 days"),
            rate(recent.completion_rate),
            ended_text(recent.completed, recent.failed, recent.late),
            "violet",
            "total",
        ),
    ]


def _total_figures(found: Overview) -> list[SummaryCard]:
    ever = found.totals
    still_open = ngettext("%(count)s open", "%(count)s open", found.metrics.open)
    not_done = ngettext("%(count)s ended in error", "%(count)s ended in error", ever.failed)
    return [
        _generated(found, still_open % {"count": number_text(found.metrics.open)}),
        _completed(found, not_done % {"count": number_text(ever.failed)}),
        SummaryCard(
            "success",
            _("Success rate"),
            rate(ever.success_rate),
            texts.share_text(ever.completed, ever.completed + ever.failed),
            "violet",
            "total",
        ),
    ]


def _generated(found: Overview, note: str) -> SummaryCard:
    count = number_text(found.totals.generated)
    return SummaryCard("generated", _("Tasks generated"), count, note, "neutral", "generated")


def _completed(found: Overview, note: str) -> SummaryCard:
    count = number_text(found.totals.completed)
    return SummaryCard("completed", _("Tasks completed"), count, note, "green", "completed")


# -- Agents --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateBar:
    """A rate with the counts that it is of."""

    name: str
    text: str
    value: float | None
    counts: str


@dataclass(frozen=True, slots=True)
class AgentCard:
    """One agent; without score and rates for those who may not see optimization."""

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
    low_data: bool
    totals: Sequence[tuple[str, str]]
    rates: Sequence[RateBar]
    load: str
    open_query: str
    left_open: int  # tasks that wait for a paused agent
    last_activity: datetime | None


def agent_cards(found: Overview, *, with_scores: bool) -> list[AgentCard]:
    """The active agents first, each group by id."""
    in_order = sorted(found.agents, key=lambda agent: (not agent.is_active, agent.slug))
    return [_agent_card(agent, with_score=with_scores) for agent in in_order]


def _agent_card(agent: AgentState, *, with_score: bool) -> AgentCard:
    state, tone, icon = _state(agent)
    totals, band = agent.totals, agent.recent.band
    counts = (
        (_("Generated"), number_text(totals.generated)),
        (_("Approved"), number_text(totals.approved)),
        (_("Rejected"), number_text(totals.rejected)),
        (pgettext("tasks", "Completed"), number_text(totals.completed)),
        (pgettext("tasks", "Errors"), number_text(totals.failed)),
        # Of the two counts before it.
        (pgettext("rate", "Success"), rate(totals.success_rate)),
    )
    return AgentCard(
        slug=agent.slug,
        name=agent.name,
        channels=marketplace_names(agent.recent.agent.marketplaces),
        state=state,
        state_tone=tone,
        state_icon=icon,
        is_paused=agent.is_paused,
        shows_score=with_score,
        score=agent.score if with_score else None,
        band=str(BANDS[band]) if band else "",
        band_tone=BAND_TONES[band] if band else "neutral",
        low_data=agent.recent.low_data,
        totals=counts,
        rates=_rates(agent) if with_score else [],
        load=_load(agent),
        open_query=urlencode({"agent": agent.slug, "status": ",".join(OPEN_STATUSES)}, safe=","),
        left_open=agent.open if agent.is_paused else 0,
        last_activity=totals.last_activity,
    )


def _rates(agent: AgentState) -> list[RateBar]:
    recent, shares = agent.recent, agent.shares
    rates = (
        (_("Approval"), recent.approval_rate, shares[Measure.APPROVAL]),
        (_("Completion"), recent.completion_rate, shares[Measure.COMPLETION]),
    )
    return [
        RateBar(name, rate(value), value, texts.share_text(*share)) for name, value, share in rates
    ]


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
    counts: str  # that the value is of; a score's are its rates'
    threshold: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class AgentBottlenecks:
    agent_id: str
    agent_name: str
    low_data: bool
    lines: Sequence[BottleneckLine]
    fact: str  # the kind of what counts that says most of it


@dataclass(frozen=True, slots=True)
class UnassignedLine:
    """A marketplace's open tasks that nobody has, and what to do about them."""

    channel: str
    slug: str
    count: int
    what_to_do: str


def unassigned_lines(found: Overview, reader: texts.Reader) -> list[UnassignedLine]:
    there = queries.workers(found.unassigned) if found.unassigned else {}
    return [
        UnassignedLine(
            channel=marketplace_name(slug),
            slug=slug,
            count=count,
            what_to_do=texts.nobody_text(texts.nobody_reason(there[slug]), reader),
        )
        for slug, count in found.unassigned.items()
    ]


def agent_bottlenecks(found: Overview) -> list[AgentBottlenecks]:
    """By agent, in the order of the report."""
    agents = {agent.slug: agent for agent in found.agents}
    return [
        _agent_bottlenecks(agents[agent_id], list(of_agent))
        for agent_id, of_agent in groupby(found.bottlenecks, key=lambda one: one.agent_id)
    ]


def _agent_bottlenecks(agent: AgentState, measures: Sequence[Bottleneck]) -> AgentBottlenecks:
    fact, counts = Fact.REJECTED, agent.recent.counts
    if measures[0].measure != Measure.APPROVAL:
        fact = Fact.LATE if counts["late"] > counts["failed"] else Fact.FAILED
    lines = [_bottleneck_line(one, agent.shares.get(one.measure)) for one in measures]
    return AgentBottlenecks(agent.slug, agent.name, agent.recent.low_data, lines, fact)


def _bottleneck_line(one: Bottleneck, share: tuple[int, int] | None) -> BottleneckLine:
    return BottleneckLine(
        measure=str(texts.MEASURES[one.measure]),
        value=texts.bottleneck_value(one),
        counts=texts.share_text(*share) if share else "",
        threshold=texts.bottleneck_threshold(one),
        what_to_do=str(texts.WHAT_TO_DO[one.measure]),
    )


# -- The plan ------------------------------------------------------------------------------------


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
    due: str
    outcome: str
    created_at: datetime
    status: str
    is_executing: bool
    ended: int
    total: int
    counts: Sequence[PlanCount]
    tasks: Sequence[dict[str, Any]]
    channels: str


@dataclass(frozen=True, slots=True)
class PlansPanel:
    """`others` are older and still executing; `scheduled` is the latest run of the schedule, where
    it is none of these."""

    main: PlanPanel | None
    others: Sequence[PlanPanel]
    scheduled: PlanPanel | None


def plans_panel(found: Plans) -> PlansPanel:
    shown = [found.main, *found.others] if found.main else []
    rows = queries.tasks_of([progress.plan for progress in shown])
    panels = [_plan_panel(progress, rows[progress.plan.pk]) for progress in shown]
    is_shown = found.scheduled is None or found.scheduled.plan in [one.plan for one in shown]
    return PlansPanel(
        main=panels[0] if panels else None,
        others=panels[1:],
        scheduled=None if is_shown or not found.scheduled else _plan_panel(found.scheduled, []),
    )


def _plan_panel(progress: PlanProgress, rows: Sequence[dict[str, Any]]) -> PlanPanel:
    plan, by_card = progress.plan, dict.fromkeys(Card, 0)
    for status, count in progress.tally.counts.items():
        by_card[Card(CARD_OF_STATUS[status])] += count
    return PlanPanel(
        plan_id=plan.plan_id,
        sentence=texts.plan_text(plan),
        due=texts.due_text(plan.due_at, plan.missed) if plan.due_at else "",
        outcome=texts.plan_outcome(progress.total, len(plan.skipped)),
        created_at=plan.created_at,
        status=str(progress.status.label),
        is_executing=progress.status == PlanStatus.EXECUTING,
        ended=progress.ended,
        total=progress.total,
        counts=[
            PlanCount(str(card.label), number_text(count), TONE_OF[card], ICON_OF[card])
            for card, count in by_card.items()
        ],
        tasks=[
            {
                "id": row["task__task_id"],
                "title": row["task__title"],
                "status": TaskStatus(row["task__status"]),
                "channel": marketplace_name(row["task__marketplace_id"]),
            }
            for row in rows
        ],
        channels=_channels(plan.channels),
    )


def _channels(slugs: Sequence[str]) -> str:
    if len(slugs) == len(MarketplaceSlug):
        return _("all marketplaces")
    return marketplace_names(slugs)


# -- Activation ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PreviewTask:
    """A task that would be generated; `agent` is empty where nobody could be given it."""

    template: TaskTemplate
    agent: str


@dataclass(frozen=True, slots=True)
class PreviewGroup:
    """`nobody` says why nobody would get some of the tasks, and what to do."""

    channel: str
    tasks: Sequence[PreviewTask]
    without_agent: int
    nobody: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be generated, by marketplace, and what not."""

    channels: Sequence[str]
    channel_names: str
    total: int
    groups: Sequence[PreviewGroup]
    skipped: Sequence[tuple[TaskTemplate, str]]
    agents: Sequence[str]

    @property
    def without_agent(self) -> int:
        return sum(group.without_agent for group in self.groups)

    @property
    def warnings(self) -> Sequence[PreviewGroup]:
        return [group for group in self.groups if group.without_agent]


def preview(made: Activation, reader: texts.Reader) -> Preview:
    there = queries.workers(made.channels)
    names = {agent.slug: agent.name for agents in there.values() for agent in agents}
    pairs = zip(made.chosen, made.assigned, strict=True)
    groups = []
    for slug, of_channel in groupby(pairs, key=lambda pair: pair[0].marketplace_id):
        tasks = [PreviewTask(one, names.get(agent or "", "")) for one, agent in of_channel]
        # Whoever is inactive will have been woken by then.
        reason = texts.nobody_reason(there[slug], waking=True)
        groups.append(
            PreviewGroup(
                channel=marketplace_name(slug),
                tasks=tasks,
                without_agent=sum(not task.agent for task in tasks),
                nobody=texts.nobody_text(reason, reader),
            )
        )
    return Preview(
        channels=made.channels,
        channel_names=_channels(made.channels),
        total=len(made.chosen),
        groups=groups,
        skipped=[(one.template, str(one.reason.label)) for one in made.skipped],
        agents=[names.get(slug, slug) for slug in made.agents],
    )


def activated_text(made: Activation) -> str:
    count = len(made.tasks)
    if not count:
        return _("Nothing to generate: every template still has an open task.")
    sentence = ngettext("%(count)s task generated.", "%(count)s tasks generated.", count)
    said = sentence % {"count": number_text(count)}
    if not (without := list(made.assigned).count(None)):
        return said
    warning = ngettext(
        "%(count)s has no agent: see the bottlenecks.",
        "%(count)s have no agent: see the bottlenecks.",
        without,
    )
    return f"{said} {warning % {'count': number_text(without)}}"


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


# -- Scripts -------------------------------------------------------------------------------------


def strings() -> dict[str, str]:
    """What the scripts of the overview say beside what all pages say."""
    return {
        "overview.unknown": _(
            "No answer from the server, so we do not know whether this was done. The page goes on"
            " trying to read; look at how things stand before you try again."
        ),
        "overview.unread": _(
            "No answer from the server: nothing was done. Try again when the page is live."
        ),
        "bottleneck.left": _("No longer a bottleneck"),
    }
