"""Reports on the way are forgotten; timelines, counters, facts and the feed stay true."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounts.callers import caller_for_agent
from execution import queries, services
from execution.consistency import differences
from execution.enums import TaskStatus
from execution.feed.tailer import Restart, read_after, read_between
from execution.models import Stream, Task, TaskCount, TaskEvent
from execution.queries import Position
from nexo.shared import clock
from optimization import projection
from optimization.models import AgentDay, DailyFact
from tests.factories import change, make_agent, make_task, make_task_in, rows_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
KEPT_DAYS = 30
REPORT = ("progress", "agent:alex")


@pytest.fixture(autouse=True)
def _kept(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_agent("alex")
    settings.PROGRESS_KEPT_DAYS = KEPT_DAYS
    # No client is that near in these tests.
    monkeypatch.setattr(services, "MAX_EVENTS_BEHIND", 0)
    monkeypatch.setattr(services, "PRUNED_AT_ONCE", 3)


def worked(*, days_ago: float, end: TaskStatus | None = TaskStatus.COMPLETED) -> str:
    """A task that alex reported on, and a person too; when it ended."""
    state = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
    agent = caller_for_agent("alex")
    for progress in (55, 60, 65):
        state = change(state, caller=agent, progress=progress)
    state = change(state, progress=70)
    if end:
        change(state, caller=agent, status=end)
        ended_at = clock.now() - timedelta(days=days_ago)
        Task.objects.filter(task_id=state.row["task_id"]).update(ended_at=ended_at)
    return str(state.row["task_id"])


def prune() -> int:
    told = StringIO()
    call_command("prune", stdout=told)
    return int(told.getvalue().splitlines()[3].rpartition(": ")[2])


def timeline(task_id: str) -> list[tuple[str, str]]:
    events = TaskEvent.objects.filter(task__task_id=task_id).order_by("sequence")
    return list(events.values_list("kind", "actor"))


def test_only_old_reports_of_agents_go() -> None:
    old, recent = worked(days_ago=KEPT_DAYS + 1), worked(days_ago=KEPT_DAYS - 1)
    running = worked(days_ago=0, end=None)
    failed = worked(days_ago=KEPT_DAYS + 1, end=TaskStatus.FAILED)
    whole = {task: timeline(task) for task in (old, recent, running, failed)}
    assert prune() == 6
    for task in (recent, running):
        assert timeline(task) == whole[task]
    for task in (old, failed):
        # In their order, and with what a person set.
        assert timeline(task) == [step for step in whole[task] if step != REPORT]
        assert ("progress", "user:operator") in timeline(task)
    assert prune() == 0


def test_counters_and_facts_stay_true() -> None:
    worked(days_ago=KEPT_DAYS + 1)
    worked(days_ago=KEPT_DAYS + 1, end=TaskStatus.FAILED)
    worked(days_ago=0, end=None)
    projection.catch_up()
    kept = rows_of([Task, TaskCount, DailyFact, AgentDay])
    assert prune() == 6
    assert list(differences()) == []
    assert rows_of([Task, TaskCount, DailyFact, AgentDay]) == kept
    projection.rebuild()
    assert list(differences()) == []
    for model in (DailyFact, AgentDay):
        table = model._meta.db_table
        assert [row[1:] for row in rows_of([model])[table]] == [row[1:] for row in kept[table]]


def test_a_number_missing_after_what_was_pruned_is_still_found() -> None:
    worked(days_ago=KEPT_DAYS + 1)
    prune()
    assert Stream.objects.get().pruned_through == queries.stream_position().sequence
    task = make_task()
    make_task()
    make_task()
    TaskEvent.objects.filter(sequence=task.row["sequence"] + 1).delete()
    assert any("TaskEvent" in found for found in differences())


def test_a_client_behind_a_gap_reads_anew() -> None:
    worked(days_ago=KEPT_DAYS + 1)
    assert prune() == 3
    here = queries.stream_position()
    for look in (True, False):
        behind = Position(here.epoch, here.sequence - 4)
        assert isinstance(read_after(behind, look_at_epoch=look), Restart)
    assert read_between(here.sequence - 4, here.sequence) is None


def test_events_that_clients_resume_from_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    worked(days_ago=KEPT_DAYS + 1)
    monkeypatch.setattr(services, "MAX_EVENTS_BEHIND", 1_000)
    assert prune() == 0
    assert Stream.objects.get().pruned_through == 0


def test_without_the_setting_every_event_stays(settings: Any) -> None:
    settings.PROGRESS_KEPT_DAYS = 0
    worked(days_ago=10_000)
    assert prune() == 0
