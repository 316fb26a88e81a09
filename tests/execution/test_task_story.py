"""The five states as steps: reached, skipped, waiting, and how long each took."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from execution.enums import EventKind, TaskStatus
from execution.rows import TaskRow
from execution.task_story import Stay, Turn, stays, steps

pytestmark = pytest.mark.unit
START = datetime(2026, 2, 24, 12, 0, tzinfo=UTC)


SENT = {TaskStatus.MARKETPLACE_SYNC: Stay(START + timedelta(minutes=40))}


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def told(
    status: str, *, past: dict[TaskStatus, Stay] | None = None, **reached: int
) -> list[tuple[str, Any]]:
    """State and minutes of each step; `reached` are minutes after the creation."""
    row = {"status": status, "created_at": START}
    for name in ("approved_at", "started_at", "ended_at"):
        row[name] = at(reached[name]) if name in reached else None  # type: ignore[assignment]  # one of its instants
    found = steps(cast("TaskRow", row), past=past or {}, now=at(100))
    return [(step.state, step.minutes) for step in found]


def test_new_task_waits_everywhere_but_here() -> None:
    assert told("pending") == [("current", 100), *[("waiting", None)] * 4]


def test_running_task_counts_from_its_start() -> None:
    assert told("in_progress", approved_at=10, started_at=25) == [
        ("done", 10),
        ("done", 15),
        ("current", 75),
        ("waiting", None),
        ("waiting", None),
    ]


def test_completed_task_has_only_steps_behind_it() -> None:
    found = told("completed", approved_at=5, started_at=10, past=SENT, ended_at=60)
    assert found == [("done", 5), ("done", 5), ("done", 30), ("done", 20), ("done", None)]


def test_completed_without_a_sync_skipped_that_step() -> None:
    found = told("completed", approved_at=5, started_at=10, ended_at=60)
    assert found[2:] == [("done", 50), ("skipped", None), ("done", None)]


def test_failed_task_ends_on_the_failure() -> None:
    found = told("failed", ended_at=30)
    assert found == [("done", 30), *[("skipped", None)] * 3, ("failed", None)]


def turns(*changes: tuple[EventKind, TaskStatus, int]) -> list[Turn]:
    return [Turn(kind, status, at(minutes)) for kind, status, minutes in changes]


BEGUN = (
    (EventKind.CREATED, TaskStatus.PENDING, 0),
    (EventKind.APPROVED, TaskStatus.APPROVED, 5),
    (EventKind.STARTED, TaskStatus.IN_PROGRESS, 10),
)


def test_work_that_an_agent_lost_was_not_skipped() -> None:
    past = stays(
        turns(
            *BEGUN,
            (EventKind.LEASE_EXPIRED, TaskStatus.APPROVED, 12),
            (EventKind.FAILED, TaskStatus.FAILED, 30),
        )
    )
    found = told("failed", past=past, approved_at=5, ended_at=30)
    assert found == [("done", 5), ("done", 5), ("done", 2), ("skipped", None), ("failed", None)]


def test_a_sync_that_was_taken_back_was_not_skipped() -> None:
    past = stays(
        turns(
            *BEGUN,
            (EventKind.SYNCING, TaskStatus.MARKETPLACE_SYNC, 20),
            (EventKind.RETURNED, TaskStatus.IN_PROGRESS, 23),
            (EventKind.FAILED, TaskStatus.FAILED, 30),
        )
    )
    found = told("failed", past=past, approved_at=5, started_at=10, ended_at=30)
    assert found == [("done", 5), ("done", 5), ("done", 10), ("done", 3), ("failed", None)]


def test_a_failure_that_was_undone_interrupts_nothing() -> None:
    past = stays(
        turns(
            *BEGUN,
            (EventKind.FAILED, TaskStatus.FAILED, 30),
            (EventKind.UNDONE, TaskStatus.IN_PROGRESS, 40),
        )
    )
    assert past[TaskStatus.IN_PROGRESS] == Stay(at(10))
    assert past[TaskStatus.APPROVED] == Stay(at(5), at(10))
