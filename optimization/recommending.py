"""Who should get this task: candidates read, ranked, and kept with their arithmetic."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from execution.assignment import Assignment, Need, waking
from execution.queries import AssignableAgent, assignable_agents
from nexo.shared import clock
from nexo.shared.instants import to_rfc3339
from optimization import queries
from optimization.optimizations import Optimization, optimizations
from optimization.recommendation import Candidate, Ranked, Recommendation, recommend

RECOMMENDED: Final = "recommended"
NO_CANDIDATE: Final = "no_candidate"


class _Field:
    """Agents that may be given tasks, with their scores; loads grow as tasks are given out."""

    def __init__(self, needs: Sequence[Need], now: datetime) -> None:
        self._agents = assignable_agents(
            {need.marketplace_id for need in needs}, waking=waking(needs)
        )
        slugs = {agent.slug for agents in self._agents.values() for agent in agents}
        found = optimizations(queries.agents(slugs), now).agents if slugs else []
        self._known: Mapping[str, Optimization] = {one.agent.slug: one for one in found}
        self._specialists = queries.specialists({need.task_type for need in needs})
        self._given: Counter[str] = Counter()

    def recommend(self, need: Need) -> Recommendation:
        return recommend(
            self._candidate(agent, need)
            for agent in self._agents.get(need.marketplace_id, ())
            if agent.capacity is None or self._open(agent) < agent.capacity
        )

    def give(self, agent_id: str) -> None:
        self._given[agent_id] += 1

    def _open(self, agent: AssignableAgent) -> int:
        return agent.open_tasks + self._given[agent.slug]

    def _candidate(self, agent: AssignableAgent, need: Need) -> Candidate:
        known = self._known[agent.slug]
        return Candidate(
            agent_id=agent.slug,
            base_score=known.score,
            approval_rate=known.approval_rate,
            error_rate=known.error_rate,
            is_specialist=(agent.slug, need.task_type) in self._specialists,
            open_tasks=self._open(agent),
            ended_tasks=known.ended_tasks,
            low_data=known.low_data,
        )


def recommend_agent(need: Need) -> Recommendation:
    """Rank the agents that could take this task now."""
    return _Field([need], clock.now()).recommend(need)


def assign_recommended(needs: Sequence[Need]) -> list[Assignment]:
    """Give each task to the agent that is recommended for it; each raises that agent's load."""
    now = clock.now()
    field = _Field(needs, now)
    assignments = []
    for need in needs:
        found = field.recommend(need)
        if found.winner is None:
            assignments.append(Assignment(None, {"rule": NO_CANDIDATE}))
            continue
        agent_id = found.winner.candidate.agent_id
        assignments.append(Assignment(agent_id, _kept(found, need, now)))
        field.give(agent_id)
    return assignments


def _kept(found: Recommendation, need: Need, now: datetime) -> dict[str, Any]:
    """What the decision was made from, as it then was."""
    return {
        "rule": RECOMMENDED,
        "at": to_rfc3339(now),
        "taskType": need.task_type,
        "channel": need.marketplace_id,
        "confidence": found.confidence,
        "ranking": [_kept_candidate(ranked) for ranked in found.ranking],
    }


def _kept_candidate(ranked: Ranked) -> dict[str, Any]:
    candidate = ranked.candidate
    return {
        "agentId": candidate.agent_id,
        "base": candidate.base_score,
        "adjustments": [
            {"reason": adjustment.reason.value, "points": adjustment.points}
            for adjustment in ranked.adjustments
        ],
        "final": ranked.score,
        "approvalRate": candidate.approval_rate,
        "errorRate": candidate.error_rate,
        "openTasks": candidate.open_tasks,
        "sampleSize": candidate.ended_tasks,
        "lowData": candidate.low_data,
    }
