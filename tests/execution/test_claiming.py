"""Who holds a task, and what happens when they fall silent."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation
from rest_framework.exceptions import ValidationError

from accounts.callers import caller_for_agent, caller_for_user
from accounts.roles import Role
from execution import claim_queries, claiming, queries, services, task_logs
from execution.changes import Edits, TaskChange
from execution.commands import Command
from execution.enums import EventKind, FailureReason, LogLevel, Priority, SyncState, TaskStatus
from execution.exceptions import (
    InvalidTransition,
    LeaseLost,
    MovedOn,
    NotAllowed,
    OwnTask,
    TaskNotFound,
)
from execution.models import Agent, Lease, Task, TaskEvent, TaskLog, TaskTarget
from execution.rows import TaskState
from execution.services import command_task
from execution.texts import event_text
from tests.factories import OPERATOR, change, make_agent, make_task, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
ALEX = caller_for_agent("alex")


@pytest.fixture(autouse=True)
def alex() -> Agent:
    return make_agent("alex")


def approved(**fields: Any) -> TaskState:
    return make_task_in(TaskStatus.APPROVED, agent_id="alex", **fields)


def claim(limit: int = 1, **options: Any) -> list[claiming.Claimed]:
    return claiming.claim_tasks("alex", caller=ALEX, limit=limit, **options)


def report(claimed: claiming.Claimed, **fields: Any) -> TaskState:
    task_id = claimed.state.row["task_id"]
    return services.update_task(
        task_id, TaskChange(**fields), caller=ALEX, lease_id=claimed.lease_id
    )


def lapse() -> int:
    """As if everybody had been silent for longer than a lease lasts."""
    for lease in Lease.objects.all():
        lease.expires_at -= 2 * timedelta(minutes=1)
        lease.save()
    return claiming.end_lapsed_leases()


def kinds(state: TaskState) -> list[str]:
    return [event["kind"] for event in queries.events_of(state.row["id"])]


def test_claim_gives_the_most_urgent_first_and_each_once() -> None:
    tasks = [approved(priority=Priority(p)) for p in ("normal", "low", "urgent", "high", "normal")]
    ids = [task.row["task_id"] for task in tasks]
    given = [one.state.row["task_id"] for _ in range(6) for one in claim()]
    assert given == [ids[2], ids[3], ids[0], ids[4], ids[1]]


def test_only_approved_tasks_of_the_agent_and_the_asked_types() -> None:
    make_agent("marina")
    make_task(agent_id="alex")
    make_task_in(TaskStatus.APPROVED, agent_id="marina")
    photo = approved(task_type="photo")
    approved(task_type="price")
    assert [c.state.row["task_id"] for c in claim(9, task_types=["photo"])] == [
        photo.row["task_id"]
    ]
    with pytest.raises(NotAllowed):
        claiming.claim_tasks("marina", caller=ALEX)


def test_paused_and_inactive_agents_are_offered_nothing(alex: Agent) -> None:
    approved()
    for field in ("is_paused", "is_active"):
        Agent.objects.filter(pk="alex").update(is_paused=False, is_active=True)
        Agent.objects.filter(pk="alex").update(**{field: field == "is_paused"})
        assert claim() == []
        assert claim_queries.claimable_counts(["alex"]) == {"alex": 0}


def test_capacity_is_the_most_an_agent_holds() -> None:
    Agent.objects.filter(pk="alex").update(capacity=2)
    for _ in range(3):
        approved()
    assert len(claim(9)) == 2
    assert claim() == []


def test_what_a_person_began_is_in_hand_too() -> None:
    Agent.objects.filter(pk="alex").update(capacity=3)
    began = approved()
    change(began, status=TaskStatus.IN_PROGRESS)
    synced = make_task_in(TaskStatus.MARKETPLACE_SYNC, agent_id="alex")
    for _ in range(3):
        approved()
    assert claim_queries.claimable_counts(["alex"]) == {"alex": 1}
    (held,) = claim(9)
    report(held, status=TaskStatus.IN_PROGRESS)
    assert claim() == []
    assert claim_queries.claimable_counts(["alex"]) == {"alex": 0}
    change(synced, status=TaskStatus.COMPLETED)
    assert len(claim(9)) == 1


def test_reports_need_the_lease_while_somebody_holds_the_task() -> None:
    approved()
    (held,) = claim()
    with pytest.raises(LeaseLost):
        services.update_task(
            held.state.row["task_id"], TaskChange(TaskStatus.IN_PROGRESS), caller=ALEX
        )
    with pytest.raises(LeaseLost):
        services.update_task(
            held.state.row["task_id"],
            TaskChange(TaskStatus.IN_PROGRESS),
            caller=ALEX,
            lease_id="lease-of-nobody",
        )
    assert report(held, status=TaskStatus.IN_PROGRESS).row["status"] == "in_progress"


def test_any_report_renews_even_one_that_changes_nothing() -> None:
    approved()
    (held,) = claim()
    report(held, status=TaskStatus.IN_PROGRESS)
    soon = Lease.objects.get().claimed_at + timedelta(seconds=5)
    for tell in (
        lambda: report(held, status=TaskStatus.IN_PROGRESS),
        lambda: report(held, status=TaskStatus.IN_PROGRESS, progress=60),
        lambda: task_logs.append_logs(
            held.state.row["task_id"],
            [task_logs.LogLine(LogLevel.INFO, "oi")],
            caller=ALEX,
            lease_id=held.lease_id,
        ),
        lambda: claiming.renew_leases("alex", caller=ALEX),
    ):
        Lease.objects.update(expires_at=soon)
        tell()
        assert Lease.objects.get().expires_at > soon


def test_what_is_held_is_reported_on_before_it_is_begun() -> None:
    approved()
    (held,) = claim()
    told = report(held, status=TaskStatus.APPROVED, progress=40, result={"títulos": 2})
    assert (told.row["status"], told.row["progress"]) == ("approved", 40)
    with pytest.raises(ValidationError):
        report(held, status=TaskStatus.APPROVED, progress=50)


def test_the_same_result_again_is_no_event() -> None:
    approved()
    (held,) = claim()
    results = [{"n": 1, "m": [2]}, {"m": [2], "n": 1}, {"n": True, "m": [2]}, {"n": 1.0, "m": [2]}]
    versions = [
        report(held, status=TaskStatus.APPROVED, result=result).row["version"] for result in results
    ]
    first = versions[0]
    assert versions == [first, first, first + 1, first + 2]
    assert Task.objects.get().result == results[-1]


@pytest.mark.parametrize("end", [TaskStatus.FAILED, TaskStatus.COMPLETED])
def test_who_reports_an_end_again_has_lost_the_lease(end: TaskStatus) -> None:
    approved()
    (held,) = claim()
    report(held, status=TaskStatus.IN_PROGRESS)
    report(held, status=end)
    with pytest.raises(LeaseLost):
        report(held, status=end)


def test_heartbeat_renews_those_named_and_says_what_is_still_held() -> None:
    approved(), approved()
    first, second = claim(2)
    Lease.objects.filter(lease_id=second.lease_id).update(expires_at=second.state.row["created_at"])
    held = claiming.renew_leases(
        "alex", caller=ALEX, lease_ids=[first.lease_id, second.lease_id, "x"]
    )
    assert [one.lease_id for one in held] == [first.lease_id]


def test_the_lease_ends_with_the_work() -> None:
    for _ in range(3):
        approved()
    done, failed, cancelled = claim(3)
    report(done, status=TaskStatus.IN_PROGRESS)
    report(done, status=TaskStatus.COMPLETED)
    report(failed, status=TaskStatus.IN_PROGRESS)
    report(failed, status=TaskStatus.FAILED, error="sem estoque")
    command_task(
        cancelled.state.row["task_id"], Command.CANCEL, caller=OPERATOR, reason="não precisa"
    )
    assert not Lease.objects.exists()
    with pytest.raises(LeaseLost):
        report(cancelled, status=TaskStatus.IN_PROGRESS)


@pytest.mark.parametrize(
    ("steps", "events"),
    [
        ((), ["lease_expired"]),
        (("in_progress",), ["lease_expired"]),
        (("in_progress", "marketplace_sync"), ["returned", "lease_expired"]),
    ],
)
def test_silence_returns_the_task(steps: tuple[str, ...], events: list[str]) -> None:
    approved()
    (held,) = claim()
    for step in steps:
        report(held, status=TaskStatus(step))
    assert lapse() == 1
    task = Task.objects.get()
    assert (task.status, task.progress, task.started_at) == ("approved", 25, None)
    assert kinds(held.state)[-len(events) :] == events
    assert TaskEvent.objects.last().actor == "system:leases"
    with pytest.raises(LeaseLost):
        report(held, status=TaskStatus.IN_PROGRESS)
    assert claim()[0].lease_id != held.lease_id


def test_a_lease_that_ran_out_is_lost_before_anybody_looked() -> None:
    approved()
    (held,) = claim()
    Lease.objects.update(expires_at=held.state.row["created_at"])
    with pytest.raises(LeaseLost):
        report(held, status=TaskStatus.IN_PROGRESS)
    # The claim itself returns what was left lying.
    assert [one.state.row["task_id"] for one in claim()] == [held.state.row["task_id"]]
    assert kinds(held.state)[-1] == "lease_expired"


def test_after_three_returns_the_task_fails_and_a_retry_counts_anew() -> None:
    approved()
    for _ in range(3):
        (held,) = claim()
        lapse()
    task = Task.objects.get()
    assert (task.status, task.failure_reason) == ("failed", FailureReason.TIMEOUT)
    assert task.progress_at_failure == 25
    assert "três vezes" in task.error
    assert kinds(held.state).count(EventKind.LEASE_EXPIRED) == 3
    command_task(task.task_id, Command.RETRY, caller=OPERATOR)
    change(held.state, status=TaskStatus.APPROVED)
    claim(), lapse()
    assert Task.objects.get().status == "approved"


# -- Commands ------------------------------------------------------------------------------------


def test_nobody_approves_what_they_created_or_edited() -> None:
    state = make_task(agent_id="alex")
    task_id = state.row["task_id"]
    with pytest.raises(OwnTask):
        command_task(task_id, Command.APPROVE, caller=OPERATOR)
    other = type(OPERATOR)(actor="user:other", is_superuser=True)
    make_agent("marina")
    command_task(task_id, Command.ASSIGN, caller=other, edits=Edits(agent_id="marina"))
    with pytest.raises(OwnTask):
        command_task(task_id, Command.APPROVE, caller=other)
    third = type(OPERATOR)(actor="user:third", is_superuser=True)
    edits = Edits(title="Novo título", estimated_minutes=90.0, targets=["shein", "amazon"])
    after = command_task(task_id, Command.APPROVE, caller=third, edits=edits, reason="foto nova")
    assert after.row["status"] == "approved"
    assert after.row["title"] == "Novo título"
    assert [target["marketplace_id"] for target in after.targets] == ["amazon", "shein"]
    event = queries.events_of(after.row["id"])[-1]
    assert event["details"]["edits"] == {
        "title": ["Otimizar título", "Novo título"],
        "estimated_minutes": [60.0, 90.0],
        "targets": [["amazon"], ["amazon", "shein"]],
    }
    row = Task.objects.get()
    assert row.search_text.startswith("novo titulo")
    assert row.due_at == row.created_at + timedelta(minutes=90)
    assert after == queries.task_state(Task.objects.all(), task_id)
    # After a failure and a retry they still edited it; a retry itself is no edit.
    change(after, status=TaskStatus.FAILED)
    command_task(task_id, Command.RETRY, caller=third)
    with pytest.raises(OwnTask):
        command_task(task_id, Command.APPROVE, caller=third)


def test_edits_take_targets_away() -> None:
    state = make_task(agent_id="alex", targets=["amazon", "shopee"])
    other = type(OPERATOR)(actor="user:other", is_superuser=True)
    edits = Edits(targets=["shopee"])
    after = command_task(state.row["task_id"], Command.APPROVE, caller=other, edits=edits)
    assert after == queries.task_state(Task.objects.all(), state.row["task_id"])
    assert [target["marketplace_id"] for target in after.targets] == ["shopee"]


@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("status", TaskStatus)
def test_commands_are_given_where_they_lead_somewhere(command: Command, status: TaskStatus) -> None:
    state = make_task_in(status, agent_id="alex")
    legal = {
        Command.APPROVE: {"pending"},
        Command.REJECT: {"pending"},
        Command.RETRY: {"failed"},
        Command.CANCEL: {"pending", "approved", "in_progress", "marketplace_sync"},
        Command.ASSIGN: {"pending", "approved"},
    }[command]
    other = type(OPERATOR)(actor="user:other", is_superuser=True)
    make_agent("marina")
    edits = Edits(agent_id="marina") if command == Command.ASSIGN else None
    give = lambda: command_task(state.row["task_id"], command, caller=other, edits=edits)  # noqa: E731  # short, and used once
    if status in legal:
        assert give().row["version"] == state.row["version"] + 1
    else:
        with pytest.raises(InvalidTransition):
            give()


def test_undo_takes_back_the_last_failure_with_the_agents_hold() -> None:
    approved()
    (held,) = claim()
    report(held, status=TaskStatus.IN_PROGRESS, progress=60)
    task_id = held.state.row["task_id"]
    ended = command_task(task_id, Command.CANCEL, caller=OPERATOR, reason="engano")
    back = services.undo_failure(task_id, sequence=ended.row["sequence"], caller=OPERATOR)
    assert (back.row["status"], back.row["progress"]) == ("in_progress", 60)
    assert (back.row["ended_at"], back.row["failure_reason"]) == (None, None)
    assert kinds(held.state)[-1] == "undone"
    assert report(held, status=TaskStatus.IN_PROGRESS, progress=70).row["progress"] == 70
    with pytest.raises(MovedOn):
        services.undo_failure(task_id, sequence=ended.row["sequence"], caller=OPERATOR)


def test_who_only_decides_takes_back_rejections_alone() -> None:
    qa = caller_for_user(make_user(Role.QA))
    rejected, cancelled = (
        change(make_task(), status=TaskStatus.FAILED, failure_reason=reason).row
        for reason in (FailureReason.REJECTED, FailureReason.CANCELLED)
    )
    back = services.undo_failure(rejected["task_id"], sequence=rejected["sequence"], caller=qa)
    assert back.row["status"] == "pending"
    with pytest.raises(NotAllowed):
        services.undo_failure(cancelled["task_id"], sequence=cancelled["sequence"], caller=qa)


def test_sync_again_queues_what_is_not_synced() -> None:
    state = make_task_in(
        TaskStatus.MARKETPLACE_SYNC, agent_id="alex", targets=["amazon", "shein", "shopee"]
    )

    TaskTarget.objects.filter(marketplace_id="shein").update(state=SyncState.FAILED, error="x")
    found = services.resync_task(state.row["task_id"], caller=OPERATOR, reason="agora vai")
    after = found.state
    assert found.queued == ["shein"]
    assert {t["marketplace_id"]: t["state"] for t in after.targets} == dict.fromkeys(
        ("amazon", "shein", "shopee"), "queued"
    )
    event = queries.events_of(after.row["id"])[-1]
    assert (event["kind"], event["details"]) == ("sync", {"queued": ["shein"]})
    again = services.resync_task(state.row["task_id"], caller=OPERATOR)
    assert (again.state.row["version"], again.queued) == (after.row["version"], [])
    with pytest.raises(InvalidTransition):
        services.resync_task(approved().row["task_id"], caller=OPERATOR)


# -- Strictly under the lease --------------------------------------------------------------------


@pytest.mark.parametrize("status", [TaskStatus.APPROVED, TaskStatus.IN_PROGRESS])
def test_without_a_claim_an_agent_reports_nothing(status: TaskStatus) -> None:
    state = make_task_in(status, agent_id="alex")
    before = Task.objects.values().get()
    for lease_id in (None, "lease-of-nobody"):
        with pytest.raises(LeaseLost):
            services.update_task(
                state.row["task_id"],
                TaskChange(TaskStatus.IN_PROGRESS, progress=60),
                caller=ALEX,
                lease_id=lease_id,
            )
        with pytest.raises(LeaseLost):
            log(state, lease_id)
    assert Task.objects.values().get() == before
    assert not TaskLog.objects.exists()


def log(state: TaskState, lease_id: str | None) -> None:
    line = task_logs.LogLine(LogLevel.INFO, "oi")
    task_logs.append_logs(state.row["task_id"], [line], caller=ALEX, lease_id=lease_id)


def test_what_has_lapsed_is_revived_by_nothing() -> None:
    approved()
    (held,) = claim()
    report(held, status=TaskStatus.IN_PROGRESS)
    Lease.objects.update(expires_at=held.state.row["created_at"])
    for lease_id in (None, held.lease_id):
        with pytest.raises(LeaseLost):
            log(held.state, lease_id)
        with pytest.raises(LeaseLost):
            services.update_task(
                held.state.row["task_id"],
                TaskChange(TaskStatus.IN_PROGRESS, progress=60),
                caller=ALEX,
                lease_id=lease_id,
            )
    assert Lease.objects.get().expires_at == held.state.row["created_at"]


def test_what_was_renewed_since_somebody_looked_is_left_to_its_agent() -> None:
    approved()
    (held,) = claim()
    task_id = held.state.row["task_id"]
    assert not services.end_lease(task_id, held.lease_id)
    report(held, status=TaskStatus.IN_PROGRESS)
    Lease.objects.update(expires_at=held.state.row["created_at"])
    assert services.end_lease(task_id, held.lease_id)
    assert Task.objects.get().status == "approved"


def test_only_a_line_that_names_the_lease_renews_it() -> None:
    approved()
    (held,) = claim()
    soon = Lease.objects.get().claimed_at + timedelta(seconds=5)
    Lease.objects.update(expires_at=soon)
    log(held.state, None)
    assert Lease.objects.get().expires_at == soon
    log(held.state, held.lease_id)
    assert Lease.objects.get().expires_at > soon


def test_a_task_taken_away_is_a_lost_lease_for_whoever_had_it() -> None:
    make_agent("marina")
    state = approved()
    (held,) = claim()
    task_id = state.row["task_id"]
    command_task(task_id, Command.ASSIGN, caller=OPERATOR, edits=Edits(agent_id="marina"))
    with pytest.raises(LeaseLost):
        report(held, status=TaskStatus.IN_PROGRESS)
    with pytest.raises(LeaseLost):
        log(held.state, held.lease_id)
    for lease_id in (None, "lease-of-nobody"):
        with pytest.raises(TaskNotFound):
            log(held.state, lease_id)
    with translation.override("en"):
        told = event_text(queries.events_of(state.row["id"])[-1])
    assert told.endswith("the agent from alex to marina; it was taken out of alex's hands")


def test_a_lease_that_a_person_ended_stays_lost_when_another_agent_has_the_task() -> None:
    make_agent("marina")
    approved()
    (held,) = claim()
    task_id = held.state.row["task_id"]
    fails = TaskChange(TaskStatus.FAILED, failure_reason=FailureReason.CANCELLED)
    services.update_task(task_id, fails, caller=OPERATOR)
    command_task(task_id, Command.RETRY, caller=OPERATOR)
    command_task(task_id, Command.ASSIGN, caller=OPERATOR, edits=Edits(agent_id="marina"))
    with pytest.raises(LeaseLost):
        report(held, status=TaskStatus.IN_PROGRESS)
    with pytest.raises(LeaseLost):
        log(held.state, held.lease_id)


def test_a_lease_that_ran_out_stays_lost_when_another_agent_has_the_task() -> None:
    make_agent("marina")
    approved()
    (held,) = claim()
    lapse()
    task_id = held.state.row["task_id"]
    command_task(task_id, Command.ASSIGN, caller=OPERATOR, edits=Edits(agent_id="marina"))
    with pytest.raises(LeaseLost):
        report(held, status=TaskStatus.IN_PROGRESS)


def test_work_whose_lease_ran_out_stays_a_step_of_the_page(client: Client) -> None:
    state = approved()
    (held,) = claim()
    report(held, status=TaskStatus.IN_PROGRESS)
    lapse()
    change(state, status=TaskStatus.FAILED, error="sem estoque")
    client.force_login(make_user("admin"), settings.AUTHENTICATION_BACKENDS[-1])
    html = client.get(reverse("task", args=[state.row["task_id"]])).content.decode()
    assert re.findall(r'class="step" data-state="(\w+)"', html) == [
        "done",
        "done",
        "done",
        "skipped",
        "failed",
    ]
