"""The five states as steps: reached, skipped, waiting, and how long each took."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from execution.rows import TaskRow
from execution.task_story import steps

pytestmark = pytest.mark.unit
START = datetime(2026, 2, 24, 12, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def told(status: str, *, syncing: int | None = None, **reached: int) -> list[tuple[str, Any]]:
    """State and minutes of each step; `reached` are minutes after the creation."""
    row = {"status": status, "created_at": START}
    for name in ("approved_at", "started_at", "ended_at"):
        row[name] = at(reached[name]) if name in reached else None  # type: ignore[assignment]
    syncing_at = None if syncing is None else at(syncing)
    found = steps(cast("TaskRow", row), syncing_at=syncing_at, now=at(100))
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
    found = told("completed", approved_at=5, started_at=10, syncing=40, ended_at=60)
    assert found == [("done", 5), ("done", 5), ("done", 30), ("done", 20), ("done", None)]


def test_completed_without_a_sync_skipped_that_step() -> None:
    found = told("completed", approved_at=5, started_at=10, ended_at=60)
    assert found[2:] == [("done", 50), ("skipped", None), ("done", None)]


def test_failed_task_ends_on_the_failure() -> None:
    found = told("failed", ended_at=30)
    assert found == [("done", 30), *[("skipped", None)] * 3, ("failed", None)]
