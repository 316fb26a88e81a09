"""The one writing module against a real database: rows, log, counters, assignment."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.callers import Caller
from execution import assignment, queries, services, task_logs
from execution.changes import TaskChange
from execution.enums import LogLevel, TaskStatus
from execution.exceptions import (
    Duplicate,
    InvalidTransition,
    LeaseLost,
    NotAllowed,
    TaskNotFound,
    VersionConflict,
)
from execution.models import Stream, Task, TaskCount, TaskEvent
from execution.services import NewTask
from execution.task_logs import LogLine
from tests.factories import OPERATOR, PATHS, change, make_agent, make_task, make_task_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ALEX = Caller(actor="agent:alex", agent_id="alex")
NOBODY = Caller(actor="user:nobody", user_id=1)


def new_task(**fields: object) -> NewTask:
    values = {
        "task_type": "listing_optimization",
        "title": "Otimizar título",
        "marketplace_id": "amazon",
        "estimated_minutes": 60.0,
        **fields,
    }
    return NewTask(**values)  # type: ignore[arg-type]  # values of the case


def recount() -> dict[tuple[str, str], tuple[int, int]]:
    found: Counter[tuple[str, str]] = Counter()
    progress: Counter[tuple[str, str]] = Counter()
    for row in Task.objects.values("status", "marketplace_id", "progress"):
        key = (row["status"], row["marketplace_id"])
        found[key] += 1
        progress[key] += row["progress"]
    return {key: (found[key], progress[key]) for key in found}


def rolled_up() -> dict[tuple[str, str], tuple[int, int]]:
    rows = TaskCount.objects.exclude(count=0, progress_sum=0)
    return {(row.status, row.marketplace_id): (row.count, row.progress_sum) for row in rows}


def test_a_new_task_is_pending_with_one_event_and_its_own_marketplace_as_target() -> None:
    state = make_task()
    assert state.row["status"] == "pending"
    assert [target["marketplace_id"] for target in state.targets] == ["amazon"]
    [event] = TaskEvent.objects.all()
    assert (event.sequence, event.kind, event.actor) == (1, "created", "user:operator")
    assert state.row["sequence"] == queries.stream_position().sequence == 1


@pytest.mark.parametrize("status", TaskStatus)
def test_counters_equal_a_recount_in_every_status(status: TaskStatus) -> None:
    make_task_in(status)
    make_task_in(status, marketplace_id="shein")
    change(make_task_in(TaskStatus.IN_PROGRESS), progress=60)
    assert rolled_up() == recount()


def test_event_numbers_have_no_gap_and_name_the_agent_and_estimate_of_their_instant() -> None:
    make_agent("alex")
    for status in TaskStatus:
        make_task_in(status, agent_id="alex")
    numbers = list(TaskEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert Stream.objects.get().sequence == len(numbers)
    assert set(TaskEvent.objects.values_list("agent_id", "estimated_minutes")) == {("alex", 60.0)}


def test_a_refused_update_leaves_nothing_behind() -> None:
    state = make_task_in(TaskStatus.COMPLETED)
    before = (queries.stream_position(), rolled_up(), Task.objects.values().get())
    with pytest.raises(InvalidTransition) as raised:
        change(state, status=TaskStatus.PENDING)
    assert raised.value.details == {"from": "completed", "to": "pending", "allowed": []}
    assert before == (queries.stream_position(), rolled_up(), Task.objects.values().get())


def test_a_stale_version_is_refused_with_the_present_task() -> None:
    state = make_task()
    change(state, status=TaskStatus.APPROVED)
    with pytest.raises(VersionConflict) as raised:
        change(state, status=TaskStatus.IN_PROGRESS, version=1)
    assert raised.value.details is not None
    assert raised.value.details["task"]["version"] == 2


def test_without_permission_a_person_changes_nothing() -> None:
    state = make_task()
    with pytest.raises(NotAllowed):
        change(state, caller=NOBODY, status=TaskStatus.APPROVED)
    with pytest.raises(NotAllowed):
        services.create_tasks([new_task()], caller=NOBODY)
    with pytest.raises(NotAllowed):
        task_logs.append_logs(state.row["task_id"], [], caller=NOBODY)


def test_a_list_of_tasks_is_created_whole_or_not_at_all() -> None:
    make_task(external_id="EXT-1")
    with pytest.raises(Duplicate) as raised:
        services.create_tasks(
            [new_task(external_id="EXT-2"), new_task(external_id="EXT-1")], caller=OPERATOR
        )
    assert raised.value.details is not None
    assert list(raised.value.details) == ["[1].externalId"]
    assert Task.objects.count() == 1
    with pytest.raises(Duplicate):
        services.create_tasks(
            [new_task(external_id="A"), new_task(external_id="A")], caller=OPERATOR
        )
    assert Task.objects.count() == 1


class TestAgent:
    """An agent works on its own tasks and decides nothing."""

    @pytest.fixture(autouse=True)
    def agents(self) -> None:
        make_agent("alex")
        make_agent("marina")

    def test_sees_no_task_of_another(self) -> None:
        state = make_task_in(TaskStatus.IN_PROGRESS, agent_id="marina")
        with pytest.raises(TaskNotFound):
            change(state, caller=ALEX, progress=60)
        with pytest.raises(TaskNotFound):
            task_logs.append_logs(state.row["task_id"], [LogLine(LogLevel.INFO, "oi")], caller=ALEX)

    @pytest.mark.parametrize(
        ("old", "new", "works"),
        [
            ("pending", "approved", False),
            ("pending", "in_progress", False),  # would approve it
            ("pending", "failed", False),
            ("approved", "failed", True),  # it cannot even begin
            ("approved", "in_progress", True),
            ("in_progress", "marketplace_sync", True),
            ("in_progress", "completed", True),
            ("in_progress", "failed", True),
            ("marketplace_sync", "in_progress", True),
            ("marketplace_sync", "completed", True),
            ("marketplace_sync", "failed", True),
            ("failed", "pending", False),
        ],
    )
    def test_moves_its_task_along_but_approves_and_retries_nothing(
        self, old: str, new: str, works: bool
    ) -> None:
        state = make_task_in(TaskStatus(old), agent_id="alex")
        if works:
            assert change(state, caller=ALEX, status=TaskStatus(new)).row["status"] == new
        else:
            with pytest.raises(NotAllowed):
                change(state, caller=ALEX, status=TaskStatus(new))

    def test_may_not_call_its_failure_a_rejection(self) -> None:
        state = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
        for reason in ("rejected", "cancelled"):
            with pytest.raises(NotAllowed):
                change(
                    state,
                    caller=ALEX,
                    status=TaskStatus.FAILED,
                    failure_reason=services.FailureReason(reason),
                )

    def test_reports_into_no_task_that_waits_or_has_ended(self) -> None:
        for status in (TaskStatus.PENDING, TaskStatus.COMPLETED, TaskStatus.FAILED):
            with pytest.raises(NotAllowed):
                change(make_task_in(status, agent_id="alex"), caller=ALEX, error="nota")

    def test_a_lease_that_nobody_granted_is_lost(self) -> None:
        state = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
        update = TaskChange(status=TaskStatus.IN_PROGRESS, progress=60)
        with pytest.raises(LeaseLost):
            services.update_task(state.row["task_id"], update, caller=ALEX, lease_id="1")
        assert Task.objects.get().progress == 50


class TestAssignment:
    """Without an agent, and without a better rule, the marketplace's least loaded gets the task."""

    @pytest.fixture(autouse=True)
    def _default_rule(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(assignment, "_assigner", assignment.assign_least_loaded)

    def test_spreads_tasks_over_the_free_agents(self) -> None:
        make_agent("alex")
        make_agent("marina")
        states = services.create_tasks([new_task() for _ in range(4)], caller=OPERATOR)
        agents = [state.row["agent_id"] for state in states]
        assert agents == ["alex", "marina", "alex", "marina"]
        assert Task.objects.first().assignment == {  # type: ignore[union-attr]  # there is one
            "rule": "least_loaded",
            "agentId": "alex",
            "openTasks": 0,
            "candidates": 2,
        }

    def test_passes_over_the_inactive_the_paused_the_full_and_the_strangers(self) -> None:
        make_agent("a_inactive", is_active=False)
        make_agent("b_paused", is_paused=True)
        make_agent("c_elsewhere", "shein")
        make_agent("d_full", capacity=1)
        make_task(agent_id="d_full")
        make_agent("e_busy")
        make_task(agent_id="e_busy")
        make_task(agent_id="e_busy")
        assert make_task().row["agent_id"] == "e_busy"

    def test_an_ended_task_is_no_load(self) -> None:
        make_agent("alex")
        make_agent("marina")
        make_task_in(TaskStatus.COMPLETED, agent_id="alex")
        make_task(agent_id="marina")
        assert make_task().row["agent_id"] == "alex"

    def test_without_a_candidate_the_task_has_no_agent_and_says_so(self) -> None:
        assert make_task().row["agent_id"] is None
        assert Task.objects.get().assignment == {"rule": "no_candidate"}


def test_the_database_refuses_what_the_life_cycle_forbids() -> None:
    make_task()
    for broken in (
        {"status": "nothing"},
        {"progress": 10},
        {"status": "completed", "progress": 100},
        {"failure_reason": "error"},
        {"ended_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Task.objects.update(**broken)


def test_overdue_counts_from_creation_to_the_end_or_to_now() -> None:
    created = Task.objects.get(task_id=make_task().row["task_id"]).created_at
    due = created + timedelta(minutes=60)
    late, early = due + timedelta(seconds=1), due - timedelta(seconds=1)
    overdue = Task.objects.filter(queries.overdue(late))
    assert overdue.count() == 1
    assert Task.objects.filter(queries.overdue(early)).count() == 0
    assert Task.objects.filter(~queries.overdue(early)).count() == 1
    done = make_task_in(TaskStatus.COMPLETED).row
    assert not Task.objects.filter(queries.overdue(late), task_id=done["task_id"]).exists()
    assert Task.objects.filter(~queries.overdue(late), task_id=done["task_id"]).exists()


@pytest.mark.django_db(transaction=True)
def test_who_waited_for_a_task_sees_its_targets_as_they_then_are() -> None:
    """The second of two marketplaces is synced while the first is being marked."""
    sides = ["amazon", "shein"]
    state = make_task_in(TaskStatus.MARKETPLACE_SYNC, targets=sides)
    has_locked = threading.Event()

    def mark_the_first() -> None:
        try:
            with transaction.atomic():
                change(state, sync_status={"amazon": True})
                has_locked.set()
                time.sleep(0.3)  # the other waits for the lock meanwhile
        finally:
            connection.close()

    thread = threading.Thread(target=mark_the_first)
    thread.start()
    has_locked.wait(10)
    written = change(state, sync_status={"shein": True})
    thread.join()
    assert [target["state"] for target in written.targets] == ["synced", "synced"]
    assert written.row["status"] == "completed"


@pytest.mark.django_db(transaction=True)
def test_racing_writers_leave_a_legal_order_and_true_counters() -> None:
    """Eight threads push the same tasks through every step; the log tells one legal story."""
    tasks = [make_task().row["task_id"] for _ in range(4)]

    def work() -> None:
        try:
            for status in (*PATHS[TaskStatus.MARKETPLACE_SYNC], TaskStatus.COMPLETED):
                for task_id in tasks:
                    try:
                        services.update_task(task_id, TaskChange(status=status), caller=OPERATOR)
                    except InvalidTransition:
                        continue
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rolled_up() == recount()
    numbers = list(TaskEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    for task in Task.objects.all():
        steps = list(task.events.order_by("sequence").values_list("from_status", "to_status"))
        assert [step[0] for step in steps[1:]] == [step[1] for step in steps[:-1]]
        assert task.status == steps[-1][1]


@pytest.mark.django_db(transaction=True)
def test_agents_are_chosen_before_anything_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule may read much, and SQLite has one writer at a time."""
    in_transaction = []

    def assigner(needs: Sequence[assignment.Need]) -> list[assignment.Assignment]:
        in_transaction.append(connection.in_atomic_block)
        return assignment.assign_least_loaded(needs)

    monkeypatch.setattr(assignment, "_assigner", assigner)
    make_agent("alex")
    (state,) = services.create_tasks([new_task()], caller=OPERATOR)
    assert state.row["agent_id"] == "alex"
    assert in_transaction == [False]
