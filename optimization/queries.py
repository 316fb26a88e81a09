"""Reads: agents with their weights, and the facts of their last thirty days as arrays."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
from django.db.models import Count, F, Q, QuerySet, Sum

from execution.assignment import ASSIGNMENT_ACTOR
from execution.enums import EventKind, FailureReason, TaskStatus, marketplace_place
from execution.models import Agent, Marketplace, Task, TaskEvent
from execution.queries import handovers
from nexo.shared import clock
from optimization.arrays import Array, Facts, Mask
from optimization.models import TERMS, AgentDay, DailyFact

WINDOW_DAYS: Final = 30
# A task is late from this many times its estimate after its approval on.
LATE_AFTER_ESTIMATES: Final = 2
LONG_MINUTES: Final = 7 * 24 * 60
# So many ids fit into one statement of any database.
TASKS_AT_ONCE: Final = 500
# Of more agents than this the facts of all are read.
FEW: Final = 500
SUMMED: Final = (
    *("approved", "rejected", "completed", "failed_error", "failed_timeout", "cancelled"),
    *("timed", "estimated_minutes", "executed_minutes"),
)


@dataclass(frozen=True, slots=True)
class Window:
    """The business days that are looked at; the last is today."""

    now: datetime

    @property
    def today(self) -> date:
        return clock.business_day(self.now)

    @property
    def first(self) -> date:
        return self.today - timedelta(days=WINDOW_DAYS - 1)

    def days(self) -> list[date]:
        return [self.first + timedelta(days=offset) for offset in range(WINDOW_DAYS)]


@dataclass(frozen=True, slots=True)
class AgentRow:
    slug: str
    name: str
    is_paused: bool
    marketplaces: tuple[str, ...]
    pinned: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class History:
    """Facts of agents over the window, one row per agent in the order that was asked for."""

    facts: Facts
    ended: Array  # tasks ended in the window, shape (a,)


def active_agents() -> list[AgentRow]:
    """Every active agent, by id."""
    return _agent_rows(Agent.objects.filter(is_active=True))


def agents(slugs: Collection[str]) -> list[AgentRow]:
    """These agents, active or not, by id."""
    return _agent_rows(Agent.objects.filter(slug__in=slugs))


def peers_of(slug: str) -> list[AgentRow]:
    """The agent itself, and the active agents that share a marketplace with it, by id."""
    shared = Marketplace.objects.filter(agents=slug)
    peers = Agent.objects.filter(is_active=True, marketplaces__in=shared)
    return _agent_rows(Agent.objects.filter(Q(slug=slug) | Q(slug__in=peers.values("slug"))))


def _agent_rows(agents: QuerySet[Agent]) -> list[AgentRow]:
    pinned = [f"pinned_weights__{name}" for name in TERMS]
    rows = list(agents.order_by("slug").values_list("slug", "name", "is_paused", *pinned))
    through = Agent.marketplaces.through.objects
    pairs = through.filter(agent_id__in=agents.values("slug")).values_list(
        "agent_id", "marketplace_id"
    )
    works_on: dict[str, list[str]] = {}
    for slug, marketplace in pairs:
        works_on.setdefault(slug, []).append(marketplace)
    return [
        AgentRow(
            slug,
            name,
            is_paused,
            tuple(sorted(works_on.get(slug, ()), key=marketplace_place)),
            None if weights[0] is None else tuple(weights),
        )
        for slug, name, is_paused, *weights in rows
    ]


def pinned_weights(agents: Sequence[AgentRow]) -> tuple[Array, Mask]:
    """The weights as set, shape (a, 3), zeros where there are none; and where they are, (a,)."""
    weights = np.array([agent.pinned or (0.0, 0.0, 0.0) for agent in agents]).reshape(-1, 3)
    return weights, np.array([agent.pinned is not None for agent in agents], dtype=bool)


def history(slugs: Sequence[str], window: Window) -> History:
    """The window's facts; those of the event log must have been caught up before."""
    place = {slug: row for row, slug in enumerate(slugs)}
    sums = np.zeros((len(SUMMED), len(slugs), WINDOW_DAYS))
    rows = [row for row in _days_of(slugs, window) if row[0] in place]
    if rows:
        first = window.first.toordinal()
        agents = [place[row[0]] for row in rows]
        offsets = [row[1].toordinal() - first for row in rows]
        sums[:, agents, offsets] = np.array([row[2:] for row in rows], dtype=np.float64).T
    named = dict(zip(SUMMED, sums, strict=True))
    facts = _facts(named, _late(place, window))
    ended = facts.completed + facts.failed + facts.rejected + named["cancelled"]
    return History(facts, ended.sum(axis=1))


