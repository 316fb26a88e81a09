"""Changes that PostgreSQL takes without a lock held between reading and writing.

On SQLite every change is made under the database's one lock; the outcome is the same.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from execution import claiming, queries, services
from execution.changes import TaskChange, plan_change
from execution.enums import TaskStatus
from execution.exceptions import InvalidTransition, LeaseLost, VersionConflict
from execution.feed import doorbell, handover
from execution.models import Lease, TaskEvent
from execution.queries import Position
from execution.rows import TaskState
from execution.writing import IF_UNCHANGED, NeedsLock, write_if_unchanged
from nexo.shared import clock
from tests.execution.feed.test_handover import Taker
from tests.execution.test_claiming_race import at_once
from tests.execution.test_services import ALEX, recount, rolled_up
from tests.factories import OPERATOR, change, hold, make_agent, make_task_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
IS_POSTGRES = connection.vendor == "postgresql"


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Have something happen once, between the next reading of a task without a lock and what is
    written after it. Where tasks are never read so, it happens before."""

    def arrange(deed: Callable[[], Any]) -> None:
        if not IS_POSTGRES:
            deed()
            return
        read = queries.task_to_change

        def read_and_be_overtaken(*args: Any, lock: bool = True, **options: Any) -> Any:
            state = read(*args, lock=lock, **options)
            if not lock:
                monkeypatch.setattr(queries, "task_to_change", read)
                deed()
            return state

        monkeypatch.setattr(queries, "task_to_change", read_and_be_overtaken)

    return arrange


def test_a_change_is_planned_anew_when_another_came_first(meanwhile: Any) -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS)
    meanwhile(lambda: change(state, progress=60, error="sem estoque"))
    written = change(state, progress=70)
    assert written.row["error"] == "sem estoque"
    assert written.row["progress"] == 70
    assert written.row["version"] == state.row["version"] + 2
    assert rolled_up() == recount()
    call_command("check_consistency")


def test_what_is_no_longer_legal_is_refused_as_it_is_now(meanwhile: Any) -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS)
    meanwhile(lambda: change(state, status=TaskStatus.FAILED))
    with pytest.raises(InvalidTransition) as refused:
        change(state, status=TaskStatus.MARKETPLACE_SYNC)
    assert (refused.value.details or {})["from"] == "failed"
    assert rolled_up() == recount()


def test_a_version_that_was_passed_meanwhile_is_a_conflict(meanwhile: Any) -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS)
    meanwhile(lambda: change(state, progress=60))
    with pytest.raises(VersionConflict):
        change(state, progress=70, version=state.row["version"])
    assert TaskEvent.objects.filter(kind="progress").count() == 1


def test_a_lease_that_ended_meanwhile_is_lost(meanwhile: Any) -> None:
    make_agent("alex")
    state = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
    lease_id = hold(state)

    def end_it() -> None:
        Lease.objects.update(expires_at=clock.now())
        assert claiming.end_lapsed_leases() == 1

    meanwhile(end_it)
    report = TaskChange(TaskStatus.IN_PROGRESS, progress=60)
    with pytest.raises(LeaseLost):
        services.update_task(state.row["task_id"], report, caller=ALEX, lease_id=lease_id)
    assert not TaskEvent.objects.filter(kind="progress").exists()
    assert rolled_up() == recount()


def test_a_report_renews_its_lease() -> None:
    make_agent("alex")
    state = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
    lease_id = hold(state)
    before = Lease.objects.get(lease_id=lease_id).expires_at
    report = TaskChange(TaskStatus.IN_PROGRESS, progress=60)
    services.update_task(state.row["task_id"], report, caller=ALEX, lease_id=lease_id)
    assert Lease.objects.get(lease_id=lease_id).expires_at > before


