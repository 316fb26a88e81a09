"""How everything stands: the page, `status`, `metrics` and the reports all start here.

Counts of all time and of the window come from the daily facts, once every event that is committed
by now has been counted; open tasks from the tasks themselves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, Self

import numpy as np
from django.db.models import Max, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Concat

from execution import queries as tasks
from execution.enums import OPEN_STATUSES
from execution.exceptions import AgentNotFound
from execution.models import Agent, Task, TaskEvent
from execution.queries import Position
from execution.totals import combined
from optimization import projection
from optimization import queries as facts
from optimization.arrays import Array, Known, round_half_up
from optimization.evaluation import evaluate
from optimization.models import AgentDay
from optimization.optimizations import Optimization, optimizations
from optimization.queries import Window
from optimization.rates import error_rate, rates_of
from optimization.score import performance_score
from optimization.weights import adaptive_weights
from orchestration.bottlenecks import Bottleneck, Measure, bottlenecks
from orchestration.enums import Health
from orchestration.health import system_health
from orchestration.queries import unassigned_by_marketplace

COUNTED: Final = (
    *("created", "approved", "rejected", "completed", "failed_error", "failed_timeout"),
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of all time; `failed` is for error or timeout."""

    generated: int = 0
    approved: int = 0
    rejected: int = 0
    completed: int = 0
    failed: int = 0
    last_activity: datetime | None = None

    @property
    def success_rate(self) -> float | None:
        ended = self.completed + self.failed
        return 100.0 * self.completed / ended if ended else None

    def __add__(self, other: Self) -> "Totals":
        return Totals(
            generated=self.generated + other.generated,
            approved=self.approved + other.approved,
            rejected=self.rejected + other.rejected,
            completed=self.completed + other.completed,
            failed=self.failed + other.failed,
            last_activity=later(self.last_activity, other.last_activity),
        )


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class AgentState:
    """One agent: what it did ever, what it does now, and its window's numbers."""

    slug: str
    name: str
    is_active: bool
    is_paused: bool
    capacity: int | None
    open: int
    totals: Totals
    recent: Optimization

    @property
    def score(self) -> int | None:
        return self.recent.score if self.recent.has_score else None

    @property
    def shares(self) -> Mapping[Measure, tuple[int, int]]:
        """What each rate of the window is made of: so many of so many."""
        counts = {name: int(count) for name, count in self.recent.counts.items()}
        ended = counts["completed"] + counts["failed"]
        return {
            Measure.APPROVAL: (counts["approved"], counts["approved"] + counts["rejected"]),
            Measure.COMPLETION: (counts["completed"], ended + counts["late"]),
            Measure.ERROR: (counts["failed"], ended),
        }

    @property
    def bottlenecks(self) -> list[Bottleneck]:
        one = self.recent
        return list(
            bottlenecks(
                self.slug,
                self.name,
                approval=one.approval_rate,
                completion=one.completion_rate,
                error=one.error_rate,
                score=self.score,
            )
        )


@dataclass(frozen=True, slots=True)
class Metrics:
    """The window's rates, percent, None without data; and its counts. `open` is now."""

    approval_rate: float | None
    completion_rate: float | None
    execution_rate: float | None
    error_rate: float | None
    score: int | None
    generated: int
    approved: int
    rejected: int
    completed: int
    failed: int
    late: int
    open: int


@dataclass(frozen=True)
class Overview:
    """Every event up to `position` is counted in."""

    position: Position
    now: datetime
    agents: list[AgentState]
    totals: Totals
    metrics: Metrics
    unassigned: Mapping[str, int]  # open tasks that nobody has, by marketplace

    @property
    def health(self) -> Health:
        return system_health(self.metrics.approval_rate, self.metrics.completion_rate)

    @cached_property
    def bottlenecks(self) -> list[Bottleneck]:
        """Of the active agents, the one with the lowest score first; those with little data last,
        whom a single task may have brought there."""
        active = [agent for agent in self.agents if agent.is_active and agent.score is not None]
        by_score = sorted(active, key=lambda one: (one.recent.low_data, one.score, one.slug))
        return [one for agent in by_score for one in agent.bottlenecks]

    @property
    def active(self) -> int:
        return sum(agent.is_active for agent in self.agents)

    @property
    def paused(self) -> int:
        return sum(agent.is_active and agent.is_paused for agent in self.agents)


