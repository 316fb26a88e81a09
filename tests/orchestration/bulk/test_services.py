"""One action on many tasks: frozen, once each, whoever is killed, and taken back."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import translation
from django_tasks_db.models import DBTaskResult
from rest_framework.exceptions import ValidationError

from accounts.callers import caller_for_agent
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.services import set_role
from execution.enums import SyncState, TaskStatus
from execution.exceptions import NotAllowed
from execution.models import Task, TaskEvent, TaskTarget
from nexo.shared import clock
from nexo.shared.origin import working_for
from orchestration.bulk import rules, services
from orchestration.bulk.enums import ORDERED, BulkAction
from orchestration.bulk.exceptions import JobNotFound, UndoUnavailable
from orchestration.bulk.models import BulkItem, BulkJob, BulkSelection
from orchestration.bulk.orders import Order, preview, within_limit
from orchestration.bulk.services import resume_overdue_jobs, run_job, start_job, undo_job
from tests.factories import change, make_agent, make_task, make_task_in
from tests.orchestration.bulk.orders import by_filter, by_ids, kinds, make_tasks, person, statuses

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _agents() -> None:
    make_agent("alex")
    make_agent("marina")


def outcomes(job: BulkJob) -> list[tuple[str, str, str]]:
    items = job.items.order_by("position")
    return list(items.values_list("task_id", "outcome", "code"))


def later(**fields: Any) -> None:
    """As if jobs had been left alone for longer than anybody waits."""
    BulkJob.objects.update(
        lease_until=clock.now() - timedelta(seconds=1), wake_at=clock.now() - timedelta(seconds=1)
    )


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job goes to a worker."""
    monkeypatch.setattr(rules, "DIRECT_LIMIT", 0)


# -- Outcomes ------------------------------------------------------------------------------------


def test_each_task_has_its_outcome_and_one_event() -> None:
    first, second = make_tasks(2)
    ended = make_task_in(TaskStatus.COMPLETED, agent_id="alex").row["task_id"]
    head = person()
    with working_for("192.0.2.7"):
        order = by_ids("cancel", second, "task-nenhuma", ended, first, reason="estoque zerado")
        job = start_job(order, caller=head)
    assert (job.state, job.total, job.done) == ("done", 4, 2)
    assert outcomes(job) == [
        (second, "done", ""),
        ("task-nenhuma", "refused", "not_found"),
        (ended, "refused", "invalid_transition"),
        (first, "done", ""),
    ]
    assert job.refusals == {"not_found": 1, "invalid_transition": 1}
    event = TaskEvent.objects.get(task__task_id=first, kind="failed")
    assert (event.actor, event.reason) == (head.actor, "estoque zerado")
    assert event.failure_reason == "cancelled"
    assert job.items.get(task_id=first).sequence == event.sequence
    entry = AuditEntry.objects.get(object_kind="bulk")
    assert (entry.action, entry.actor, entry.object_id) == ("bulk_cancel", head.actor, job.job_id)
    assert (entry.reason, entry.origin) == ("estoque zerado", "192.0.2.7")
    assert entry.details == {"total": 4, "taskIds": 4}


def test_every_action_does_what_the_single_command_does() -> None:
    head = person()
    pending = make_tasks(1, agent_id="alex")[0]
    for action, agent, kind in (
        ("assign", "marina", "edited"),
        ("approve", None, "approved"),
        ("cancel", None, "failed"),
        ("retry", None, "retried"),
        ("reject", None, "failed"),
    ):
        caller = person() if action == "approve" else head
        start_job(by_ids(action, pending, agent_id=agent), caller=caller)
        assert kinds(pending)[-1] == kind, action
    assert Task.objects.get().agent_id == "marina"
    syncing = make_task_in(TaskStatus.MARKETPLACE_SYNC, targets=["amazon", "shein"]).row
    TaskTarget.objects.filter(marketplace_id="shein").update(state=SyncState.FAILED, error="x")
    job = start_job(by_ids("sync", syncing["task_id"]), caller=head)
    assert job.done == 1
    assert TaskTarget.objects.get(marketplace_id="shein").state == "queued"


