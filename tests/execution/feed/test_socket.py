"""The socket's life on the ASGI application, in one process with the database under test."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, transaction

from accounts import access
from accounts.access import Credential
from accounts.callers import Caller
from accounts.tokens import issue_token
from execution import queries, services
from execution.enums import TaskStatus
from execution.feed import doorbell, metrics, tailer
from execution.feed.callers import Crowd
from execution.feed.connection import Connection
from execution.feed.frames import MAX_BYTES_BEHIND
from execution.feed.hub import PING_AFTER_SECONDS
from execution.feed.runtime import Feed
from execution.models import Stream, TaskEvent
from execution.rows import TaskState
from tests.execution.feed.sockets import FEED, in_thread, opened
from tests.factories import OPERATOR, change, make_task

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def make_tasks(count: int, title: str = "T") -> None:
    new = services.NewTask(
        task_type="t", title=title, marketplace_id="amazon", estimated_minutes=1.0, agent_id="alex"
    )
    for start in range(0, count, 500):
        services.create_tasks([new] * min(500, count - start), caller=OPERATOR)


async def position() -> queries.Position:
    found: queries.Position = await in_thread(queries.stream_position)
    return found


async def test_hello_comes_first_and_tells_where_the_feed_stands(feed: Feed, token: str) -> None:
    await in_thread(make_task)
    async with opened(token) as socket:
        here = await position()
        assert await socket.next() == {
            "type": "hello",
            "epoch": here.epoch,
            "sequence": here.sequence,
            "summary": await in_thread(queries.feed_summary),
        }
        assert await socket.is_silent()


async def test_changes_follow_one_another(feed: Feed, token: str) -> None:
    async with opened(token) as socket:
        hello = await socket.next_of("hello")
        task = await in_thread(make_task)
        for status in (TaskStatus.IN_PROGRESS, TaskStatus.COMPLETED):
            task = await in_thread(change, task, status=status)
        frames = await socket.until(hello["sequence"] + 3)
        places = [hello["sequence"], *(frame["sequence"] for frame in frames)]
        assert [frame["previous"] for frame in frames] == places[:-1]
        events = [event for frame in frames for event in frame["events"]]
        numbers = [event["sequence"] for event in events]
        assert numbers == list(range(hello["sequence"] + 1, places[-1] + 1))
        assert [event["to"] for event in events] == ["pending", "in_progress", "completed"]
        assert frames[-1]["summary"]["all"]["completed"] == 1


async def test_what_is_taken_back_before_its_commit_is_never_told(feed: Feed, token: str) -> None:
    def change_and_take_back(task: TaskState) -> None:
        with transaction.atomic():
            change(task, status=TaskStatus.FAILED)
            transaction.set_rollback(True)

    task = await in_thread(make_task)
    async with opened(token) as socket:
        hello = await socket.next_of("hello")
        # The first change tells the feed the totals: from then on it takes what is handed over.
        await in_thread(make_task)
        await socket.next_of("changes")
        await in_thread(change_and_take_back, task)
        assert await socket.is_silent()
        # Under the number that the one taken back had.
        await in_thread(change, task, status=TaskStatus.IN_PROGRESS)
        (frame,) = await socket.until(hello["sequence"] + 2)
        assert [event["to"] for event in frame["events"]] == ["in_progress"]
        assert [told["status"] for told in frame["tasks"]] == ["in_progress"]
        assert frame["summary"] == await in_thread(queries.feed_summary)


@pytest.mark.parametrize("name_epoch", [False, True])
async def test_a_socket_resumes_where_another_broke(
    feed: Feed, token: str, name_epoch: bool
) -> None:
    before = await position()
    await in_thread(make_tasks, 3)
    query = f"since={before.sequence + 1}" + (f"&epoch={before.epoch}" if name_epoch else "")
    async with opened(token, query) as socket:
        hello = await socket.next_of("hello")
        frame = await socket.next_of("changes")
        assert hello["sequence"] == frame["sequence"] == before.sequence + 3
        assert frame["previous"] == before.sequence + 1
        assert len(frame["events"]) == len(frame["tasks"]) == 2
        await in_thread(make_task)
        assert (await socket.next_of("changes"))["previous"] == before.sequence + 3


async def test_resuming_at_the_newest_event_brings_nothing(feed: Feed, token: str) -> None:
    await in_thread(make_task)
    here = await position()
    async with opened(token, f"since={here.sequence}&epoch={here.epoch}") as socket:
        await socket.next_of("hello")
        assert await socket.is_silent()
        await in_thread(make_task)
        assert (await socket.next_of("changes"))["previous"] == here.sequence


@pytest.mark.parametrize(
    "query",
    [
        "since=2&epoch=another",
        "since=2&epoch=",
        "since=3000",
        "since=-1",
        "since=NaN",
        "since=",
        "since=1",  # 1,001 events back
    ],
)
async def test_from_an_unknown_place_a_socket_starts_anew(
    feed: Feed, token: str, query: str
) -> None:
    await in_thread(make_tasks, 1002)
    here = await position()
    assert here.sequence == 1002
    async with opened(token, query) as socket:
        await socket.next_of("hello")
        expected = {"type": "reset", "epoch": here.epoch, "sequence": here.sequence}
        assert await socket.next() == expected
        await in_thread(make_task)
        assert (await socket.next_of("changes"))["previous"] == here.sequence


async def test_a_thousand_events_back_is_not_too_far(feed: Feed, token: str) -> None:
    task = await in_thread(make_task)
    await in_thread(work_in_small_steps, task, 1000)
    async with opened(token, "since=1") as socket:
        await socket.next_of("hello")
        frames = await socket.until(1001)
        assert [len(frame["tasks"]) for frame in frames] == [1] * len(frames)
        follow_one_another(frames, since=1, until=1001)


def size(frame: dict[str, Any]) -> int:
    return len(json.dumps(frame, separators=(",", ":")))


def follow_one_another(frames: list[dict[str, Any]], *, since: int, until: int) -> None:
    places = [since, *(frame["sequence"] for frame in frames)]
    assert [frame["previous"] for frame in frames] == places[:-1]
    numbers = [event["sequence"] for frame in frames for event in frame["events"]]
    assert numbers == list(range(since + 1, until + 1))


def work_in_small_steps(task: TaskState, steps: int) -> None:
    task = change(task, status=TaskStatus.IN_PROGRESS)
    with transaction.atomic():
        for step in range(steps - 1):
            task = change(task, progress=51 + step % 2)


@pytest.mark.parametrize("is_followed", [False, True])
async def test_a_backlog_of_a_thousand_tasks_comes_in_parts(
    feed: Feed, token: str, is_followed: bool
) -> None:
    """Whether or not somebody followed the log while it grew; and what happens meanwhile, too."""
    async with AsyncExitStack() as others:
        if is_followed:
            other = await others.enter_async_context(opened(token))
            await other.next_of("hello")
        await in_thread(make_tasks, 1000, "x" * 200)
        async with opened(token, "since=0") as socket:
            await socket.next_of("hello")
            frames = await socket.until(250)
            await in_thread(make_tasks, 3)
            frames += await socket.until(1003)
            assert len({task["taskId"] for frame in frames for task in frame["tasks"]}) == 1003
            assert max(map(size, frames)) <= MAX_BYTES_BEHIND
            follow_one_another(frames, since=0, until=1003)


async def test_a_backlog_that_is_long_for_its_number_comes_in_smaller_parts(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execution.feed.frames.MAX_BYTES_BEHIND", 20_000)
    await in_thread(make_tasks, 100)
    async with opened(token, "since=0") as socket:
        await socket.next_of("hello")
        frames = await socket.until(100)
        assert max(map(size, frames)) <= 20_000
        follow_one_another(frames, since=0, until=100)


async def test_who_takes_nothing_is_not_sent_the_rest(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execution.consumers.STUCK_AFTER_SECONDS", 0.1)
    await in_thread(make_tasks, 600)
    read: list[int] = []
    read_between = tailer.read_between

    def noted(since: int, until: int) -> Any:
        read.append(since)
        monkeypatch.setattr(Connection, "is_busy", lambda _connection: True)
        return read_between(since, until)

    monkeypatch.setattr(tailer, "read_between", noted)
    async with opened(token, "since=0") as socket:
        await socket.next_of("hello")
        assert (await socket.next_of("changes"))["sequence"] == 250
        await asyncio.sleep(0.3)
        monkeypatch.undo()
        # What the hub has no memory of is a reset.
        assert (await socket.next_of("reset"))["sequence"] == 600
        assert read == [0]


async def test_pruned_events_are_a_reset(feed: Feed, token: str) -> None:
    await in_thread(make_tasks, 3)
    await in_thread(TaskEvent.objects.filter(sequence=2).delete)
    async with opened(token, "since=1") as socket:
        await socket.next_of("hello")
        await socket.next_of("reset")


async def test_what_happens_during_the_greeting_is_not_lost(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading where the log ends and being told so, and before that."""
    summarise = queries.feed_summary

    def slow_summary() -> dict[str, Any]:
        monkeypatch.setattr(queries, "feed_summary", summarise)
        make_task()
        return summarise()

    monkeypatch.setattr(queries, "feed_summary", slow_summary)
    async with opened(token) as socket:
        hello = await socket.next_of("hello")
        frame = await socket.next_of("changes")
        assert frame["previous"] == hello["sequence"]
        assert frame["sequence"] == hello["sequence"] + 1


