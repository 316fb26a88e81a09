"""Agents take their approved tasks, say that they are still there, and lose what they left."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from accounts.callers import Caller
from execution import claim_queries, leases, queries, services
from execution.exceptions import NotAllowed
from execution.models import Agent, Lease
from execution.rows import TaskRow, TaskState
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
    agent_id: str,
    *,
    caller: Caller,
    limit: int = 1,
    task_types: Collection[str] = (),
    ends_lapsed: bool = True,
) -> list[Claimed]:
    """Lease up to `limit` of the agent's approved tasks to it, the most urgent and oldest first.

    A paused or inactive agent gets none, one with a capacity no more than it has room for. What
    the agent left lying is returned first, so that it can be had again; not with `ends_lapsed`
    false, for a caller's transaction, which must not change several tasks one after another.

    Raises
    ------
    NotAllowed: the caller is not this agent
    """
    _check_is(caller, agent_id)
    claimed = _claim(agent_id, limit, task_types, despite_lapsed=not ends_lapsed)
    if claimed is None:
        end_lapsed_leases(agent_id=agent_id)
        claimed = _claim(agent_id, limit, task_types, despite_lapsed=True)
    return claimed or []


def _claim(
    agent_id: str, limit: int, task_types: Collection[str], *, despite_lapsed: bool = False
) -> list[Claimed] | None:
    """None, and nothing claimed, while there are leases to end first."""
    with transaction.atomic(), bare_statements():
        now = clock.now()
        look = claim_queries.look_to_claim(agent_id, at=now, task_types=task_types, limit=limit)
        if look.has_lapsed and not despite_lapsed:
            return None
        room = _room(look.agent, agent_id, limit)
        found: Sequence[TaskRow] = look.tasks[:room]
        claimed: list[Claimed] = []
        while found:
            wanted = room - len(claimed)
            claimed += _lease(found, agent_id, now)
            if len(found) < wanted or len(claimed) == room:
                break
            # Somebody else was faster with some of them. Whoever holds one waits for later ones
            # alone: two that wait for each other's would both get none.
            latest = max(row["id"] for row in found)
            left = room - len(claimed)
            others = claim_queries.claimable_tasks(agent_id, task_types=task_types, limit=left)
            found = [row for row in others if not claimed or row["id"] > latest]
        return claimed


def _room(agent: claim_queries.AgentAtWork | None, agent_id: str, limit: int) -> int:
    """How many tasks the agent may take now; an agent with a capacity is locked meanwhile."""
    if agent is None or agent.is_paused or not agent.is_active:
        return 0
    if agent.capacity is None:
        return limit
    Agent.objects.select_for_update(no_key=True).only("slug").get(pk=agent_id)
    held = claim_queries.in_hand([agent_id]).get(agent_id, 0)
    return max(0, min(limit, agent.capacity - held))


def _lease(found: Sequence[TaskRow], agent_id: str, now: datetime) -> list[Claimed]:
    """Those of the tasks found that nobody else took first."""
    # In one order, as everywhere that locks several rows.
    ids = {task_pk: leases.new_lease_id() for task_pk in sorted(row["id"] for row in found)}
    writer = Writer()
    with one_round_trip():
        leases.begin(writer, ids, agent_id, now=now)
        targets = queries.ask_targets(ids)
    won = {task_pk for (task_pk,) in writer.fetch()}
    return [
        Claimed(state, ids[state.row["id"]], now + leases.LIFETIME)
        for state in queries.with_targets(found, targets)
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
            held.select_for_update(of=("self",), no_key=True)
            .order_by("task_id")
            .values_list("task_id", "task__task_id", "lease_id")
        )
        expires_at = now + leases.LIFETIME
        Lease.objects.filter(pk__in=[pk for pk, *_ in rows]).update(expires_at=expires_at)
    return [Held(task_id, lease_id, expires_at) for _pk, task_id, lease_id in rows]


def end_lapsed_leases(*, agent_id: str | None = None) -> int:
    """Return the tasks whose leases have run out, an agent's or everybody's; how many they were."""
    lapsed = claim_queries.lapsed_leases(clock.now(), agent_id=agent_id, limit=AT_ONCE)
    return sum(services.end_lease(lease["task_id"], lease["lease_id"]) for lease in lapsed)