def _days_of(slugs: Collection[str], window: Window) -> Iterable[tuple[Any, ...]]:
    """The window's facts by agent and day, and where many are asked for others' too."""
    if len(slugs) <= FEW:
        # Each pair is looked up in the index; over a range of days it would be read for everybody.
        days = AgentDay.objects.filter(day__in=window.days(), agent_id__in=slugs)
    else:
        days = AgentDay.objects.filter(day__gte=window.first, day__lte=window.today)
    return days.values_list("agent_id", "day", *SUMMED)


def _facts(sums: Mapping[str, Array], late: Array) -> Facts:
    return Facts(
        approved=sums["approved"],
        rejected=sums["rejected"],
        completed=sums["completed"],
        failed=sums["failed_error"] + sums["failed_timeout"],
        late=late,
        timed=sums["timed"],
        estimated_minutes=sums["estimated_minutes"],
        executed_minutes=sums["executed_minutes"],
    )


def _late(place: dict[str, int], window: Window) -> Array:
    """Open tasks by the day on which they became late, shape (a, d)."""
    late = np.zeros((len(place), WINDOW_DAYS))
    tasks = Task.objects.filter(_may_concern(place)) if len(place) <= FEW else Task.objects.all()
    found = ((one.agent_id, one.day_of(window)) for one in _late_tasks(tasks, window))
    for (slug, offset), count in Counter(found).items():
        if slug in place:
            late[place[slug], offset] = count
    return late


@dataclass(frozen=True, slots=True)
class LateTask:
    """An open task that became late at an instant of the window, and the agent it then had."""

    task_pk: int
    agent_id: str | None
    late_at: datetime

    def day_of(self, window: Window) -> int:
        return (clock.business_day(self.late_at) - window.first).days


def late_tasks_of(agent_id: str, window: Window) -> list[LateTask]:
    """Those that became late while they were this agent's, the latest first."""
    tasks = Task.objects.filter(_may_concern([agent_id]))
    found = [one for one in _late_tasks(tasks, window) if one.agent_id == agent_id]
    return sorted(found, key=lambda one: (one.late_at, one.task_pk), reverse=True)


def late_now(agent_id: str, now: datetime) -> int:
    """How many of its open tasks are late, however long ago they became so."""
    approved: Iterable[tuple[Any, float]] = Task.objects.filter(
        agent_id=agent_id, ended_at__isnull=True, approved_at__lt=now
    ).values_list("approved_at", "estimated_minutes")
    return sum(_late_at(approved_at, estimate) < now for approved_at, estimate in approved)


def _late_at(approved_at: datetime, estimate: float) -> datetime:
    return approved_at + timedelta(minutes=LATE_AFTER_ESTIMATES * estimate)


def _late_tasks(tasks: QuerySet[Task], window: Window) -> Iterator[LateTask]:
    changed: dict[int, tuple[str | None, datetime]] = {}
    for task_pk, slug, late_at, updated_at in _late_rows(tasks, window):
        if updated_at <= late_at:
            yield LateTask(task_pk, slug, late_at)
        else:
            changed[task_pk] = slug, late_at
    pks = list(changed)
    for begin in range(0, len(pks), TASKS_AT_ONCE):
        some = pks[begin : begin + TASKS_AT_ONCE]
        given = handovers(some)
        for task_pk in some:
            slug, late_at = changed[task_pk]
            since = (one["agents"][0] for one in given[task_pk] if one["at"] > late_at)
            yield LateTask(task_pk, next(since, slug), late_at)


def _late_rows(
    tasks: QuerySet[Task], window: Window
) -> Iterator[tuple[int, str | None, datetime, datetime]]:
    """Key, present agent, instant of becoming late and last change of those that became late in
    the window."""
    # Nothing is late before it is due, but for an imported task that was approved before it was
    # created; each of the two has an index.
    # What became late before the window counts nowhere, however much of it there is: but for long
    # tasks, that is what was approved so long ago.
    begins = datetime.combine(window.first, time.min, UTC) - timedelta(days=1)
    is_long = Q(estimated_minutes__gt=LONG_MINUTES)
    latest = begins - LATE_AFTER_ESTIMATES * timedelta(minutes=LONG_MINUTES)
    is_open = tasks.filter(is_long | Q(approved_at__gte=latest), ended_at__isnull=True)
    waiting = is_open.filter(due_at__lt=window.now, approved_at__isnull=False)
    approved_first = is_open.filter(due_at__gte=window.now, approved_at__lt=F("created_at"))
    columns = ("pk", "agent_id", "approved_at", "estimated_minutes", "updated_at")
    rows: Iterable[tuple[int, str | None, Any, float, datetime]] = waiting.values_list(
        *columns
    ).union(approved_first.values_list(*columns), all=True)
    for task_pk, slug, approved_at, estimate, updated_at in rows:
        late_at = _late_at(approved_at, estimate)
        if late_at < window.now and clock.business_day(late_at) >= window.first:
            yield task_pk, slug, late_at, updated_at