def test_what_changes_nothing_is_done_without_an_event() -> None:
    (task,) = make_tasks(1, agent_id="alex")
    job = start_job(by_ids("assign", task, agent_id="alex"), caller=person())
    assert (job.done, kinds(task), job.items.get().sequence) == (1, ["created"], None)


def test_own_tasks_are_not_approved_by_superusers_either() -> None:
    root = person(None, username="operator", is_superuser=True)
    job = start_job(by_ids("approve", *make_tasks(2)), caller=root)
    assert (job.done, job.refusals) == (0, {"own_task": 2})


@pytest.mark.parametrize("is_own", [False, True], ids=["others", "own"])
@pytest.mark.parametrize("action", ORDERED)
def test_the_dry_run_says_what_will_happen(
    action: str, is_own: bool, django_assert_max_num_queries: Any
) -> None:
    for status in TaskStatus:
        make_task_in(status, agent_id="alex")
    agent = "marina" if action == "assign" else None
    caller = person(None, username="operator" if is_own else "other", is_superuser=True)
    ids = [*statuses(), "task-nenhuma"]
    orders = [
        by_ids(action, *ids, agent_id=agent),
        by_filter(action, agent, status="pending,failed,completed"),
        by_filter(action, agent),
    ]
    before = list(TaskEvent.objects.values())
    with django_assert_max_num_queries(15):
        said = [preview(order, caller=caller) for order in orders]
    assert list(TaskEvent.objects.values()) == before
    # Each order meets the tasks as the one before left them; so say and do the last alone.
    job = start_job(orders[2], caller=caller)
    assert (said[2].total, said[2].done, dict(said[2].refusals)) == (
        job.total,
        job.done,
        job.refusals,
    )
    assert said[2].results == [(task, code or None) for task, _, code in outcomes(job)]
    assert said[0].total == 7
    assert said[0].refusals["not_found"] == 1
    assert said[1].total == len(said[1].results) == 3
    assert said[0].done >= said[2].done >= said[1].done


def test_large_selections_are_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = make_tasks(4)
    monkeypatch.setattr(rules, "DIRECT_LIMIT", 3)
    head = person()
    for order in (by_ids("approve", *ids), by_filter("approve", taskType="photo")):
        found = preview(order, caller=head)
        assert (found.total, found.done, found.results) == (4, 4, [])
    with translation.override("pt-br"), pytest.raises(ValidationError, match=r"100\.000"):
        within_limit(rules.MAX_TASKS + 1)
    monkeypatch.setattr(rules, "MAX_TASKS", 3)
    with pytest.raises(Exception, match="3"):
        preview(by_filter("approve"), caller=head)
    with pytest.raises(Exception, match="3"):
        start_job(by_filter("approve"), caller=head)
    assert not BulkJob.objects.exists()
    assert not BulkItem.objects.exists()


def test_a_filter_selects_as_the_list_does_in_its_order() -> None:
    make_tasks(2, task_type="price")
    ids = make_tasks(3, title="Ação")
    job = start_job(
        by_filter("cancel", taskType="photo", status="pending", q="AÇÃO", overdue="false"),
        caller=person(),
    )
    assert [task for task, *_ in outcomes(job)] == ids[::-1]


def test_nothing_selected_is_nothing_done() -> None:
    job = start_job(by_filter("cancel", taskId="nenhuma"), caller=person())
    assert (job.state, job.total, job.done, job.refusals) == ("done", 0, 0, {})


