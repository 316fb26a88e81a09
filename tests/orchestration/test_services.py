"""Activation: one plan's worth of tasks, whoever presses how often."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from accounts.callers import Caller
from accounts.models import AuditEntry
from execution.assignment import Assignment
from execution.enums import FailureReason, TaskStatus
from execution.exceptions import NotAllowed
from execution.models import Agent, Task, TaskEvent, TaskTarget
from execution.queries import task_state
from execution.rows import TaskState
from execution.services import give_agent
from optimization.models import AgentDay
from optimization.projection import catch_up
from orchestration.models import DueRun, Plan, TaskTemplate
from orchestration.queries import plans as plans_shown
from orchestration.queries import worker_behind_seconds
from orchestration.services import activate, run_due_templates
from orchestration.unassigned import assign_waiting_tasks
from tests.factories import OPERATOR, change, make_agent, make_task
from tests.orchestration.playbook import make_template, only, plans

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def state_of(task_id: str) -> TaskState:
    state = task_state(Task.objects.all(), task_id)
    assert state
    return state


def events_of(task: Task) -> list[tuple[str, str, str, int]]:
    rows = TaskEvent.objects.filter(task=task).order_by("sequence")
    return list(rows.values_list("kind", "actor", "to_status", "progress"))


def test_every_marketplace_starts_with_a_playbook() -> None:
    counts = [TaskTemplate.objects.filter(marketplace=slug).count() for slug in ("amazon", "kaway")]
    assert counts == [8, 8]
    assert TaskTemplate.objects.count() == 48
    for template in TaskTemplate.objects.all():
        template.full_clean()
        assert template.history.count() == 1


def test_an_activation_makes_a_task_of_each_template() -> None:
    make_agent("alex", "amazon")
    only({}, {"key": "stock", "task_type": "stock_update", "targets": ["amazon", "shopee"]})
    make_template(marketplace_id="shopee")
    made = activate(["amazon"], caller=OPERATOR)
    tasks = list(Task.objects.order_by("pk"))
    assert made.tasks == [task.task_id for task in tasks]
    assert [(t.task_type, t.title, t.status) for t in tasks] == [
        ("listing_optimization", "Otimizar títulos", "pending"),
        ("stock_update", "Otimizar títulos", "pending"),
    ]
    assert tasks[0].estimated_minutes == 90
    assert tasks[0].agent_id == "alex"
    assert tasks[0].assignment["rule"] == "recommended"
    assert events_of(tasks[0]) == [("created", "system:playbook", "pending", 0)]
    targets = TaskTarget.objects.order_by("pk").values_list("task_id", "marketplace_id")
    assert list(targets) == [
        (tasks[0].pk, "amazon"),
        (tasks[1].pk, "amazon"),
        (tasks[1].pk, "shopee"),
    ]


def test_a_template_that_needs_no_approval_is_approved_by_the_playbook() -> None:
    make_agent("alex", "amazon")
    only({"needs_approval": False})
    activate(None, caller=OPERATOR)
    task = Task.objects.get()
    assert (task.status, task.progress) == ("approved", 25)
    assert task.approved_at == task.created_at
    assert events_of(task) == [
        ("created", "system:playbook", "pending", 0),
        ("approved", "system:playbook", "approved", 25),
    ]
    catch_up()
    # Nobody decided anything: no rate knows of it.
    facts = AgentDay.objects.get()
    assert (facts.created, facts.approved) == (1, 0)


def test_pressing_twice_generates_nothing_twice() -> None:
    only({}, {"key": "stock"})
    first = activate(None, caller=OPERATOR)
    again = activate(None, caller=OPERATOR)
    assert (len(first.tasks), again.tasks) == (2, [])
    assert [one.reason for one in again.skipped] == ["open_task", "open_task"]
    # It is the plan that is running: no row and no line of its own.
    assert (again.status, again.plan, plans()) == ("executing", first.plan, [first.plan])
    assert AuditEntry.objects.filter(object_kind="plan").count() == 1


def test_a_template_whose_task_ended_makes_another_and_a_retried_one_does_not() -> None:
    only({})
    activate(None, caller=OPERATOR)
    task = state_of(Task.objects.latest("pk").task_id)
    change(task, status=TaskStatus.FAILED, failure_reason=FailureReason.REJECTED)
    assert len(activate(None, caller=OPERATOR).tasks) == 1
    change(task, status=TaskStatus.PENDING)
    newest = state_of(Task.objects.latest("pk").task_id)
    change(newest, status=TaskStatus.FAILED)
    # The first task is open again, after its retry.
    assert activate(None, caller=OPERATOR).tasks == []


def test_another_task_of_the_same_kind_is_no_hindrance() -> None:
    only({})
    make_task()
    assert len(activate(None, caller=OPERATOR).tasks) == 1


def test_inactive_templates_and_other_marketplaces_are_left_alone() -> None:
    only({"is_active": False}, {"key": "stock", "marketplace_id": "shopee"})
    made = activate(["amazon", "kaway"], caller=OPERATOR)
    assert (made.channels, made.tasks, made.skipped) == (["amazon", "kaway"], [], [])


def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    make_agent("alex", "amazon", is_active=False)
    only({}, {"key": "stock"})
    dry = activate(None, caller=OPERATOR, dry_run=True)
    assert (dry.plan, dry.tasks, dry.agents) == (None, [], ["alex"])
    assert (Plan.objects.count(), Task.objects.count(), AuditEntry.objects.count()) == (0, 0, 0)
    assert not Agent.objects.get().is_active
    real = activate(None, caller=OPERATOR)
    assert (real.chosen, real.agents, real.status) == (dry.chosen, dry.agents, dry.status)


def test_agents_of_the_marketplaces_become_active_and_get_the_work() -> None:
    make_agent("alex", "amazon", is_active=False)
    make_agent("sunny", "shopee", is_active=False)
    only({})
    activate(["amazon"], caller=OPERATOR)
    assert list(Agent.objects.order_by("slug").values_list("slug", "is_active")) == [
        ("alex", True),
        ("sunny", False),
    ]
    assert Task.objects.get().agent_id == "alex"
    assert Agent.objects.get(slug="alex").history.latest().is_active
    entries = AuditEntry.objects.order_by("pk").values_list("actor", "action", "object_kind")
    assert list(entries) == [
        ("user:operator", "activate", "agent"),
        ("user:operator", "activate", "plan"),
    ]


def test_a_paused_agent_stays_paused() -> None:
    make_agent("alex", "amazon", is_active=False, is_paused=True)
    only({})
    activate(None, caller=OPERATOR)
    assert Agent.objects.get().is_paused
    assert Task.objects.get().agent_id is None


@pytest.mark.parametrize("language", ["en", "pt-br"])
def test_a_task_has_the_portuguese_title_whoever_activates(language: str) -> None:
    (template,) = only({})
    with translation.override(language):
        activate(None, caller=OPERATOR)
    assert Task.objects.get().title == "Otimizar títulos"
    with translation.override("en"):
        assert template.title == "Optimise titles"


def test_a_scheduled_task_has_the_portuguese_title() -> None:
    only(DAILY)
    with translation.override("en"):
        run_due_templates(SIX)
    assert Task.objects.get().title == "Otimizar títulos"


def test_who_may_not_run_the_orchestration_is_refused() -> None:
    with pytest.raises(NotAllowed):
        activate(None, caller=Caller(actor="user:ana"))
    assert Plan.objects.count() == 0


def test_a_plan_is_completed_when_all_its_tasks_have_ended() -> None:
    only({}, {"key": "stock"})
    assert plans_shown().main is None
    made = activate(None, caller=OPERATOR)
    states = [state_of(task_id) for task_id in made.tasks]
    change(states[0], status=TaskStatus.FAILED)
    found = plans_shown().main
    assert found
    assert (found.status, found.ended, found.total) == ("executing", 1, 2)
    change(states[1], status=TaskStatus.FAILED)
    found = plans_shown().main
    assert found and found.status == "completed"


def test_every_plan_that_is_executing_is_known() -> None:
    only({"marketplace_id": "amazon"}, {"marketplace_id": "shein"}, {"marketplace_id": "kaway"})
    old, middle, new = (activate([slug], caller=OPERATOR) for slug in ("amazon", "shein", "kaway"))
    change(state_of(middle.tasks[0]), status=TaskStatus.FAILED)
    found = plans_shown()
    assert [one.plan for one in found.executing] == [new.plan, old.plan]
    change(state_of(new.tasks[0]), status=TaskStatus.FAILED)
    found = plans_shown()
    assert found.main and (found.main.plan, found.others) == (old.plan, [])


@pytest.mark.parametrize("is_paused", [True, False])
def test_a_dry_run_tells_who_would_get_each_task(is_paused: bool) -> None:
    make_agent("alex", "amazon", is_active=False, capacity=1)
    make_agent("tren", "shein", is_paused=is_paused)
    only({}, {"key": "stock"}, {"marketplace_id": "shein"}, {"marketplace_id": "kaway"})
    foretold = activate(None, caller=OPERATOR, dry_run=True)
    assert foretold.assigned == ["alex", None, None if is_paused else "tren", None]
    assert not Agent.objects.get(slug="alex").is_active
    made = activate(None, caller=OPERATOR)
    assert made.assigned == foretold.assigned


# -- On schedule ---------------------------------------------------------------------------------

# Six in the morning of 26 November in São Paulo.
SIX = datetime(2026, 11, 26, 9, tzinfo=UTC)
DAILY = {"recurrence": "0 6 * * *", "recurs_since": SIX - timedelta(days=1)}


def test_a_due_time_is_served_once() -> None:
    only(DAILY, {"key": "by-hand"})
    assert run_due_templates(SIX - timedelta(seconds=1)) == []
    (plan,) = run_due_templates(SIX + timedelta(seconds=10))
    assert (plan.cause, plan.due_at, plan.missed) == ("schedule", SIX, 0)
    assert plan.actor == "system:schedule"
    assert run_due_templates(SIX + timedelta(seconds=20)) == []
    assert Task.objects.count() == 1
    assert DueRun.objects.get().due_at == SIX


def test_a_missed_period_is_caught_up_once_and_says_so() -> None:
    only(DAILY)
    (plan,) = run_due_templates(SIX + timedelta(days=2, hours=4))
    assert (plan.due_at, plan.missed) == (SIX + timedelta(days=2), 3)
    assert Task.objects.count() == 1
    assert run_due_templates(SIX + timedelta(days=2, hours=5)) == []


def test_a_clock_that_was_wrong_once_stops_no_schedule(caplog: pytest.LogCaptureFixture) -> None:
    only(DAILY)
    ahead = SIX + timedelta(days=3)
    run_due_templates(SIX - timedelta(hours=1))
    (wrong,) = run_due_templates(ahead + timedelta(hours=1))
    assert wrong.due_at == ahead
    assert caplog.messages == []
    # The clock is right again: each day is served at its time, and once.
    assert run_due_templates(SIX - timedelta(hours=1)) == []
    for day in range(3):
        now = SIX + timedelta(days=day, minutes=1)
        assert worker_behind_seconds(now) == 60
        (plan,) = run_due_templates(now)
        assert (plan.due_at, plan.missed) == (SIX + timedelta(days=day), 0)
        assert run_due_templates(now + timedelta(seconds=15)) == []
    said = "titles was served for 2026-11-29T09:00:00Z, which lies ahead and does not count"
    assert [said in message for message in caplog.messages] == [True] * 3
    # The day that was served too early is not served again.
    assert run_due_templates(ahead + timedelta(minutes=1)) == []
    assert worker_behind_seconds(ahead + timedelta(minutes=1)) == 0
    (plan,) = run_due_templates(ahead + timedelta(days=1))
    assert (plan.due_at, plan.missed) == (ahead + timedelta(days=1), 0)
    assert len(caplog.messages) == 3


def test_workers_whose_clocks_differ_a_little_serve_a_due_time_once() -> None:
    only(DAILY)
    # Yesterday's was missed: who is ahead makes up for both by one.
    (plan,) = run_due_templates(SIX + timedelta(days=1))
    assert (plan.due_at, plan.missed) == (SIX + timedelta(days=1), 1)
    assert run_due_templates(SIX + timedelta(days=1, minutes=-4)) == []


def test_a_due_time_that_nobody_serves_is_work_that_waits_for_a_worker() -> None:
    only(DAILY, {"key": "stock", "recurrence": "*/15 * * * *", "recurs_since": SIX}, {"key": "no"})
    # Both have been served until now, then one is due, then the other too.
    run_due_templates(SIX)
    assert worker_behind_seconds(SIX + timedelta(minutes=14)) == 0
    assert worker_behind_seconds(SIX + timedelta(minutes=16)) == 60
    assert worker_behind_seconds(SIX + timedelta(days=2)) == (2 * 24 * 60 - 15) * 60
    run_due_templates(SIX + timedelta(days=2))
    assert worker_behind_seconds(SIX + timedelta(days=2, minutes=1)) == 0
    TaskTemplate.objects.update(is_active=False)
    assert worker_behind_seconds(SIX + timedelta(days=9)) == 0


def test_what_was_due_while_a_served_template_was_switched_off_was_not_missed() -> None:
    (template,) = only(DAILY)
    run_due_templates(SIX)
    # Off for two days, and on again after the second one's time.
    on_again = SIX + timedelta(days=2, hours=1)
    TaskTemplate.objects.filter(pk=template.pk).update(recurs_since=on_again)
    assert run_due_templates(SIX + timedelta(days=2, hours=2)) == []
    (plan,) = run_due_templates(SIX + timedelta(days=3))
    assert (plan.due_at, plan.missed) == (SIX + timedelta(days=3), 0)


def test_a_template_whose_task_is_still_open_is_skipped_with_the_reason() -> None:
    only(DAILY)
    run_due_templates(SIX)
    (plan,) = run_due_templates(SIX + timedelta(days=1))
    assert plan.skipped == [{"template": "amazon/titles", "reason": "open_task"}]
    assert Task.objects.count() == 1
    # Served all the same: it is not tried again until the next due time.
    assert run_due_templates(SIX + timedelta(days=1, seconds=15)) == []


def test_a_scheduled_plan_is_in_the_audit_also_when_it_made_nothing() -> None:
    only(DAILY)
    run_due_templates(SIX)
    (plan,) = run_due_templates(SIX + timedelta(days=2))
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.object_kind, entry.object_id) == ("activate", "plan", plan.plan_id)
    assert entry.actor == "system:schedule"
    assert entry.details == {
        "channels": ["amazon"],
        "tasks": 0,
        "skipped": 1,
        "dueAt": "2026-11-28T09:00:00Z",
        "missed": 1,
    }
    assert AuditEntry.objects.filter(object_kind="plan").count() == 2


def test_what_is_due_together_is_one_plan() -> None:
    late = {"key": "late", "recurrence": "30 6 * * *", "recurs_since": SIX - timedelta(hours=1)}
    only(DAILY, {**DAILY, "key": "stock"}, late)
    made = run_due_templates(SIX + timedelta(minutes=31))
    assert [plan.plan_tasks.count() for plan in made] == [2, 1]
    assert [plan.missed for plan in made] == [1, 0]


def test_a_plan_says_the_most_that_a_template_in_it_missed() -> None:
    only(
        {**DAILY, "key": "since-yesterday", "recurs_since": SIX + timedelta(days=1, hours=1)},
        DAILY,
        {**DAILY, "key": "since-the-day-before", "recurs_since": SIX + timedelta(hours=1)},
    )
    (plan,) = run_due_templates(SIX + timedelta(days=2, hours=4))
    assert plan.missed == 3
    assert AuditEntry.objects.latest("pk").details["missed"] == 3
    assert list(plan.due_runs.order_by("missed").values_list("missed", flat=True)) == [1, 2, 3]


def test_a_schedule_does_not_wake_agents() -> None:
    make_agent("alex", "amazon", is_active=False)
    only(DAILY)
    run_due_templates(SIX)
    assert not Agent.objects.get().is_active


def test_inactive_templates_are_not_due() -> None:
    only({**DAILY, "is_active": False})
    assert run_due_templates(SIX) == []


# -- Nobody has room -----------------------------------------------------------------------------


def test_a_task_that_nobody_has_room_for_is_named_and_waits_for_its_agent() -> None:
    make_agent("alex", "amazon", capacity=1)
    only({"needs_approval": False}, {"key": "stock", "needs_approval": False}, {"key": "price"})
    dry = activate(["amazon"], caller=OPERATOR, dry_run=True)
    made = activate(["amazon"], caller=OPERATOR)
    names = ["amazon/stock", "amazon/price"]
    assert [one.template.name for one in dry.unassigned] == names
    assert [one.template.name for one in made.unassigned] == names
    assert [one.task_id for one in made.unassigned] == made.tasks[1:]
    given, stock, price = (state_of(task_id).row for task_id in made.tasks)
    assert (given["agent_id"], given["status"]) == ("alex", "approved")
    assert [(row["agent_id"], row["status"]) for row in (stock, price)] == [(None, "pending")] * 2
    assert assign_waiting_tasks() == 0

    Agent.objects.filter(pk="alex").update(capacity=None)
    assert assign_waiting_tasks() == 2
    waited = Task.objects.get(pk=stock["id"])
    assert (waited.agent_id, waited.status) == ("alex", "approved")
    assert waited.assignment["rule"] == "recommended"
    assert events_of(waited)[1:] == [
        ("edited", "system:assignment", "pending", 0),
        ("approved", "system:playbook", "approved", 25),
    ]
    asks = Task.objects.get(pk=price["id"])
    assert (asks.agent_id, asks.status) == ("alex", "pending")
    assert assign_waiting_tasks() == 0


def test_what_nobody_can_take_holds_up_nothing_and_a_look_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.unassigned.AT_ONCE", 2)
    stuck = [make_task(marketplace_id="kaway") for _ in range(3)]
    for _ in range(3):
        make_task()
    make_agent("alex", "amazon")
    assert [assign_waiting_tasks() for _ in range(3)] == [2, 1, 0]
    assert not Task.objects.filter(agent=None).exclude(marketplace="kaway").exists()
    make_agent("premium", "kaway", is_paused=True)
    assert assign_waiting_tasks() == 0
    approved = change(stuck[0], status=TaskStatus.APPROVED)
    Agent.objects.update(is_paused=False)
    assert assign_waiting_tasks() == 2
    assert state_of(approved.row["task_id"]).row["status"] == "approved"


def test_a_marketplace_whose_agents_are_full_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.unassigned.AT_ONCE", 2)
    for _ in range(2):
        make_task(marketplace_id="kaway")
    waits = make_task()
    make_agent("alex", "amazon")
    make_agent("premium", "kaway", capacity=1)
    make_task(marketplace_id="kaway", agent_id="premium")
    assert assign_waiting_tasks() == 1
    assert state_of(waits.row["task_id"]).row["agent_id"] == "alex"


def test_a_task_that_has_ended_meanwhile_is_passed_over() -> None:
    task = make_task()
    cancelled = change(task, status=TaskStatus.FAILED, failure_reason=FailureReason.CANCELLED)
    make_agent("alex", "amazon")
    chosen = Assignment("alex", {"rule": "recommended"})
    task_id = cancelled.row["task_id"]
    assert not give_agent(task_id, chosen, actor="system:assignment", approver="system:playbook")
    assert state_of(task_id).row["agent_id"] is None


def test_a_dry_run_counts_on_the_agents_that_would_be_woken() -> None:
    make_agent("alex", "amazon", is_active=False)
    only({})
    assert activate(None, caller=OPERATOR, dry_run=True).unassigned == []
    assert not Agent.objects.get().is_active
