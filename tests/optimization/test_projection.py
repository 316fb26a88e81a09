"""Facts equal a recount of the log, whenever and however often they are caught up."""

from collections import Counter
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from execution import services
from execution.changes import TaskChange
from execution.enums import EventKind, FailureReason, TaskStatus
from execution.exceptions import InvalidTransition
from execution.models import Stream, Task, TaskEvent
from execution.queries import stream_position
from nexo.shared import clock
from optimization import projection
from optimization.models import COUNTED, AgentDay, DailyFact, FactCursor
from tests.factories import OPERATOR, change, make_agent, make_task, make_task_in
from tests.optimization.recount import recount, rounded
from tests.optimization.work import at_noon, completed

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def projected() -> dict[tuple[Any, ...], dict[str, float]]:
    rows = DailyFact.objects.values("day", "agent_id", "marketplace_id", "task_type", *COUNTED)
    found = {
        (row["day"], row["agent_id"], row["marketplace_id"], row["task_type"]): rounded(
            {name: row[name] for name in COUNTED}
        )
        for row in rows
    }
    return {place: amounts for place, amounts in found.items() if amounts}


def by_agent(facts: dict[tuple[Any, ...], dict[str, float]]) -> dict[tuple[Any, ...], Any]:
    agents: dict[tuple[Any, ...], Counter[str]] = {}
    for (day, agent, *_), amounts in facts.items():
        agents.setdefault((day, agent), Counter()).update(amounts)
    # Coarser: sums of rounded minutes differ from the rounded sum in the last place.
    return {key: rounded(amounts, 3) for key, amounts in agents.items() if rounded(amounts, 3)}


def only_fact() -> dict[str, float]:
    projection.catch_up()
    (amounts,) = projected().values()
    return amounts


def test_each_end_counts_as_what_it_is() -> None:
    make_task_in(TaskStatus.COMPLETED)
    failed = make_task_in(TaskStatus.IN_PROGRESS)
    change(failed, status=TaskStatus.FAILED, failure_reason=FailureReason.TIMEOUT)
    change(make_task(), status=TaskStatus.FAILED, failure_reason=FailureReason.REJECTED)
    change(make_task(), status=TaskStatus.FAILED, failure_reason=FailureReason.CANCELLED)
    facts = only_fact()
    facts.pop("executed_minutes", None)
    assert facts == {
        "created": 4,
        "approved": 2,
        "completed": 1,
        "timed": 1,
        "estimated_minutes": 60,
        "failed_timeout": 1,
        "rejected": 1,
        "cancelled": 1,
    }


def test_starting_without_approval_approves() -> None:
    change(make_task(), status=TaskStatus.IN_PROGRESS)
    assert only_fact() == {"created": 1, "approved": 1}


def test_a_retry_does_not_erase_the_failure_before_it() -> None:
    task = make_task()
    for _attempt in range(2):
        task = change(task, status=TaskStatus.FAILED, failure_reason=FailureReason.ERROR)
        task = change(task, status=TaskStatus.PENDING)
    assert only_fact() == {"created": 1, "failed_error": 2}


def test_an_undone_failure_counts_nowhere_and_a_second_one_counts_again() -> None:
    task = change(make_task(), status=TaskStatus.FAILED, failure_reason=FailureReason.REJECTED)
    projection.catch_up()
    undo(task.row["task_id"])
    assert only_fact() == {"created": 1}


def undo(task_id: str) -> None:
    sequence = Task.objects.get(task_id=task_id).sequence
    services.undo_failure(task_id, sequence=sequence, caller=OPERATOR)


def test_a_playbooks_approval_is_no_decision() -> None:
    make_task_in(TaskStatus.APPROVED)
    TaskEvent.objects.filter(kind=EventKind.APPROVED).update(actor="system:playbook")
    assert only_fact() == {"created": 1}


def test_a_fact_belongs_to_the_agent_and_the_day_of_its_instant() -> None:
    make_agent("alex", "amazon")
    make_agent("marina", "amazon")
    task = make_task(agent_id="alex")
    Task.objects.update(agent_id="marina")
    change(task, status=TaskStatus.APPROVED)
    # 23:30 in São Paulo is the next day in UTC.
    late = datetime(2026, 3, 1, 23, 30, tzinfo=clock.BUSINESS_ZONE)
    TaskEvent.objects.filter(kind=EventKind.APPROVED).update(at=late)
    projection.catch_up()
    today = clock.business_day(clock.now())
    assert by_agent(projected()) == {
        (today, "alex"): {"created": 1},
        (late.date(), "marina"): {"approved": 1},
    }


