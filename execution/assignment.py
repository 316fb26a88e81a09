"""Who should get this task? A hook: an upper app may answer it better than the default does.

The default is the marketplace's least loaded active agent. Whatever answers says which rule chose
and what it saw, and the task keeps that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from execution import queries

LEAST_LOADED = "least_loaded"
NO_CANDIDATE = "no_candidate"
# Who gives away tasks that found no agent when they were made.
ASSIGNMENT_ACTOR = "system:assignment"


@dataclass(frozen=True, slots=True)
class Need:
    """What is known of a task that has no agent yet.

    `waking` are inactive agents that will be active by then, for who only asks beforehand.
    """

    task_type: str
    marketplace_id: str
    waking: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Assignment:
    """`explanation` is kept on the task as JSON; its key `rule` names the rule that chose."""

    agent_id: str | None
    explanation: dict[str, Any]


Assigner = Callable[[Sequence[Need]], list[Assignment]]


@dataclass(frozen=True, slots=True)
class CandidateLine:
    """One agent that was looked at: its score, and the terms that make it, each with its points.

    With `low_data` there was too little to go by.
    """

    agent_id: str
    score: int
    low_data: bool
    terms: Sequence[tuple[str, str]]
    note: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Why an agent was chosen, for people: a sentence, and the candidates in their order.

    `plain` is the sentence without a number, for those who may not see scores.
    """

    sentence: str
    plain: str
    candidates: Sequence[CandidateLine]


Explainer = Callable[[Mapping[str, Any]], Reasoning]


def assign_least_loaded(needs: Sequence[Need]) -> list[Assignment]:
    """One assignment per need, in order; each raises its agent's load for the next.

    Ties go to the agent whose id sorts first. An agent at its capacity is passed over.
    """
    candidates = queries.assignable_agents(
        {need.marketplace_id for need in needs}, waking=waking(needs)
    )
    loads = {agent.slug: agent.open_tasks for agents in candidates.values() for agent in agents}
    assignments = []
    for need in needs:
        free = [
            agent
            for agent in candidates.get(need.marketplace_id, [])
            if agent.capacity is None or loads[agent.slug] < agent.capacity
        ]
        if not free:
            assignments.append(Assignment(None, {"rule": NO_CANDIDATE}))
            continue
        chosen = min(free, key=lambda agent: (loads[agent.slug], agent.slug))
        explanation = {
            "rule": LEAST_LOADED,
            "agentId": chosen.slug,
            "openTasks": loads[chosen.slug],
            "candidates": len(free),
        }
        assignments.append(Assignment(chosen.slug, explanation))
        loads[chosen.slug] += 1
    return assignments


def waking(needs: Sequence[Need]) -> frozenset[str]:
    return frozenset().union(*(need.waking for need in needs))


_assigner: Assigner = assign_least_loaded
_explainers: dict[str, Explainer] = {}


def register(assigner: Assigner, *, rule: str, explainer: Explainer) -> None:
    """Let `assigner` answer from now on, and `explainer` tell what is kept under its `rule`.

    An upper app calls this in `AppConfig.ready`.
    """
    global _assigner
    _assigner = assigner
    _explainers[rule] = explainer


def assign(needs: Sequence[Need]) -> list[Assignment]:
    return _assigner(needs) if needs else []


def reasoning(explanation: Mapping[str, Any] | None, *, with_scores: bool) -> Reasoning | None:
    """What a task's kept explanation says; None when no registered rule chose.

    Without scores only that it chose: no candidate, and no number made of their scores.
    """
    explainer = _explainers.get((explanation or {}).get("rule", ""))
    if not explainer or not explanation:
        return None
    found = explainer(explanation)
    return found if with_scores else replace(found, sentence=found.plain, candidates=())
