"""Tasks that nobody had room for when they were made get their agent once somebody has."""

from typing import Final

from execution import assignment, queries, services
from execution.enums import MarketplaceSlug
from orchestration.queries import waiting_for_an_agent

# How many tasks one look gives away: each is a transaction of its own.
AT_ONCE: Final = 100


def assign_waiting_tasks() -> int:
    """Give up to a hundred tasks without an agent to whom is recommended now; how many it gave.

    The oldest first, and of marketplaces alone where somebody has room, so that those without
    anybody hold up no others. What the playbook would have approved at once is approved then.
    """
    waiting = waiting_for_an_agent(_with_room(), limit=AT_ONCE)
    needs = [assignment.Need(task.task_type, task.marketplace_id) for task in waiting]
    given = 0
    for task, chosen in zip(waiting, assignment.assign(needs), strict=True):
        if chosen.agent_id is not None:
            given += services.give_agent(
                task.task_id, chosen, actor=assignment.ASSIGNMENT_ACTOR, approver=task.approver
            )
    return given


def _with_room() -> list[str]:
    found = queries.assignable_agents([slug.value for slug in MarketplaceSlug])
    return [
        slug
        for slug, agents in found.items()
        if any(agent.capacity is None or agent.open_tasks < agent.capacity for agent in agents)
    ]
