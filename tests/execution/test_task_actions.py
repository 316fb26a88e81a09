"""What pages offer is what the life cycle allows."""

import pytest

from accounts.permissions import APPROVE_TASKS, OPERATE_TASKS
from execution.enums import TaskStatus
from execution.lifecycle import allowed_transitions
from execution.task_actions import ACTIONS, legal_actions, permitted_actions

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("status", TaskStatus)
def test_offered_actions_are_the_legal_steps(status: TaskStatus) -> None:
    offered = {action.status for action in legal_actions(ACTIONS, status)}
    assert offered == set(allowed_transitions(status))


def test_what_ends_a_task_badly_asks_why() -> None:
    assert all(action.needs_note for action in ACTIONS if action.is_destructive)


def test_each_permission_offers_its_own() -> None:
    assert permitted_actions(lambda name: name == OPERATE_TASKS) == list(ACTIONS)
    decisions = permitted_actions(lambda name: name == APPROVE_TASKS)
    assert [action.name for action in decisions] == ["approve", "reject"]
    assert permitted_actions(lambda name: False) == []
