"""What another process tells with its ring, on the feed of this one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from execution import queries
from execution.enums import TaskStatus
from execution.feed import doorbell, handover, relay, tailer
from execution.feed.handover import Handed
from execution.feed.runtime import Feed
from execution.queries import Position
from execution.rows import TaskState
from tests.execution.feed.clients import without_clock
from tests.execution.feed.sockets import Socket, in_thread, opened
from tests.factories import change, make_task

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


class Elsewhere:
    """Another process: this one hears of nothing that it commits until it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    async def writes(
        self, function: Callable[..., TaskState], *arguments: Any, **values: Any
    ) -> tuple[TaskState, list[bytes]]:
        """What was written, and what the others are told of it."""
        committed: list[Handed] = []
        with self._patch.context() as patch:
            patch.setattr(doorbell, "ring", lambda: None)
            patch.setattr(handover, "announce", lambda handed: None)
            patch.setattr(handover, "put", committed.append)
            written = await in_thread(function, *arguments, **values)
        return written, [handed.told for handed in committed]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    return Elsewhere(monkeypatch)


@pytest.fixture
def no_log(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on the log cannot be read."""

    def forbid(*arguments: Any, **values: Any) -> None:
        return None

    return lambda: monkeypatch.setattr(tailer, "read_after", forbid)


async def shown_one(socket: Socket) -> TaskState:
    """A task that the page has seen; from its event on the feed knows the totals."""
    await socket.next_of("hello")
    task: TaskState = await in_thread(make_task)
    await socket.until(task.row["sequence"])
    return task


async def test_what_is_told_is_shown_without_reading_the_log(
    feed: Feed, token: str, elsewhere: Elsewhere, no_log: Callable[[], None]
) -> None:
    async with opened(token) as socket:
        task = await shown_one(socket)
        no_log()
        task, told = await elsewhere.writes(change, task, status=TaskStatus.IN_PROGRESS)
        feed._rung_elsewhere(told)
        task, told_next = await elsewhere.writes(change, task, status=TaskStatus.COMPLETED)
        feed._rung_elsewhere(told_next)
        frames = await socket.until(task.row["sequence"])
        newest = frames[-1]
        assert newest["tasks"][0]["status"] == "completed"
        assert newest["summary"] == await in_thread(queries.feed_summary)
        # Twice is once.
        feed._rung_elsewhere(told)
        assert await socket.is_silent()


async def test_it_is_what_the_log_would_have_said(
    feed: Feed, token: str, elsewhere: Elsewhere
) -> None:
    async with opened(token) as socket:
        task = await shown_one(socket)
        before = await in_thread(queries.stream_position)
        task, told = await elsewhere.writes(change, task, status=TaskStatus.FAILED, error="Não")
        read = await in_thread(tailer.read_after, before, look_at_epoch=False)
        feed._rung_elsewhere(told)
        (frame,) = await socket.until(task.row["sequence"])
        assert (frame["previous"], frame["sequence"]) == (read.previous, read.sequence)
        assert frame["events"] == read.events
        assert list(map(without_clock, frame["tasks"])) == list(
            map(without_clock, read.tasks.values())
        )
        assert frame["summary"] == read.summary


def with_a_gap(place: Position, told: bytes) -> bytes:
    """As if another change had come before it."""
    there, batch = relay.unpacked(told)
    events = [{**event, "sequence": event["sequence"] + 1} for event in batch.events]
    later = replace(batch, previous=batch.previous + 1, sequence=batch.sequence + 1, events=events)
    return relay.packed(Position(there.epoch, place.sequence + 1), later)


def of_another_database(place: Position, told: bytes) -> bytes:
    _, batch = relay.unpacked(told)
    lie = {task_id: {**task, "title": "De outra loja"} for task_id, task in batch.tasks.items()}
    return relay.packed(Position("another", place.sequence), replace(batch, tasks=lie))


@pytest.mark.parametrize("made", [with_a_gap, of_another_database, lambda place, told: b"?"])
async def test_what_does_not_follow_is_read_from_the_log(
    feed: Feed, token: str, elsewhere: Elsewhere, made: Callable[[Position, bytes], bytes]
) -> None:
    async with opened(token) as socket:
        task = await shown_one(socket)
        place = await in_thread(queries.stream_position)
        task, told = await elsewhere.writes(change, task, status=TaskStatus.IN_PROGRESS)
        feed._rung_elsewhere([made(place, one) for one in told])
        (frame,) = await socket.until(task.row["sequence"])
        assert frame["tasks"][0]["title"] == task.row["title"]
        assert frame["sequence"] == task.row["sequence"]
        assert await socket.is_silent()


@pytest.mark.parametrize("changes", [None, [], 7, "ring", [b"", 7, None]])
async def test_a_bare_ring_has_the_log_read(
    feed: Feed, token: str, elsewhere: Elsewhere, changes: Any
) -> None:
    async with opened(token) as socket:
        task = await shown_one(socket)
        task, _ = await elsewhere.writes(change, task, status=TaskStatus.IN_PROGRESS)
        asked_at = feed.now()
        feed._rung_elsewhere(changes)
        await socket.until(task.row["sequence"])
        assert feed.now() - asked_at < 0.45  # before anybody looks for himself


async def test_another_database_on_the_same_redis_takes_no_room(
    feed: Feed, token: str, elsewhere: Elsewhere, no_log: Callable[[], None]
) -> None:
    async with opened(token) as socket:
        task = await shown_one(socket)
        no_log()
        place = await in_thread(queries.stream_position)
        task, told = await elsewhere.writes(change, task, status=TaskStatus.IN_PROGRESS)
        _, batch = relay.unpacked(told[0])
        for ahead in range(1, handover.MOST_KEPT + 1):
            far = Position("another", place.sequence + ahead)
            events = [{**batch.events[0], "sequence": far.sequence + 1}]
            theirs = replace(batch, previous=far.sequence, sequence=far.sequence + 1, events=events)
            feed._rung_elsewhere([relay.packed(far, theirs)])
        feed._rung_elsewhere(told)
        await socket.until(task.row["sequence"])