# -- Permissions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "order", "allowed"),
    [
        *[(Role.HEAD, by, True) for by in ("approve", "cancel", "filter approve", "filter cancel")],
        *[(Role.QA, by, True) for by in ("approve", "reject")],
        *[(Role.QA, by, False) for by in ("cancel", "retry", "filter approve", "many approve")],
        *[(None, by, False) for by in ("approve", "cancel")],
    ],
)
def test_who_may_order_what(role: Role | None, order: str, allowed: bool) -> None:
    *how, action = order.split()
    if how == ["filter"]:
        asked = by_filter(action, taskId="x")
    else:
        asked = by_ids(action, *(f"task-{n}" for n in range(501 if how else 1)))
    caller = person(role)
    if allowed:
        preview(asked, caller=caller)
        start_job(asked, caller=caller)
        return
    for attempt in (preview, start_job):
        with pytest.raises(NotAllowed):
            attempt(asked, caller=caller)
    assert not BulkJob.objects.exists()


@pytest.mark.usefixtures("queued")
@pytest.mark.parametrize("how", ["role", "inactive", "inactive superuser", "deleted"])
def test_who_loses_the_role_stops_what_is_left(how: str) -> None:
    ids = make_tasks(60)
    head = person()
    job = start_job(by_ids("cancel", *ids), caller=head)
    services._do_chunk(job.job_id, take(job))
    user = User.objects.get(pk=head.user_id)
    if how == "role":
        set_role(user, Role.USER)
    elif how.startswith("inactive"):
        User.objects.update(is_active=False, is_superuser=how.endswith("superuser"))
    else:
        user.delete()
    later()
    run_job(job.job_id)
    job.refresh_from_db()
    assert (job.state, job.done, job.refusals) == ("done", 25, {"permission_denied": 35})


# -- Workers -------------------------------------------------------------------------------------


def take(job: BulkJob) -> str:
    BulkJob.objects.filter(pk=job.pk).update(
        state="running", worker="w1", lease_until=clock.now() + services.LEASE
    )
    return "w1"


@pytest.mark.usefixtures("queued")
def test_a_queued_job_is_done_by_the_worker_that_takes_it() -> None:
    ids = make_tasks(60)
    job = start_job(by_ids("cancel", *ids), caller=person())
    assert (job.state, job.done) == ("queued", 0)
    result = DBTaskResult.objects.get()
    assert result.task_path == "orchestration.bulk.services.run_bulk_job"
    # What comes later does not join.
    (stranger,) = make_tasks(1)
    run_job(job.job_id)
    job.refresh_from_db()
    assert (job.state, job.done, job.lease_until, job.wake_at) == ("done", 60, None, None)
    assert {task for task, status in statuses().items() if status == "pending"} == {stranger}
    run_job(job.job_id)
    assert all(kinds(task) == ["created", "failed"] for task in ids)


@pytest.mark.usefixtures("queued")
def test_two_workers_never_run_one_job() -> None:
    job = start_job(by_ids("cancel", *make_tasks(30)), caller=person())
    worker = take(job)
    run_job(job.job_id)
    assert BulkJob.objects.get().done == 0
    # Whoever was thought dead and taken over finds that the job is no longer theirs.
    assert not services._do_chunk(job.job_id, "somebody else")
    assert services._do_chunk(job.job_id, worker)
    assert BulkJob.objects.get().done == 25


@pytest.mark.usefixtures("queued")
def test_each_chunk_puts_off_when_somebody_looks_after_the_job() -> None:
    job = start_job(by_ids("cancel", *make_tasks(30)), caller=person())
    worker = take(job)
    BulkJob.objects.update(wake_at=clock.now() - timedelta(seconds=1))
    assert services._do_chunk(job.job_id, worker)
    # Who is at it, and says so, is not taken for dead.
    assert resume_overdue_jobs() == 0
    job.refresh_from_db()
    assert job.wake_at == job.lease_until > clock.now()


@pytest.mark.usefixtures("queued")
def test_a_chunk_that_fails_leaves_no_trace() -> None:
    ids = make_tasks(30)
    job = start_job(by_ids("cancel", *ids), caller=person())
    act = services._act
    calls = iter(range(1000))

    def fail_late(*arguments: Any) -> Any:
        if next(calls) % 20 == 19:
            raise OperationalError("away")
        return act(*arguments)

    with patch.object(services, "_act", fail_late), pytest.raises(OperationalError):
        run_job(job.job_id)
    assert set(statuses().values()) == {"pending"}
    later()
    assert resume_overdue_jobs() == 1
    assert resume_overdue_jobs() == 0
    assert DBTaskResult.objects.count() == 2
    run_job(job.job_id)
    assert BulkJob.objects.get().done == 30
    assert all(kinds(task) == ["created", "failed"] for task in ids)


