"""What is read from the log, and when it cannot be followed."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from execution import queries, services
from execution.enums import MARKETPLACES, TaskStatus
from execution.feed import tailer
from execution.feed.frames import MAX_EVENTS_BEHIND, Batch
from execution.feed.tailer import BATCH_EVENTS, Restart, read_after, read_between
from execution.models import Stream, TaskEvent
from execution.queries import Position
from tests.factories import OPERATOR, change, make_agent, make_task, make_user, recounted

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TASKS = "/api/marketplace/orchestration/task-execution"


@pytest.fixture(autouse=True)
def _agent() -> None:
    make_agent("alex", "amazon", "shopee")


def here() -> Position:
    return queries.stream_position()


def read(position: Position, *, look: bool = True) -> Batch:
    news = read_after(position, look_at_epoch=look)
    assert isinstance(news, Batch)
    return news


def make_tasks(count: int) -> None:
    new = services.NewTask(
        task_type="t", title="T", marketplace_id="amazon", estimated_minutes=1.0, agent_id="alex"
    )
    services.create_tasks([new] * count, caller=OPERATOR)


@pytest.mark.parametrize("look", [True, False])
def test_where_nothing_happened_there_is_nothing(look: bool) -> None:
    make_task()
    assert read_after(here(), look_at_epoch=look) is None


def test_a_batch_has_every_event_and_each_task_once_as_it_now_is() -> None:
    before = here()
    first, second = make_task(), make_task(marketplace_id="shopee")
    change(first, status=TaskStatus.IN_PROGRESS)
    change(second, status=TaskStatus.FAILED, error="Sem estoque")
    batch = read(before)
    after = here()

    assert (batch.previous, batch.sequence) == (before.sequence, after.sequence)
    assert [event["sequence"] for event in batch.events] == list(
        range(before.sequence + 1, after.sequence + 1)
    )
    assert set(batch.tasks) == {first.row["task_id"], second.row["task_id"]}
    assert batch.summary == queries.feed_summary()

    client = APIClient()
    client.force_authenticate(make_user())
    for task_id, task in batch.tasks.items():
        shown = client.get(f"{TASKS}/{task_id}").json()["task"]
        assert {**task, "timeSpent": None} == {**shown, "timeSpent": None}


def test_an_event_is_the_documented_object() -> None:
    before = here()
    task = change(make_task(), status=TaskStatus.APPROVED)
    created, approved = read(before).events
    assert created == {
        "sequence": before.sequence + 1,
        "taskId": task.row["task_id"],
        "kind": "created",
        "from": None,
        "to": "pending",
        "progress": 0,
        "actor": "user:operator",
        "at": created["at"],
    }
    assert approved == {
        "sequence": before.sequence + 2,
        "taskId": task.row["task_id"],
        "kind": "approved",
        "from": "pending",
        "to": "approved",
        "progress": 25,
        "actor": "user:operator",
        "at": approved["at"],
    }
    assert created["at"].endswith("Z")


def test_the_summary_is_what_a_recount_of_the_rows_gives() -> None:
    before = here()
    for marketplace in ("amazon", "shopee", "amazon"):
        task = make_task(marketplace_id=marketplace)
    change(change(task, status=TaskStatus.IN_PROGRESS), status=TaskStatus.COMPLETED)
    summary = read(before).summary
    everything = queries.Task.objects.all()
    assert summary["all"] == recounted(everything)
    assert set(summary["byChannel"]) == set(MARKETPLACES)
    for slug, cards in summary["byChannel"].items():
        assert cards == recounted(everything.filter(marketplace_id=slug))


def test_much_is_read_in_batches_that_follow_one_another() -> None:
    position = here()
    make_tasks(BATCH_EVENTS + 1)
    first = read(position)
    second = read(Position(position.epoch, first.sequence))
    assert (len(first.events), len(second.events)) == (BATCH_EVENTS, 1)
    assert second.previous == first.sequence


@pytest.mark.parametrize(("behind", "restarts"), [(MAX_EVENTS_BEHIND, False), (1001, True)])
def test_who_is_too_far_behind_goes_on_from_the_end(behind: int, restarts: bool) -> None:
    position = here()
    make_tasks(behind)
    news = read_after(position, look_at_epoch=True)
    assert isinstance(news, Restart if restarts else Batch)
    if isinstance(news, Restart):
        assert news.position == here()


def test_a_gap_is_never_bridged() -> None:
    position = here()
    for _ in range(3):
        make_task()
    TaskEvent.objects.filter(sequence=position.sequence + 1).delete()
    assert read_after(position, look_at_epoch=False) == Restart(here())
    assert read_between(position.sequence, here().sequence) is None


def test_another_database_is_noticed() -> None:
    make_task()
    position = here()
    make_task()
    Stream.objects.update(epoch="another")
    assert read_after(position, look_at_epoch=True) == Restart(here())


def test_a_log_that_went_back_is_noticed() -> None:
    make_task()
    ahead = Position(here().epoch, here().sequence + 5)
    assert read_after(ahead, look_at_epoch=True) == Restart(here())


def test_between_two_events_there_is_exactly_what_lies_there() -> None:
    start = here().sequence
    for _ in range(5):
        make_task()
    batch: Any = read_between(start + 1, start + 4)
    assert (batch.previous, batch.sequence) == (start + 1, start + 4)
    assert [event["sequence"] - start for event in batch.events] == [2, 3, 4]


def test_the_end_of_the_log_must_be_there() -> None:
    start = here().sequence
    make_task()
    Stream.objects.update(sequence=start + 2)
    assert tailer.read_between(start, start + 2) is None


def test_any_number_of_changes_takes_the_same_few_queries(
    django_assert_num_queries: Any,
) -> None:
    for count in (1, 50):
        position = here()
        make_tasks(count)
        with django_assert_num_queries(4):
            read(position, look=False)