def overview(now: datetime) -> Overview:
    slugs = list(Agent.objects.values_list("slug", flat=True))
    known = optimizations(facts.agents(slugs), now)
    by_agent = _totals_by_agent()
    recent = {one.agent.slug: one for one in known.agents}
    flags = Agent.objects.filter(slug__in=recent).values_list(
        "slug", "name", "is_active", "is_paused", "capacity"
    )
    loads = tasks.open_tasks_by_agent(slugs)
    reports = _last_reports()
    agents = []
    for slug, name, is_active, is_paused, capacity in flags.order_by("slug"):
        totals = by_agent.get(slug, Totals()) + Totals(last_activity=reports.get(slug))
        state = AgentState(
            *(slug, name, is_active, is_paused, capacity),
            open=loads.get(slug, 0),
            totals=totals,
            recent=recent[slug],
        )
        agents.append(state)
    everything = sum(by_agent.values(), Totals(last_activity=_latest(reports.values())))
    return Overview(
        known.position, now, agents, everything, _metrics(now), unassigned_by_marketplace()
    )


def _totals_by_agent() -> dict[str, Totals]:
    """What the facts say of all time; tasks that had no agent stand under the empty id."""
    rows = AgentDay.objects.order_by().values_list("agent_id")
    sums = rows.annotate(*(Sum(name) for name in COUNTED), Max("worked_at"))
    return {
        agent_id: Totals(created, approved, rejected, completed, error + timeout, worked_at)
        for agent_id, created, approved, rejected, completed, error, timeout, worked_at in sums
    }


def _last_reports() -> dict[str, datetime]:
    """When each agent itself last reported anything; people write to its tasks too."""
    own = TaskEvent.objects.filter(actor=Concat(Value("agent:"), OuterRef("slug")))
    newest = Subquery(own.order_by("-at", "-sequence").values("at")[:1])
    reported = Agent.objects.annotate(reported_at=newest).filter(reported_at__isnull=False)
    return dict(reported.order_by().values_list("slug", "reported_at"))


def _latest(instants: Iterable[datetime]) -> datetime | None:
    return max(instants, default=None)


# -- Metrics -------------------------------------------------------------------------------------


def metrics(
    now: datetime, *, agent_id: str | None = None, marketplace_id: str | None = None
) -> Metrics:
    """The window of everything, of one agent, of one marketplace, or of one on the other.

    Raises
    ------
    AgentNotFound
    """
    if agent_id is not None and not Agent.objects.filter(slug=agent_id).exists():
        raise AgentNotFound
    projection.catch_up()
    return _metrics(now, agent_id=agent_id, marketplace_id=marketplace_id)


def _metrics(
    now: datetime, *, agent_id: str | None = None, marketplace_id: str | None = None
) -> Metrics:
    window = Window(now)
    pool = facts.pooled(window, agent_id=agent_id, marketplace_id=marketplace_id)
    whole = pool.facts.whole()
    rates = rates_of(whole)
    # What many do together is weighed adaptively, as one agent without weights of its own.
    weights = _own_weights(agent_id, window) if agent_id else adaptive_weights(rates_of(pool.facts))
    score = _rate(performance_score(rates, weights))
    return Metrics(
        approval_rate=_rate(rates.approval),
        completion_rate=_rate(rates.completion),
        execution_rate=_rate(rates.execution),
        error_rate=_rate(error_rate(whole)),
        score=None if score is None else int(round_half_up(np.array(score))),
        generated=pool.created,
        approved=int(whole.approved[0, 0]),
        rejected=int(whole.rejected[0, 0]),
        completed=int(whole.completed[0, 0]),
        failed=int(whole.failed[0, 0]),
        late=int(whole.late[0, 0]),
        open=_open_tasks(agent_id, marketplace_id),
    )


def _own_weights(agent_id: str, window: Window) -> Array:
    """The agent's present weights, pinned or adaptive, shape (1, 3): those that are shown for it.

    They are of all its work, also where only one marketplace of it is asked for.
    """
    pinned, is_pinned = facts.pinned_weights(facts.agents([agent_id]))
    return evaluate(facts.history([agent_id], window).facts, pinned, is_pinned).weights


def _rate(known: Known) -> float | None:
    return float(known.values[0, 0]) if known.known[0, 0] else None


def _open_tasks(agent_id: str | None, marketplace_id: str | None) -> int:
    """From the roll-up, unless it is about an agent, which that does not know."""
    if agent_id is None:
        tallies = tasks.tallies_by_marketplace()
        chosen = tallies.values() if marketplace_id is None else [tallies[marketplace_id]]
        return combined(chosen).total([status.value for status in OPEN_STATUSES])
    open_tasks = Task.objects.filter(
        agent_id=agent_id, ended_at__isnull=True, status__in=OPEN_STATUSES
    )
    if marketplace_id is not None:
        open_tasks = open_tasks.filter(marketplace_id=marketplace_id)
    return open_tasks.count()