async def test_silence_is_broken_by_a_ping(feed: Feed, token: str) -> None:
    async with opened(token) as socket:
        hello = await socket.next_of("hello")
        feed.hub.look_at(tuple(feed.hub.connections), feed.now() + PING_AFTER_SECONDS - 1)
        assert await socket.is_silent()
        feed.hub.look_at(tuple(feed.hub.connections), feed.now() + PING_AFTER_SECONDS)
        assert await socket.next() == {"type": "ping", "sequence": hello["sequence"]}


@pytest.mark.parametrize("rings", [False, True])
async def test_a_restored_database_makes_everybody_start_anew(
    feed: Feed, token: str, rings: bool
) -> None:
    await in_thread(make_tasks, 5)
    async with opened(token) as socket:
        await socket.next_of("hello")
        await in_thread(Stream.objects.update, epoch="restored", sequence=3)
        ringing = asyncio.create_task(ring_always(feed)) if rings else None
        assert await socket.next() == {"type": "reset", "epoch": "restored", "sequence": 3}
        if ringing:
            ringing.cancel()


async def ring_always(feed: Feed) -> None:
    while True:
        feed._ring()
        await asyncio.sleep(0.005)


async def test_what_another_process_wrote_is_seen_without_a_bell(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell, "ring", lambda: None)
    async with opened(token) as socket:
        await socket.next_of("hello")
        asked_at = feed.now()
        await in_thread(make_task)
        await socket.next_of("changes")
        assert feed.now() - asked_at < 1.0


