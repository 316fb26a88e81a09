"""`check_consistency` finds whatever raw SQL can break, and names it."""

import io
from collections.abc import Callable, Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import translation

from execution.enums import TaskStatus
from execution.models import Lease, Task, TaskEvent
from nexo.shared import clock
from tests.factories import change, make_agent, make_task, make_task_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def tasks() -> dict[str, str]:
    """A task in each status with a few updates; their ids."""
    make_agent()
    states = {status.value: make_task_in(status, agent_id="alex") for status in TaskStatus}
    change(states["in_progress"], progress=60)
    return {status: state.row["task_id"] for status, state in states.items()}


def check() -> list[str]:
    """The differences that the command prints; it has to exit accordingly."""
    out = io.StringIO()
    try:
        call_command("check_consistency", stdout=out)
    except CommandError as error:
        assert error.returncode == 1
        lines = out.getvalue().splitlines()
        assert lines
        return lines
    assert out.getvalue() == "Everything agrees.\n"
    return []


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def pk_of(task_id: str) -> int:
    return Task.objects.get(task_id=task_id).pk


def test_what_the_services_wrote_agrees(tasks: dict[str, str]) -> None:
    assert check() == []


def test_an_empty_database_agrees() -> None:
    assert check() == []


def wrong_count(tasks: dict[str, str]) -> str:
    sql(
        "UPDATE execution_taskcount SET count = count + 1"
        " WHERE status = 'approved' AND marketplace_id = 'amazon'"
    )
    return "TaskCount approved/amazon: count is 2, the tasks say 1."


def wrong_progress_sum(tasks: dict[str, str]) -> str:
    sql(
        "UPDATE execution_taskcount SET progress_sum = 7"
        " WHERE status = 'failed' AND marketplace_id = 'shein'"
    )
    return "TaskCount failed/shein: progress_sum is 7, the tasks say 0."


def missing_count(tasks: dict[str, str]) -> str:
    sql("DELETE FROM execution_taskcount WHERE status = 'pending' AND marketplace_id = 'kaway'")
    return "TaskCount pending/kaway: there is no row."


def stream_ahead(tasks: dict[str, str]) -> str:
    newest = TaskEvent.objects.order_by("sequence").last()
    assert newest is not None
    sql("UPDATE execution_stream SET sequence = sequence + 3")
    return f"Stream: it stands at {newest.sequence + 3}, the newest event is {newest.sequence}."


def missing_event(tasks: dict[str, str]) -> str:
    """The first of several events of a task, so that only the number is missed."""
    gone = TaskEvent.objects.get(task__task_id=tasks["approved"], kind="created").sequence
    sql("DELETE FROM execution_taskevent WHERE sequence = %s", gone)
    return f"TaskEvent: numbers {gone} to {gone} are missing."


def other_progress(tasks: dict[str, str]) -> list[str]:
    sql("UPDATE execution_task SET progress = 70 WHERE task_id = %s", tasks["in_progress"])
    return [
        "TaskCount in_progress/amazon: progress_sum is 60, the tasks say 70.",
        f"{tasks['in_progress']}: its progress is 70, its newest event says 60.",
    ]


def other_status(tasks: dict[str, str]) -> list[str]:
    sql(
        "UPDATE execution_task SET status = 'approved', approved_at = created_at, progress = 25"
        " WHERE task_id = %s",
        tasks["pending"],
    )
    return [
        "TaskCount approved/amazon: count is 1, the tasks say 2.",
        "TaskCount approved/amazon: progress_sum is 25, the tasks say 50.",
        "TaskCount pending/amazon: count is 1, the tasks say 0.",
        f"{tasks['pending']}: its status is approved, its newest event says pending.",
        f"{tasks['pending']}: its progress is 25, its newest event says 0.",
    ]


def forgotten_event(tasks: dict[str, str]) -> str:
    """The task stands at an earlier event of its own that says the same."""
    pk = pk_of(tasks["failed"])
    sequence = TaskEvent.objects.filter(task=pk).order_by("sequence").first().sequence  # type: ignore[union-attr]  # there is one
    sql("UPDATE execution_taskevent SET to_status = 'failed' WHERE sequence = %s", sequence)
    sql("UPDATE execution_task SET sequence = %s WHERE id = %s", sequence, pk)
    return f"{tasks['failed']}: its sequence is {sequence}, but there is a newer event."


def foreign_event(tasks: dict[str, str]) -> str:
    sequence = Task.objects.get(task_id=tasks["in_progress"]).sequence
    sql("UPDATE execution_task SET sequence = %s WHERE task_id = %s", sequence, tasks["completed"])
    return f"{tasks['completed']}: its sequence is {sequence}, which is no event of it."


def missing_target(tasks: dict[str, str]) -> str:
    sql("DELETE FROM execution_tasktarget WHERE task_id = %s", pk_of(tasks["marketplace_sync"]))
    return f"{tasks['marketplace_sync']}: it has no target."


@pytest.mark.parametrize(
    "breakage",
    [
        wrong_count,
        wrong_progress_sum,
        missing_count,
        stream_ahead,
        missing_event,
        other_progress,
        other_status,
        forgotten_event,
        foreign_event,
        missing_target,
    ],
)
def test_each_broken_number_is_named(
    tasks: dict[str, str], breakage: Callable[[dict[str, str]], str | list[str]]
) -> None:
    expected = breakage(tasks)
    assert check() == ([expected] if isinstance(expected, str) else expected)


def test_a_log_without_its_beginning_is_named(tasks: dict[str, str]) -> None:
    """No event that made a task what it is is ever pruned."""
    last = Task.objects.get(task_id=tasks["approved"]).sequence
    without = Task.objects.filter(sequence__lte=last)
    expected = {
        f"{task_id}: its sequence is {sequence}, which is no event of it."
        for task_id, sequence in without.values_list("task_id", "sequence")
    }
    TaskEvent.objects.filter(sequence__lte=last).delete()
    assert expected
    assert expected <= set(check())


@pytest.mark.django_db(transaction=True)
def test_it_reads_one_instant_and_leaves_no_transaction_open(tasks: dict[str, str]) -> None:
    assert check() == []
    assert not connection.in_atomic_block
    make_task()
    assert check() == []


def test_a_hold_on_a_task_that_has_ended(tasks: dict[str, str]) -> None:
    now = clock.now()
    for status in ("approved", "completed"):
        pk = pk_of(tasks[status])
        Lease.objects.create(
            task_id=pk, agent_id="alex", lease_id=status, claimed_at=now, expires_at=now
        )
    assert check() == [f"{tasks['completed']}: alex holds it, which has no work on it."]
