"""Pin an agent's weights, return them to adaptive, and see beforehand what that would do.

API, page and admin come through here, so each change is checked and kept alike.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.callers import Caller
from accounts.permissions import CHANGE_WEIGHTS
from execution.exceptions import AgentNotFound, NotAllowed
from execution.models import Agent
from nexo.shared import clock
from optimization import queries
from optimization.models import TERMS, PinnedWeights, WeightChange
from optimization.optimizations import Optimization, Shares, optimizations, proposed
from optimization.representations import weights_json


def set_weights(
    agent_id: str, weights: Shares, *, caller: Caller, reason: str = ""
) -> Optimization:
    """Pin the agent's weights; they must have been found legal.

    Raises
    ------
    NotAllowed, AgentNotFound
    """
    return _change(agent_id, weights, caller=caller, reason=reason)


def clear_weights(agent_id: str, *, caller: Caller, reason: str = "") -> Optimization:
    """Return the agent to adaptive weights; nothing happens when they are.

    Raises
    ------
    NotAllowed, AgentNotFound
    """
    return _change(agent_id, None, caller=caller, reason=reason)


def _change(agent_id: str, weights: Shares | None, *, caller: Caller, reason: str) -> Optimization:
    if not caller.may(CHANGE_WEIGHTS):
        raise NotAllowed
    with transaction.atomic():
        # Whoever changes the same agent waits here, so that old and new make one chain.
        if not Agent.objects.select_for_update(no_key=True).filter(slug=agent_id).exists():
            raise AgentNotFound
        before = _optimization(agent_id, clock.now())
        old = before.agent.pinned
        if weights != old:
            _keep(before, weights, actor=caller.actor, reason=reason)
        return _optimization(agent_id, before.at)


def _keep(before: Optimization, weights: Shares | None, *, actor: str, reason: str) -> None:
    agent_id, old = before.agent.slug, before.agent.pinned
    if weights is None:
        PinnedWeights.objects.filter(pk=agent_id).delete()
    else:
        values = dict(zip(TERMS, weights, strict=True))
        PinnedWeights.objects.update_or_create(agent_id=agent_id, defaults=values)
    WeightChange.objects.create(
        agent_id=agent_id,
        at=before.at,
        actor=actor,
        old=_kept(old),
        new=_kept(weights),
        adaptive=weights_json(before.adaptive),
        reason=reason,
    )
    audit.record(
        "weights_cleared" if weights is None else "weights_set",
        actor=actor,
        object_kind="weight",
        object_id=agent_id,
        reason=reason,
        details={"old": _kept(old), "new": _kept(weights)},
    )


def _kept(weights: Shares | None) -> dict[str, float] | None:
    return None if weights is None else weights_json(weights)


def _optimization(agent_id: str, now: datetime) -> Optimization:
    agents = queries.agents([agent_id])
    if not agents:
        raise AgentNotFound
    return optimizations(agents, now).agents[0]


@dataclass(frozen=True, slots=True)
class Preview:
    """An agent under its present and under proposed weights, and its place among its peers.

    Ranks start at 1 and are among the active agents that share a marketplace with it.
    """

    before: Optimization
    after: Optimization
    rank_before: int
    rank_after: int
    peers: int


def preview_weights(agent_id: str, weights: Shares | None, *, caller: Caller) -> Preview:
    """What these weights (None: the adaptive ones) would do; changes nothing.

    Raises
    ------
    NotAllowed, AgentNotFound
    """
    if not caller.may(CHANGE_WEIGHTS):
        raise NotAllowed
    agents = queries.peers_of(agent_id)
    if agent_id not in {agent.slug for agent in agents}:
        raise AgentNotFound
    before, after = proposed(agents, {agent_id: weights}, clock.now())
    return Preview(
        before=_of(before, agent_id),
        after=_of(after, agent_id),
        rank_before=_rank(before, agent_id),
        rank_after=_rank(after, agent_id),
        peers=len(agents),
    )


def _of(found: list[Optimization], agent_id: str) -> Optimization:
    return next(one for one in found if one.agent.slug == agent_id)


def _rank(found: list[Optimization], agent_id: str) -> int:
    """Agents with a better shown score, plus one: equals share a place."""
    own = _of(found, agent_id).score
    return 1 + sum(one.score > own for one in found)


def changes_of(agent_id: str, *, before_id: int | None, limit: int) -> list[WeightChange]:
    """Up to `limit` changes of an agent's weights, newest first.

    Raises
    ------
    AgentNotFound
    """
    if not Agent.objects.filter(slug=agent_id).exists():
        raise AgentNotFound
    changes: Any = WeightChange.objects.filter(agent_id=agent_id)
    if before_id is not None:
        changes = changes.filter(pk__lt=before_id)
    return list(changes[:limit])