def test_catching_up_twice_counts_once() -> None:
    make_task_in(TaskStatus.COMPLETED)
    position = projection.catch_up()
    before = projected()
    assert projection.catch_up() == position
    assert projected() == before
    assert FactCursor.objects.get().sequence == Stream.objects.get().sequence


def test_a_long_log_is_counted_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "BATCH", 2)
    for _task in range(3):
        make_task_in(TaskStatus.COMPLETED)
    projection.catch_up()
    assert projected() == recount()


def test_what_fails_half_way_is_counted_once_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    make_task_in(TaskStatus.COMPLETED)

    add = projection._upsert

    def fail_at_the_second_table(model: Any, *rest: Any) -> None:
        if model is AgentDay:
            raise RuntimeError
        add(model, *rest)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(projection, "_upsert", fail_at_the_second_table)
        projection.catch_up()
    assert not DailyFact.objects.exists()
    projection.catch_up()
    assert projected() == recount()


def test_a_restored_database_is_counted_anew() -> None:
    make_task_in(TaskStatus.COMPLETED)
    projection.catch_up()
    Stream.objects.update(epoch="another")
    projection.catch_up()
    assert projected() == recount()


def test_facts_of_a_log_that_ends_earlier_are_those_of_its_own_events() -> None:
    make_task_in(TaskStatus.COMPLETED)
    backup = Stream.objects.get().sequence
    make_task_in(TaskStatus.COMPLETED)
    projection.catch_up()
    TaskEvent.objects.filter(sequence__gt=backup).delete()
    Stream.objects.update(epoch="another", sequence=backup)
    projection.catch_up()
    assert projected() == recount()
    assert FactCursor.objects.get().sequence == backup


def test_who_was_overtaken_by_another_reader_counts_nothing_twice() -> None:
    make_task_in(TaskStatus.COMPLETED)
    seen = stream_position()
    make_task_in(TaskStatus.COMPLETED)
    position = projection.catch_up()
    projection._count_on(seen)
    assert FactCursor.objects.get().sequence == position.sequence
    projection.catch_up()
    assert projected() == recount()


def test_earlier_work_that_comes_later_does_not_set_the_last_work_back() -> None:
    make_agent("alex")
    noon = at_noon(1, clock.now())
    for at in (noon, noon - timedelta(hours=1)):
        completed("alex", at=at)
        projection.catch_up()
    worked_at = AgentDay.objects.get(agent_id="alex", day=noon.date(), completed=2).worked_at
    assert worked_at is not None
    assert worked_at >= noon


def test_what_people_decide_is_no_work_of_the_agent() -> None:
    make_agent("alex")
    for reason in (FailureReason.REJECTED, FailureReason.CANCELLED):
        task = make_task(agent_id="alex")
        change(task, status=TaskStatus.FAILED, failure_reason=reason)
    projection.catch_up()
    day = AgentDay.objects.get(agent_id="alex")
    assert (day.rejected, day.cancelled, day.worked_at) == (1, 1, None)


@pytest.mark.parametrize("seed", range(6))
def test_facts_equal_a_recount_of_random_work(seed: int) -> None:
    rng = Random(seed)
    make_agent("alex", "amazon")
    make_agent("marina", "amazon", "shein")
    tasks: list[str] = []
    for _step in range(120):
        move = rng.random()
        if move < 0.2 or not tasks:
            agent = rng.choice(["alex", "marina", None])
            kind = rng.choice(["photo", "title"])
            tasks.append(make_task(agent_id=agent, task_type=kind).row["task_id"])
        elif move < 0.3:
            projection.catch_up()
        else:
            push(rng.choice(tasks), rng)
    shift_events(rng)
    projection.rebuild()
    assert projected() == recount()
    days = AgentDay.objects.values("day", "agent_id", *COUNTED)
    rolled_up = {
        (day["day"], day["agent_id"]): rounded({name: day[name] for name in COUNTED}, 3)
        for day in days
    }
    assert {key: amounts for key, amounts in rolled_up.items() if amounts} == by_agent(recount())


def push(task_id: str, rng: Random) -> None:
    status = rng.choice(list(TaskStatus))
    reason = rng.choice(list(FailureReason)) if status == TaskStatus.FAILED else None
    failed = Task.objects.filter(task_id=task_id, status=TaskStatus.FAILED).exists()
    if failed and rng.random() < 0.2:
        return
    try:
        services.update_task(
            task_id,
            TaskChange(status=status, failure_reason=None if failed else reason),
            caller=OPERATOR,
        )
    except InvalidTransition:
        return


def shift_events(rng: Random) -> None:
    """Spread the work over some days."""
    for event in TaskEvent.objects.all():
        at = event.at - timedelta(hours=rng.randrange(100))
        TaskEvent.objects.filter(pk=event.pk).update(at=at)
