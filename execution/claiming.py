"""Agents take their approved tasks, say that they are still there, and lose what they left."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from accounts.callers import Caller
from execution import leases, queries, services
from execution.exceptions import NotAllowed
from execution.models import Agent, Lease
from execution.rows import TaskState
from nexo.shared import clock
from nexo.shared.pipelines import Writer, bare_statements, one_round_trip

# How many lapsed leases one look ends: each is a transaction of its own.
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Claimed:
    state: TaskState
    lease_id: str
    expires_at: datetime


def _check_is(caller: Caller, agent_id: str) -> None:
    if caller.agent_id != agent_id:
        raise NotAllowed


def claim_tasks(
    agent_id: str, *, caller: Caller, limit: int = 1, task_types: Collection[str] = ()
) -> list[Claimed]:
    """Lease up to `limit` of the agent's approved tasks to it, the most urgent and oldest first.

    A paused or inactive agent gets none, one with a capacity no more than it has room for. What
    the agent left lying is returned first, so that it can be had again.

    Raises
    ------
    NotAllowed: the caller is not this agent
    """
    _check_is(caller, agent_id)
    end_lapsed_leases(agent_id=agent_id)
    with transaction.atomic(), bare_statements():
        room = _room(agent_id, limit)
        now = clock.now()
        claimed: list[Claimed] = []
        while room > len(claimed):
            wanted = room - len(claimed)
            found = queries.claimable_tasks(agent_id, task_types=task_types, limit=wanted)
            claimed += _lease(found, agent_id, now)
            if len(found) < wanted:
                break
        return claimed


def _room(agent_id: str, limit: int) -> int:
    """How many tasks the agent may take now; an agent with a capacity is locked meanwhile."""
    agent = queries.agent_at_work(agent_id)
    if agent is None or agent.is_paused or not agent.is_active:
        return 0
    if agent.capacity is None:
        return limit
    Agent.objects.select_for_update().only("slug").get(pk=agent_id)
    return min(limit, agent.capacity - Lease.objects.filter(agent_id=agent_id).count())


def _lease(found: Sequence[TaskState], agent_id: str, now: datetime) -> list[Claimed]:
    """Those of the tasks found that nobody else took first."""
    if not found:
        return []
    ids = {state.row["id"]: leases.new_lease_id() for state in found}
    writer = Writer()
    with one_round_trip():
        leases.begin(writer, ids, agent_id, now=now)
    won = {task_pk for (task_pk,) in writer.fetch()}
    return [
        Claimed(state, ids[state.row["id"]], now + leases.LIFETIME)
        for state in found
        if state.row["id"] in won
    ]


@dataclass(frozen=True, slots=True)
class Held:
    task_id: str
    lease_id: str
    expires_at: datetime


def renew_leases(
    agent_id: str, *, caller: Caller, lease_ids: Collection[str] | None = None
) -> list[Held]:
    """Renew all that the agent still holds, or those named; what is missing in the answer is lost.

    Raises
    ------
    NotAllowed: the caller is not this agent
    """
    _check_is(caller, agent_id)
    now = clock.now()
    held = Lease.objects.filter(agent_id=agent_id, expires_at__gt=now)
    if lease_ids is not None:
        held = held.filter(lease_id__in=lease_ids)
    with transaction.atomic():
        rows = list(
            held.select_for_update(of=("self",))
            .order_by("task_id")
            .values_list("task_id", "task__task_id", "lease_id")
        )
        expires_at = now + leases.LIFETIME
        Lease.objects.filter(pk__in=[pk for pk, *_ in rows]).update(expires_at=expires_at)
    return [Held(task_id, lease_id, expires_at) for _pk, task_id, lease_id in rows]


def end_lapsed_leases(*, agent_id: str | None = None) -> int:
    """Return the tasks whose leases have run out, an agent's or everybody's; how many they were."""
    lapsed = Lease.objects.filter(expires_at__lte=clock.now())
    if agent_id is not None:
        lapsed = lapsed.filter(agent_id=agent_id)
    rows = lapsed.order_by("expires_at").values_list("task__task_id", "lease_id")[:AT_ONCE]
    return sum(services.end_lease(task_id, lease_id) for task_id, lease_id in list(rows))
