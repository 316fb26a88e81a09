"""Pause, resume and activate agents."""

from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.callers import Caller
from accounts.permissions import RUN_ORCHESTRATION
from execution.exceptions import AgentNotFound, NotAllowed
from execution.models import Agent

# Its column there holds no more; the audit keeps the whole reason.
LONGEST_IN_HISTORY: Final = 100


def pause_agent(agent_id: str, *, caller: Caller, reason: str = "") -> Agent:
    """Give the agent no new task from now on; it finishes what it holds.

    Raises
    ------
    NotAllowed, AgentNotFound
    """
    return _set_paused(agent_id, True, caller=caller, reason=reason)


def resume_agent(agent_id: str, *, caller: Caller, reason: str = "") -> Agent:
    """Let the agent be given tasks again.

    Raises
    ------
    NotAllowed, AgentNotFound
    """
    return _set_paused(agent_id, False, caller=caller, reason=reason)


def _set_paused(agent_id: str, is_paused: bool, *, caller: Caller, reason: str) -> Agent:
    if not caller.may(RUN_ORCHESTRATION):
        raise NotAllowed
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).filter(pk=agent_id).first()
        if agent is None:
            raise AgentNotFound
        if agent.is_paused != is_paused:
            _set(agent, "is_paused", is_paused, reason)
            audit.record(
                "paused" if is_paused else "resumed",
                actor=caller.actor,
                object_kind="agent",
                object_id=agent.slug,
                reason=reason,
            )
        return agent


def activate_agents(inactive: QuerySet[Agent], *, caller: Caller) -> list[str]:
    """Have these agents work again, in the transaction that is open; the ids of all.

    Raises
    ------
    NotAllowed
    """
    if not caller.may(RUN_ORCHESTRATION):
        raise NotAllowed
    agents = list(inactive.select_for_update(no_key=True))
    for agent in agents:
        _set(agent, "is_active", True, f"activation by {caller.actor}")
        audit.record(
            "activate",
            actor=caller.actor,
            object_kind="agent",
            object_id=agent.slug,
            details={"old": {"active": False}, "new": {"active": True}},
        )
    return [agent.slug for agent in agents]


def _set(agent: Agent, name: str, value: bool, reason: str) -> None:
    setattr(agent, name, value)
    agent._change_reason = reason[:LONGEST_IN_HISTORY]  # type: ignore[attr-defined]  # simple-history's
    agent.save(update_fields=[name])
