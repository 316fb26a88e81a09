"""Reads of agents at work: what they may claim, and what they left lying."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from execution import queries
from execution.enums import TaskStatus
from execution.models import Agent, Lease, Task, TaskEvent
from execution.rows import TaskRow
from nexo.shared.pipelines import one_round_trip
from nexo.shared.reading import Asked, TableReader, among

AGENTS: TableReader[Any] = TableReader(Agent, ("is_active", "is_paused", "capacity"))
LAPSED: TableReader[Mapping[str, str]] = TableReader(
    Lease,
    ("lease_id",),
    join="JOIN execution_task ON execution_task.id = execution_lease.task_id",
    joined={"task_id": "execution_task.task_id"},
)


@dataclass(frozen=True, slots=True)
class AgentAtWork:
    is_active: bool
    is_paused: bool
    capacity: int | None


def lapsed_leases(
    at: datetime, *, agent_id: str | None = None, limit: int
) -> list[Mapping[str, str]]:
    """Leases that had run out by then, the oldest first, each with its task's id."""
    where = "WHERE execution_lease.expires_at <= %s"
    values: list[Any] = [at]
    if agent_id is not None:
        where, values = f"{where} AND execution_lease.agent_id = %s", [at, agent_id]
    return LAPSED.read(f"{where} ORDER BY execution_lease.expires_at LIMIT {limit:d}", values)


# Written like the index task_to_claim, whose condition and order these are.
TO_CLAIM = """
WHERE execution_task.agent_id = %s AND execution_task.status = 'approved'{types}
AND NOT EXISTS (SELECT 1 FROM execution_lease l WHERE l.task_id = execution_task.id)
"""
CLAIM_ORDER = """
ORDER BY CASE WHEN execution_task.priority = 'urgent' THEN 0
WHEN execution_task.priority = 'high' THEN 1
WHEN execution_task.priority = 'normal' THEN 2 ELSE 3 END, execution_task.id
LIMIT %s {lock}
"""


@dataclass(frozen=True, slots=True)
class ClaimLook:
    """What a claim needs to know: the agent, whether it left a lease to run out, what there is."""

    agent: AgentAtWork | None
    has_lapsed: bool
    tasks: list[TaskRow]


def look_to_claim(
    agent_id: str, *, at: datetime, task_types: Collection[str] = (), limit: int
) -> ClaimLook:
    """All of it in one round trip."""
    with one_round_trip():
        agents = AGENTS.ask("WHERE slug = %s", [agent_id])
        lapsed = queries.LEASES.ask(
            "WHERE agent_id = %s AND expires_at <= %s LIMIT 1", [agent_id, at]
        )
        tasks = _ask_claimable(agent_id, task_types, limit)
    agent = next((AgentAtWork(**row) for row in agents.rows()), None)
    return ClaimLook(agent, bool(lapsed.rows()), tasks.rows())


def claimable_tasks(
    agent_id: str, *, task_types: Collection[str] = (), limit: int
) -> list[TaskRow]:
    """Approved tasks of an agent that nobody holds, in the order in which they are given out.

    Locked, but for those that another transaction has locked: they are passed over.
    """
    return _ask_claimable(agent_id, task_types, limit).rows()


def _ask_claimable(agent_id: str, task_types: Collection[str], limit: int) -> Asked[TaskRow]:
    types = f" AND execution_task.task_type IN ({among(task_types)})" if task_types else ""
    locks = connection.features.has_select_for_update_skip_locked
    lock = "FOR NO KEY UPDATE OF execution_task SKIP LOCKED" if locks else ""
    rest = TO_CLAIM.format(types=types) + CLAIM_ORDER.format(lock=lock)
    return queries.TASKS.ask(rest, [agent_id, *task_types, limit])


def claimable_counts(agent_ids: Collection[str]) -> dict[str, int]:
    """How many tasks each of these agents could claim now; none while paused or inactive, and of
    an agent with a capacity no more than it has room for."""
    tasks = Task.objects.filter(
        agent__in=agent_ids,
        agent__is_active=True,
        agent__is_paused=False,
        status=TaskStatus.APPROVED,
        ended_at__isnull=True,
        lease__isnull=True,
    )
    grouped = tasks.order_by().values_list("agent_id").annotate(Count("id"))
    counts = dict.fromkeys(agent_ids, 0) | dict(grouped)
    bounded = Agent.objects.filter(slug__in=agent_ids, capacity__isnull=False).order_by()
    capacities = dict(bounded.values_list("slug", "capacity"))
    held = in_hand(capacities) if capacities else {}
    for slug, capacity in capacities.items():
        counts[slug] = min(counts[slug], max(0, (capacity or 0) - held.get(slug, 0)))
    return counts


def in_hand(agent_ids: Collection[str]) -> dict[str, int]:
    """How many tasks these agents have in hand: under way, by whomever begun, or claimed; of those
    that have any."""
    is_under_way = Q(status__in=(TaskStatus.IN_PROGRESS, TaskStatus.MARKETPLACE_SYNC))
    is_claimed = Q(status=TaskStatus.APPROVED, lease__isnull=False)
    tasks = Task.objects.filter(agent__in=agent_ids, ended_at__isnull=True)
    found = tasks.filter(is_under_way | is_claimed)
    return dict(found.order_by().values_list("agent_id").annotate(Count("id")))


def agents_given_between(since: int, until: int, agent_ids: Collection[str]) -> set[str]:
    """Those of the agents that an event after `since` up to `until` gave something to claim."""
    events = TaskEvent.objects.filter(
        sequence__gt=since,
        sequence__lte=until,
        agent_id__in=agent_ids,
        to_status=TaskStatus.APPROVED,
    )
    return set(events.order_by().values_list("agent_id", flat=True).distinct())