def test_targets_are_marked_until_the_last_completes_the_task() -> None:
    sides = ["amazon", "shein"]
    state = make_task_in(TaskStatus.MARKETPLACE_SYNC, targets=sides)
    first = change(state, sync_status={"amazon": True})
    assert [target["state"] for target in first.targets] == ["synced", "queued"]
    assert first.row["progress"] > state.row["progress"]
    written = change(first, sync_status={"shein": True})
    assert written.row["status"] == "completed"
    assert queries.targets_of([state.row["id"]])[state.row["id"]] == written.targets
    assert rolled_up() == recount()


def test_it_is_rung_when_it_is_there_for_all() -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS)
    heard: list[int] = []

    def listener() -> None:
        assert not connection.in_atomic_block
        heard.append(queries.stream_position().sequence)

    doorbell.listen(listener)
    try:
        written = change(state, progress=60)
    finally:
        doorbell.forget(listener)
    assert heard == [written.row["sequence"]]


@pytest.mark.parametrize("behind", [0, 1])
def test_it_is_told_of_where_it_came_to_stand(monkeypatch: pytest.MonkeyPatch, behind: int) -> None:
    """Wherever the feed thought that the next change would be."""
    state = make_task_in(TaskStatus.IN_PROGRESS)
    before = queries.stream_position()
    taker = Taker(Position(before.epoch, before.sequence - behind))
    monkeypatch.setattr(handover, "_takers", {taker})
    written = change(state, progress=60)
    ((heard,), (taken,)) = taker.heard_of, taker.taken
    assert (heard is taken) == (behind == 0 or not IS_POSTGRES)
    assert taken.place == before
    (event,) = taken.batch.events
    assert event["sequence"] == taken.batch.sequence == written.row["sequence"]
    assert taken.batch.tasks[state.row["task_id"]]["progress"] == 60


def test_two_round_trips_without_a_transaction_of_its_own() -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        change(state, progress=60)
    if IS_POSTGRES:
        assert len(asked) == 2
        assert IF_UNCHANGED.partition("%s")[0] in asked[1]["sql"]
    else:
        assert asked[0]["sql"].startswith("BEGIN")


def test_a_transaction_that_is_taken_back_takes_the_change_along() -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS)
    with suppress(ZeroDivisionError), transaction.atomic():
        change(state, progress=60)
        raise ZeroDivisionError
    assert not TaskEvent.objects.filter(kind="progress").exists()
    assert rolled_up() == recount()


def test_everybody_at_the_same_tasks_loses_nothing() -> None:
    """Each step is counted once, the log has no gap, and each task's story is in order."""
    states = [make_task_in(TaskStatus.IN_PROGRESS) for _ in range(3)]
    done: list[TaskState] = []

    def work() -> None:
        for percent in range(50, 74):
            for state in states:
                done.append(change(state, progress=percent, error=f"e{len(done)}"))

    at_once(work)
    numbers = list(TaskEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert rolled_up() == recount()
    for state in states:
        written = {s.row["version"]: s.row for s in done if s.row["id"] == state.row["id"]}
        newest = queries.states_of([state.row["id"]])[0].row
        assert newest == written[max(written)]
        events = TaskEvent.objects.filter(task_id=state.row["id"]).order_by("sequence")
        instants = list(events.values_list("at", flat=True))
        assert instants == sorted(instants)
    call_command("check_consistency")


@pytest.mark.skipif(not IS_POSTGRES, reason="SQLite has no statement that is a whole change")
def test_nothing_is_written_of_what_is_no_longer_so(monkeypatch: pytest.MonkeyPatch) -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS)
    change(state, progress=60)
    now, before = clock.now(), queries.stream_position()
    plan = plan_change(
        state, TaskChange(TaskStatus.MARKETPLACE_SYNC), actor=OPERATOR.actor, now=now
    )
    with pytest.raises(NeedsLock):
        write_if_unchanged(state, plan, now)
    assert queries.stream_position() == before
    assert rolled_up() == recount()
    assert queries.states_of([state.row["id"]])[0].row["status"] == "in_progress"
