"""Every status against every status, and the progress that each allows."""

import pytest

from execution.enums import TaskStatus
from execution.lifecycle import (
    AGENT_STEPS,
    ENTRY_PROGRESS,
    PROGRESS_RANGE,
    allowed_transitions,
    in_range,
    sync_progress,
    transition_kind,
)

pytestmark = pytest.mark.unit

LEGAL = {
    "pending": {"approved", "in_progress", "failed"},
    "approved": {"in_progress", "failed"},
    "in_progress": {"marketplace_sync", "completed", "failed"},
    "marketplace_sync": {"completed", "in_progress", "failed"},
    "failed": {"pending"},
    "completed": set(),
}


@pytest.mark.parametrize("old", TaskStatus)
@pytest.mark.parametrize("new", TaskStatus)
def test_only_the_contracts_transitions_are_legal(old: TaskStatus, new: TaskStatus) -> None:
    legal = new.value in LEGAL[old.value]
    assert (transition_kind(old, new) is not None) == legal
    assert (new in allowed_transitions(old)) == legal


@pytest.mark.parametrize("status", TaskStatus)
def test_entry_progress_lies_in_the_statuss_range(status: TaskStatus) -> None:
    assert in_range(status, ENTRY_PROGRESS[status])
    low, high = PROGRESS_RANGE[status]
    assert not in_range(status, low - 1)
    assert not in_range(status, high + 1)


@pytest.mark.parametrize(
    ("synced", "targets", "progress"),
    [
        (0, 1, 75),
        (1, 2, 87),  # 75 + floor(12.5)
        (3, 6, 87),  # the seed's card: three of six
        (1, 6, 79),  # 75 + floor(4.17)
        (5, 6, 95),  # 75 + floor(20.8)
        (6, 6, 99),  # at most 99 until completed
        (0, 0, 75),
    ],
)
def test_sync_progress_follows_the_share_synced(synced: int, targets: int, progress: int) -> None:
    assert sync_progress(synced, targets) == progress


def test_an_agent_neither_approves_nor_retries() -> None:
    assert all(
        old not in (TaskStatus.PENDING, TaskStatus.FAILED) and transition_kind(old, new) is not None
        for old, new in AGENT_STEPS
    )