def _may_concern(slugs: Collection[str]) -> Q:
    """Tasks of these agents, and all that may have been theirs when they became late: a task that
    was given on since has been changed after it was approved and, but for one that was approved
    before it was created, after it was due."""
    given_on = Q(updated_at__gt=F("approved_at")) & (
        Q(updated_at__gt=F("due_at")) | Q(approved_at__lt=F("created_at"))
    )
    return Q(agent_id__in=slugs) | given_on


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything that happened in the window taken together, as if one agent had done it."""

    facts: Facts
    created: int


def pooled(
    window: Window, *, agent_id: str | None = None, marketplace_id: str | None = None
) -> Pool:
    """The window's facts of all, of an agent, of a marketplace, or of one on the other; those of
    the event log must have been caught up before."""
    table: type[AgentDay | DailyFact] = AgentDay if marketplace_id is None else DailyFact
    wanted = {"agent_id": agent_id, "marketplace_id": marketplace_id}
    filters = {name: value for name, value in wanted.items() if value is not None}
    rows = table._default_manager.filter(day__gte=window.first, day__lte=window.today, **filters)
    names = ("created", *SUMMED)
    sums = dict(zip(names, np.zeros((len(names), 1, WINDOW_DAYS)), strict=True))
    totals = rows.order_by().values_list("day").annotate(*(Sum(name) for name in names))
    for day, *amounts in totals:
        offset = (day - window.first).days
        for name, amount in zip(names, amounts, strict=True):
            sums[name][0, offset] = amount
    late = np.zeros((1, WINDOW_DAYS))
    tasks = Task.objects.all()
    if marketplace_id is not None:
        tasks = tasks.filter(marketplace_id=marketplace_id)
    if agent_id is not None:
        tasks = tasks.filter(_may_concern([agent_id]))
    for one in _late_tasks(tasks, window):
        if agent_id in (None, one.agent_id):
            late[0, one.day_of(window)] += 1
    return Pool(_facts(sums, late), int(sums["created"].sum()))


@dataclass(frozen=True, slots=True)
class DecisionOutcomes:
    """What has become of the tasks that an agent was given by recommendation in the window, and has
    kept; `failed` is for error or timeout, `retried` those of all that were tried again."""

    completed: int
    failed: int
    rejected: int
    cancelled: int
    open: int
    retried: int

    @property
    def recommended(self) -> int:
        return self.completed + self.failed + self.rejected + self.cancelled + self.open


def decision_outcomes(slug: str, window: Window) -> DecisionOutcomes:
    # Whom somebody gave it against the recommendation proves nothing about that.
    decided = Task.objects.filter(
        agent_id=slug, assignment__rule="recommended", assignment__ranking__0__agentId=slug
    )
    begin = clock.start_of_business_day(window.first)
    given_later = TaskEvent.objects.filter(
        actor=ASSIGNMENT_ACTOR, kind=EventKind.EDITED, at__gte=begin
    ).values("task")
    reasons: Counter[str | None] = Counter()
    retried = 0
    for tasks in (
        decided.filter(created_at__gte=begin),
        decided.filter(created_at__lt=begin, pk__in=given_later),
    ):
        ends = tasks.order_by().values_list("status", "failure_reason")
        counted = ends.annotate(count=Count("pk"), again=Count("pk", filter=Q(attempt__gt=1)))
        for status, reason, count, again in counted:
            reasons[status if status == TaskStatus.COMPLETED else reason] += count
            retried += again
    return DecisionOutcomes(
        completed=reasons[TaskStatus.COMPLETED],
        failed=reasons[FailureReason.ERROR] + reasons[FailureReason.TIMEOUT],
        rejected=reasons[FailureReason.REJECTED],
        cancelled=reasons[FailureReason.CANCELLED],
        open=reasons[None],
        retried=retried,
    )


def specialists(task_types: Collection[str]) -> set[tuple[str, str]]:
    """(agent, task type) of every agent that is specialised in one of these types."""
    pairs = Agent.specialties.through.objects.filter(specialty_id__in=task_types)
    return set(pairs.values_list("agent_id", "specialty_id"))