async def test_the_lag_is_measured_from_the_bell(feed: Feed, token: str) -> None:
    metrics.LAG.set(-1)
    async with opened(token) as socket:
        await socket.next_of("hello")
        await in_thread(make_task)
        await socket.next_of("changes")
        await asyncio.sleep(0.05)
    assert 0 <= metrics.LAG._value.get() < 1


# -- A database that is away ----------------------------------------------------------------------


def away(*arguments: Any, **values: Any) -> Any:
    raise OperationalError("the database is away")


@pytest.mark.parametrize(
    ("module", "function"), [(access, "authorise"), (queries, "stream_position")]
)
async def test_without_a_database_a_socket_is_told_to_come_again(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch, module: Any, function: str
) -> None:
    monkeypatch.setattr(module, function, away)
    async with opened(token) as socket:
        assert await socket.closing() == 1013
    monkeypatch.undo()
    async with opened(token) as socket:
        await socket.next_of("hello")


@pytest.mark.parametrize("error", [OperationalError("away"), ValueError("not foreseen")])
async def test_the_feed_goes_on_after_an_error(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def broken(*arguments: Any, **values: Any) -> Any:
        loop.call_soon_threadsafe(failed.set)
        raise error

    monkeypatch.setattr("execution.feed.runtime.AFTER_ERROR_SECONDS", 0.05)
    async with opened(token) as socket:
        await socket.next_of("hello")
        monkeypatch.setattr(tailer, "read_after", broken)
        await in_thread(make_task)
        await failed.wait()
        monkeypatch.undo()
        await socket.next_of("changes")


async def test_sockets_stay_while_their_callers_cannot_be_checked(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr("execution.feed.callers.RECHECK_SECONDS", 0.02)
    monkeypatch.setattr("execution.feed.runtime.AFTER_ERROR_SECONDS", 0.02)
    async with opened(token) as socket:
        await socket.next_of("hello")
        monkeypatch.setattr(access, "current_callers", away)
        assert await socket.is_silent()
        assert caplog.messages
        # One that came while the others were being checked has its turn at the next check.
        monkeypatch.setattr(access, "current_callers", lambda credentials: {})
        await asyncio.sleep(0.1)
        caplog.clear()
        assert await socket.is_silent()
        assert not caplog.messages
        monkeypatch.setattr(access, "current_callers", dict.fromkeys)
        assert await socket.closing() == 4401


# -- Who may not -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code"), [(FEED, 4401), ("/ws/elsewhere/", 4404), ("/", 4404), (f"{FEED}x", 4404)]
)
async def test_who_gets_nothing_is_told_why(feed: Feed, path: str, code: int) -> None:
    async with opened(None, path=path, offers=["nexo.v1"]) as socket:
        assert await socket.closing() == code
    assert not feed.hub.connections


async def test_a_client_that_leaves_while_it_catches_up_is_no_error(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await position()
    await in_thread(make_task)

    def gone(*_arguments: object) -> None:
        raise RuntimeError("the handler is closed")

    monkeypatch.setattr(Connection, "write_text", gone)
    async with opened(token, f"since={before.sequence}&epoch={before.epoch}") as socket:
        await socket.next_of("hello")
    assert not feed.hub.connections


async def test_a_socket_that_left_is_forgotten(feed: Feed, token: str) -> None:
    sockets = metrics.SOCKETS._value.get()
    async with opened(token) as socket:
        await socket.next_of("hello")
        assert len(feed.hub.connections) == 1
        assert metrics.SOCKETS._value.get() == sockets + 1
    assert not feed.hub.connections
    assert metrics.SOCKETS._value.get() == sockets


async def test_whoever_has_as_many_sockets_as_one_may_is_refused_another(
    feed: Feed, token: str
) -> None:
    feed.crowd = Crowd(2)
    task = await in_thread(make_task)
    logs = f"/ws/marketplace/tasks/{task.row['task_id']}/logs/"
    other = await in_thread(other_token_of_ana)
    async with opened(token) as one:
        async with opened(token, path=logs) as two:
            assert (await one.first(), await two.first()) == ("hello", "logs")
            for path in (FEED, logs):
                async with opened(token, path=path) as refused:
                    assert await refused.first() == 1013
            async with opened(other) as program:
                assert await program.first() == "hello"
        async with opened(token) as next_one:
            assert await next_one.first() == "hello"


def other_token_of_ana() -> str:
    return issue_token(name="other", by="user:ana", user=User.objects.get(username="ana"))[1]


@pytest.mark.unit
def test_all_sessions_of_a_person_count_together_and_each_token_by_itself() -> None:
    ana, bia = Caller(actor="user:ana"), Caller(actor="user:bia")
    crowd = Crowd(2)
    first, second = Credential(session_key="1"), Credential(session_key="2")
    assert crowd.let_in(first, ana) and crowd.let_in(second, ana)
    assert not crowd.let_in(first, ana)
    assert crowd.let_in(first, bia)
    assert crowd.let_in(Credential(token_hash="t"), ana)
    crowd.let_out(second, ana)
    assert crowd.let_in(first, ana)