def test_a_task_that_cannot_be_written_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    bad, good = make_tasks(2)
    act = services._act

    def fail_bad(job: BulkJob, item: BulkItem, *rest: Any) -> Any:
        if item.task_id == bad:
            raise ValueError("broken")
        return act(job, item, *rest)

    with patch.object(services, "_act", fail_bad):
        job = start_job(by_ids("cancel", bad, good), caller=person())
    assert outcomes(job) == [(bad, "refused", "server_error"), (good, "done", "")]
    assert "broken" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_what_the_request_cannot_finish_a_worker_does() -> None:
    ids = make_tasks(30)
    with patch.object(services, "_settle", side_effect=OperationalError("away")):
        job = start_job(by_ids("cancel", *ids), caller=person())
    assert (job.state, job.done) == ("running", 0)
    assert resume_overdue_jobs() == 0
    later()
    assert resume_overdue_jobs() == 1
    run_job(job.job_id)
    assert BulkJob.objects.get().done == 30


@pytest.mark.usefixtures("queued")
def test_long_jobs_give_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "TURN_SECONDS", 0)
    job = start_job(by_ids("cancel", *make_tasks(60)), caller=person())
    turns = 0
    while DBTaskResult.objects.count() > turns:
        turns += 1
        run_job(job.job_id)
    assert turns == 3
    assert BulkJob.objects.get().done == 60


@pytest.mark.usefixtures("queued")
def test_events_tell_from_where_the_job_was_asked_for() -> None:
    with working_for("192.0.2.7"):
        job = start_job(by_ids("cancel", *make_tasks(1)), caller=person())
    origins: list[Any] = []
    act = services._act
    with patch.object(services, "_act", lambda *a: (origins.append(origin()), act(*a))[1]):
        run_job(job.job_id)
    assert origins == ["192.0.2.7"]


def origin() -> str | None:
    from nexo.shared.origin import current_origin  # beside its one use

    return current_origin()


# -- Undo ----------------------------------------------------------------------------------------


def test_undo_takes_back_what_has_not_moved_on() -> None:
    head = person()
    pending, moved = make_tasks(2)
    working = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex").row["task_id"]
    job = start_job(by_ids("cancel", pending, moved, working, "task-x"), caller=head)
    change(make_state(moved), status=TaskStatus.PENDING)
    assert services.undo_until(job) == job.finished_at + timedelta(minutes=10)
    undo = undo_job(job.job_id, caller=head, reason="engano")
    assert outcomes(undo) == [
        (pending, "done", ""),
        (moved, "refused", "moved_on"),
        (working, "done", ""),
    ]
    assert statuses() == {pending: "pending", moved: "pending", working: "in_progress"}
    assert kinds(working)[-2:] == ["failed", "undone"]
    assert undo.undo_of == job
    job = services.read_job(job.job_id, caller=head)
    assert (job.undone_by, services.undo_until(job)) == (undo, None)
    with pytest.raises(UndoUnavailable):
        undo_job(job.job_id, caller=head)
    with pytest.raises(UndoUnavailable):
        undo_job(undo.job_id, caller=head)
    assert AuditEntry.objects.filter(action="bulk_undo", details__undoOf=job.job_id).count() == 1


def make_state(task_id: str) -> Any:
    from execution import queries  # beside its one use

    return queries.task_state(Task.objects.all(), task_id)


