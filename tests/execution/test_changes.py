"""What one update plans, without a database: fields, targets, events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from execution.changes import Edits, Plan, TaskChange, plan_change
from execution.enums import FailureReason, SyncState, TaskStatus
from execution.exceptions import InvalidTransition, SyncNotOpen
from execution.lifecycle import PROGRESS_RANGE, in_range
from execution.rows import TargetRow, TaskState, merged

pytestmark = pytest.mark.unit

CREATED = datetime(2026, 2, 24, 14, 0, tzinfo=UTC)
NOW = CREATED + timedelta(minutes=30)


def make_state(status: str, targets: dict[str, str] | None = None, **fields: Any) -> TaskState:
    """A task as a reader finds it; `targets` maps slugs to sync states."""
    started = status in ("in_progress", "marketplace_sync", "completed")
    row: dict[str, Any] = {
        "id": 1,
        "task_id": "task-1",
        "external_id": None,
        "title": "Otimizar título",
        "task_type": "listing_optimization",
        "marketplace_id": "amazon",
        "agent_id": "alex",
        "status": status,
        "progress": PROGRESS_RANGE[TaskStatus(status)][0],
        "priority": "normal",
        "estimated_minutes": 60.0,
        "created_at": CREATED,
        "approved_at": CREATED if started or status == "approved" else None,
        "started_at": CREATED + timedelta(minutes=10) if started else None,
        "ended_at": CREATED + timedelta(minutes=20) if status in ("completed", "failed") else None,
        "updated_at": CREATED,
        "due_at": CREATED + timedelta(hours=1),
        "error": None,
        "failure_reason": "error" if status == "failed" else None,
        "progress_at_failure": 50 if status == "failed" else None,
        "attempt": 1,
        "version": 1,
        "sequence": 1,
        **fields,
    }
    default = "queued" if status == "marketplace_sync" else "planned"
    rows = [
        TargetRow(
            task_id=1,
            marketplace_id=slug,
            state=state,
            attempts=0,
            error=None,
            retryable=None,
            synced_at=CREATED if state == "synced" else None,
            updated_at=CREATED,
        )
        for slug, state in (targets or {"amazon": default}).items()
    ]
    return TaskState(merged({}, row), rows)


def plan(state: TaskState, **change: Any) -> Plan:
    change.setdefault("status", TaskStatus(state.row["status"]))
    change["status"] = TaskStatus(change["status"])
    return plan_change(state, TaskChange(**change), actor="user:ana", now=NOW)


def states_after(state: TaskState, planned: Plan) -> dict[str, str]:
    before = {target["marketplace_id"]: target["state"] for target in state.targets}
    return before | {slug: target["state"] for slug, target in planned.targets.items()}


def kinds(planned: Plan) -> list[str]:
    return [event.kind.value for event in planned.events]


def test_starting_a_pending_task_approves_it() -> None:
    planned = plan(make_state("pending"), status="in_progress")
    assert planned.fields == {
        "status": "in_progress",
        "progress": 50,
        "started_at": NOW,
        "approved_at": NOW,
    }
    [event] = planned.events
    assert (event.kind, event.from_status, event.to_status) == ("started", "pending", "in_progress")


def test_starting_an_approved_task_keeps_when_it_was_approved() -> None:
    planned = plan(make_state("approved"), status="in_progress")
    assert "approved_at" not in planned.fields


def test_entering_marketplace_sync_queues_the_targets() -> None:
    state = make_state("in_progress", {"amazon": "planned", "shein": "planned"})
    planned = plan(state, status="marketplace_sync")
    assert states_after(state, planned) == {"amazon": "queued", "shein": "queued"}
    assert planned.fields["progress"] == 75


def test_targets_may_be_marked_in_the_patch_that_enters_sync() -> None:
    state = make_state("in_progress", {"amazon": "planned", "shein": "planned"})
    planned = plan(state, status="marketplace_sync", sync_status={"amazon": True})
    assert states_after(state, planned) == {"amazon": "synced", "shein": "queued"}
    assert planned.fields["progress"] == 87
    assert planned.events[0].details == {"sync": {"amazon": True}}


def test_the_last_target_synced_completes_the_task() -> None:
    state = make_state("marketplace_sync", {"amazon": "synced", "shein": "queued"}, progress=87)
    planned = plan(state, sync_status={"shein": True}, reason="conferido à mão")
    assert kinds(planned) == ["sync", "completed"]
    # Nobody gave the reason for what followed by itself.
    assert [event.reason for event in planned.events] == ["conferido à mão", None]
    assert planned.fields == {"status": "completed", "progress": 100, "ended_at": NOW}
    assert planned.events[1].actor == "system:sync"
    assert planned.events[1].execution_minutes == 20  # 14:10 to 14:30


def test_completing_by_hand_withdraws_the_open_targets() -> None:
    state = make_state(
        "marketplace_sync", {"amazon": "synced", "shein": "queued", "kaway": "sending"}
    )
    planned = plan(state, status="completed", reason="basta")
    assert states_after(state, planned) == {
        "amazon": "synced",
        "shein": "not_required",
        "kaway": "sending",
    }
    assert planned.events[0].details == {"withdrawn": ["shein"]}
    assert planned.events[0].reason == "basta"


@pytest.mark.parametrize("status", ["pending", "approved", "in_progress", "failed", "completed"])
def test_marking_a_target_outside_sync_is_refused(status: str) -> None:
    with pytest.raises(SyncNotOpen):
        plan(make_state(status), sync_status={"amazon": True})


@pytest.mark.parametrize("status", ["in_progress", "failed"])
@pytest.mark.parametrize("synced", [True, False])
def test_marking_a_target_on_leaving_sync_unfinished_is_refused(status: str, synced: bool) -> None:
    state = make_state("marketplace_sync", {"amazon": "synced", "shein": "queued"})
    with pytest.raises(SyncNotOpen):
        plan(state, status=status, sync_status={"shein": synced})


def test_completing_may_mark_the_targets_it_does_not_withdraw() -> None:
    state = make_state(
        "marketplace_sync", {"amazon": "queued", "shein": "queued", "kaway": "synced"}
    )
    marks = {"amazon": True, "shein": False, "kaway": True}
    planned = plan(state, status="completed", sync_status=marks)
    assert states_after(state, planned) == {
        "amazon": "synced",
        "shein": "not_required",
        "kaway": "synced",
    }
    assert kinds(planned) == ["completed"]
    assert planned.events[0].actor == "user:ana"
    # What was so already was not marked.
    assert planned.events[0].details == {"sync": {"amazon": True}, "withdrawn": ["shein"]}


def test_a_marketplace_that_is_no_target_is_refused() -> None:
    with pytest.raises(ValidationError) as raised:
        plan(make_state("marketplace_sync"), sync_status={"shein": True})
    assert "syncStatus.shein" in raised.value.detail


def test_explicit_progress_wins_until_the_next_sync_change() -> None:
    state = make_state("marketplace_sync", {"amazon": "queued", "shein": "queued"})
    planned = plan(state, progress=80)
    assert planned.fields == {"progress": 80}
    assert kinds(planned) == ["progress"]
    moved = TaskState(merged(state.row, planned.fields), state.targets)
    assert plan(moved, sync_status={"amazon": True}).fields["progress"] == 87


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("side", ["low", "high"])
def test_progress_outside_the_range_is_refused(status: TaskStatus, side: str) -> None:
    low, high = PROGRESS_RANGE[status]
    with pytest.raises(ValidationError):
        plan(make_state(status.value), progress=low - 1 if side == "low" else high + 1)


def test_failing_keeps_the_progress_it_had() -> None:
    planned = plan(make_state("in_progress", progress=66), status="failed")
    assert planned.fields == {
        "status": "failed",
        "progress": 0,
        "ended_at": NOW,
        "failure_reason": "error",
        "progress_at_failure": 66,
    }
    assert planned.events[0].failure_reason == "error"


def test_a_retry_clears_the_attempt_but_not_what_is_synced() -> None:
    state = make_state("failed", {"amazon": "synced", "shein": "failed"}, error="API 500")
    planned = plan(state, status="pending")
    assert planned.fields == {
        "status": "pending",
        "error": None,
        "ended_at": None,
        "failure_reason": None,
        "progress_at_failure": None,
        "attempt": 2,
    }
    assert states_after(state, planned) == {"amazon": "synced", "shein": "planned"}
    assert kinds(planned) == ["retried"]


def test_no_edit_of_the_targets_drops_what_is_synced() -> None:
    state = make_state("pending", {"amazon": "synced", "shein": "planned"})
    with pytest.raises(ValidationError) as raised:
        plan(state, status="approved", edits=Edits(targets=("shein",)))
    assert "targets" in raised.value.detail


def test_a_step_back_plans_the_unsynced_targets_again() -> None:
    state = make_state("marketplace_sync", {"amazon": "synced", "shein": "queued"}, progress=87)
    planned = plan(state, status="in_progress")
    assert states_after(state, planned) == {"amazon": "synced", "shein": "planned"}
    assert planned.fields == {"status": "in_progress", "progress": 50}
    assert kinds(planned) == ["returned"]


@pytest.mark.parametrize(
    ("state", "change"),
    [
        (make_state("in_progress"), {}),
        (make_state("in_progress"), {"progress": 50}),
        (make_state("in_progress"), {"reason": "só para constar"}),
        (make_state("marketplace_sync", {"amazon": "queued"}), {"sync_status": {"amazon": False}}),
        (make_state("in_progress", error="x"), {"error": "x"}),
        (make_state("completed"), {"status": "completed", "progress": 100}),
        (make_state("failed"), {"failure_reason": FailureReason.ERROR}),
    ],
)
def test_an_update_that_changes_nothing_records_nothing(state: TaskState, change: Any) -> None:
    planned = plan(state, **change)
    assert (planned.fields, planned.targets, planned.events) == ({}, {}, [])


def test_a_failure_reason_needs_a_failure() -> None:
    with pytest.raises(ValidationError):
        plan(make_state("in_progress"), failure_reason=FailureReason.TIMEOUT)
    with pytest.raises(ValidationError):
        plan(make_state("failed"), failure_reason=FailureReason.CANCELLED)


slugs = st.sampled_from(["amazon", "shein", "kaway"])
changes = st.builds(
    TaskChange,
    status=st.sampled_from(TaskStatus),
    progress=st.none() | st.integers(-1, 101),
    sync_status=st.dictionaries(slugs, st.booleans()),
    error=st.none() | st.text(max_size=3),
)


@given(st.lists(changes, max_size=12))
def test_any_run_of_changes_keeps_the_tasks_invariants(run: list[TaskChange]) -> None:
    """What the database's constraints say, whatever is asked in whatever order."""
    state = make_state("pending", {"amazon": "planned", "shein": "planned"})
    for change in run:
        try:
            planned = plan_change(state, change, actor="user:ana", now=NOW)
        except (InvalidTransition, SyncNotOpen, ValidationError):
            continue
        row = merged(state.row, planned.fields)
        targets = [planned.targets.get(t["marketplace_id"], t) for t in state.targets]
        state = TaskState(row, targets)
        status = TaskStatus(row["status"])
        assert in_range(status, row["progress"])
        assert (row["failure_reason"] is not None) == (status == TaskStatus.FAILED)
        assert (row["ended_at"] is not None) == (
            status in (TaskStatus.COMPLETED, TaskStatus.FAILED)
        )
        assert all(
            (t["state"] == SyncState.SYNCED) == (t["synced_at"] is not None) for t in targets
        )
        assert bool(planned.events) == bool(planned.fields or planned.targets)
        if change.sync_status:
            assert status in (TaskStatus.MARKETPLACE_SYNC, TaskStatus.COMPLETED)
        if status == TaskStatus.MARKETPLACE_SYNC:
            assert any(t["state"] != SyncState.SYNCED for t in targets)
        assert {s for s, t in planned.targets.items() if t["state"] == SyncState.SYNCED} == {
            slug
            for event in planned.events
            for slug, synced in (event.details or {}).get("sync", {}).items()
            if synced
        }
        if planned.events:
            assert planned.events[-1].to_status == row["status"]
            assert planned.events[-1].progress == row["progress"]