def test_undo_is_for_ten_minutes_and_for_what_failed() -> None:
    head = person()
    retried = make_task_in(TaskStatus.FAILED).row["task_id"]
    job = start_job(by_ids("retry", retried), caller=head)
    with pytest.raises(UndoUnavailable):
        undo_job(job.job_id, caller=head)
    job = start_job(by_ids("cancel", retried), caller=head)
    BulkJob.objects.filter(pk=job.pk).update(finished_at=clock.now() - timedelta(minutes=11))
    with pytest.raises(UndoUnavailable, match=r"ten minutes|dez minutos"):
        undo_job(job.job_id, caller=head)
    nothing = start_job(by_ids("cancel", "task-x"), caller=head)
    with pytest.raises(UndoUnavailable):
        undo_job(nothing.job_id, caller=head)
    with pytest.raises(JobNotFound):
        undo_job("bulk-nenhum", caller=head)


@pytest.mark.usefixtures("queued")
def test_undo_waits_for_the_end_and_runs_in_a_worker_too() -> None:
    head = person()
    job = start_job(by_ids("reject", *make_tasks(30)), caller=head)
    with pytest.raises(UndoUnavailable):
        undo_job(job.job_id, caller=head)
    run_job(job.job_id)
    undo = undo_job(job.job_id, caller=head)
    assert undo.state == "queued"
    run_job(undo.job_id)
    assert set(statuses().values()) == {"pending"}


def test_who_decides_takes_back_their_own_decisions() -> None:
    qa, other = person(Role.QA), person(Role.QA)
    job = start_job(by_ids("reject", *make_tasks(2)), caller=qa)
    with pytest.raises(JobNotFound):
        undo_job(job.job_id, caller=other)
    with pytest.raises(JobNotFound):
        services.read_job(job.job_id, caller=caller_for_agent("alex"))
    assert services.read_job(job.job_id, caller=person()).job_id == job.job_id
    assert undo_job(job.job_id, caller=qa).done == 2
    assert make_task().row["status"] == "pending"


# -- What the dry run showed ---------------------------------------------------------------------


def test_what_matches_later_does_not_join_what_the_dry_run_showed() -> None:
    head = person()
    shown = make_tasks(3, task_type="banner")
    changes = make_task(task_type="banner", agent_id="alex")
    other = make_task_in(TaskStatus.APPROVED, task_type="banner")
    found = preview(by_filter("cancel", taskType="banner", status="pending"), caller=head)
    assert (found.total, found.done) == (4, 4)
    later = make_task(task_type="banner")
    # It began to match, and one of those shown no longer does.
    change(other, status=TaskStatus.FAILED)
    change(other, status=TaskStatus.PENDING)
    change(changes, status=TaskStatus.IN_PROGRESS)
    change(changes, status=TaskStatus.COMPLETED)
    order = by_shown("cancel", found.selection_id)
    job = start_job(order, caller=head)
    assert (job.total, job.done, job.refusals) == (4, 3, {"invalid_transition": 1})
    assert job.selection == {"filter": {"taskType": "banner", "status": "pending"}}
    ids = [task_id for task_id, *_ in outcomes(job)]
    assert ids == [changes.row["task_id"], *reversed(shown)]
    assert statuses()[later.row["task_id"]] == statuses()[other.row["task_id"]] == "pending"


def by_shown(action: str, selection_id: str | None) -> Order:
    return Order(BulkAction(action), reason="teste", selection_id=selection_id)


def test_a_selection_is_its_persons_and_kept_for_an_hour() -> None:
    head = person()
    make_tasks(1)
    shown = preview(by_filter("cancel"), caller=head).selection_id
    with pytest.raises(ValidationError):
        start_job(by_shown("cancel", shown), caller=person())
    BulkSelection.objects.update(created_at=clock.now() - timedelta(minutes=61))
    with pytest.raises(ValidationError):
        start_job(by_shown("cancel", shown), caller=head)
    assert not BulkJob.objects.exists()
    for _ in range(12):
        preview(by_filter("cancel"), caller=head)
    assert BulkSelection.objects.count() == 10
    assert preview(by_ids("cancel", "task-1"), caller=head).selection_id is None
