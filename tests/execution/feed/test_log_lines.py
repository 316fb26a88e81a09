"""A task's log, streamed: from where a client stopped, without a gap, without doubles."""

from typing import Any

import pytest

from accounts import tokens
from accounts.callers import caller_for_agent
from execution import task_logs
from execution.enums import LogLevel, TaskStatus
from execution.feed import callers, doorbell, log_lines
from execution.feed.hub import PING_AFTER_SECONDS
from execution.feed.runtime import Feed
from execution.rows import TaskState
from execution.task_logs import LogLine
from nexo.shared.instants import to_rfc3339
from tests.execution.feed.sockets import Socket, in_thread, opened
from tests.factories import hold, make_task_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
ALEX = caller_for_agent("alex")


def working() -> TaskState:
    state = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
    hold(state)
    return state


def write(state: TaskState, *messages: str) -> list[Any]:
    lines = [LogLine(LogLevel.INFO, message) for message in messages]
    return task_logs.append_logs(state.row["task_id"], lines, caller=ALEX)


def path_of(state: TaskState) -> str:
    return f"/ws/marketplace/tasks/{state.row['task_id']}/logs/"


async def messages_until(socket: Socket, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        frame = await socket.next_of("logs")
        found += [line["message"] for line in frame["logs"]]
    return found


async def test_the_backlog_and_then_each_line(feed: Feed, token: str) -> None:
    state = await in_thread(working)
    (first,) = await in_thread(write, state, "abri o anúncio")
    async with opened(token, path=path_of(state)) as socket:
        line = {
            "id": first.pk,
            "level": "info",
            "message": "abri o anúncio",
            "at": to_rfc3339(first.at),
        }
        assert await socket.next() == {"type": "logs", "logs": [line], "cursor": first.pk}
        asked_at = feed.now()
        (second,) = await in_thread(write, state, "troquei o título")
        frame = await socket.next_of("logs")
        assert feed.now() - asked_at < 0.45  # by the doorbell, before anybody looks
        assert [line["id"] for line in frame["logs"]] == [second.pk] == [frame["cursor"]]
        await in_thread(write, await in_thread(working), "de outra tarefa")
        assert await socket.is_silent()
    assert not feed.log_lines.connections
    assert not feed.log_lines._task_of


async def test_it_resumes_after_a_line_and_takes_a_long_backlog_in_pieces(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "LINES_AT_ONCE", 3)
    state = await in_thread(working)
    lines = await in_thread(write, state, *"abcdefghij")
    async with opened(token, f"after={lines[1].pk}", path=path_of(state)) as socket:
        assert await messages_until(socket, 8) == list("cdefghij")
        assert await socket.is_silent()
    async with opened(token, f"after={lines[-1].pk}", path=path_of(state)) as socket:
        assert await socket.next() == {"type": "logs", "logs": [], "cursor": lines[-1].pk}


async def test_a_long_backlog_does_not_wait_between_its_pieces(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "LINES_AT_ONCE", 1)
    state = await in_thread(working)
    letters = "abcdefghijklmnopqrst"
    await in_thread(write, state, *letters)
    async with opened(token, path=path_of(state)) as socket:
        asked_at = feed.now()
        assert await messages_until(socket, len(letters)) == list(letters)
        # A look every half second would take nine.
        assert feed.now() - asked_at < 5


async def test_what_is_written_while_it_greets_is_not_lost(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await in_thread(working)
    read = log_lines.read_lines

    def slow_read(task_pk: int, after: int) -> Any:
        found = read(task_pk, after)
        monkeypatch.setattr(log_lines, "read_lines", read)
        write(state, "gerade jetzt")
        return found

    monkeypatch.setattr(log_lines, "read_lines", slow_read)
    async with opened(token, path=path_of(state)) as socket:
        assert await messages_until(socket, 1) == ["gerade jetzt"]
        assert await socket.is_silent()


async def test_what_another_process_wrote_is_found_by_looking(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await in_thread(working)
    async with opened(token, path=path_of(state)) as one:
        await one.next_of("logs")
        monkeypatch.setattr(doorbell, "ring_for_logs", lambda task_pk: None)
        await in_thread(write, state, "leise")
        assert await messages_until(one, 1) == ["leise"]
        assert await one.is_silent()


async def test_silence_is_pinged_and_rights_end(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "RECHECK_SECONDS", 0.05)
    state = await in_thread(working)
    (line,) = await in_thread(write, state, "a")
    async with opened(token, path=path_of(state)) as socket:
        await socket.next_of("logs")
        feed.log_lines.sweep(feed.now() + PING_AFTER_SECONDS)
        assert await socket.next() == {"type": "ping", "cursor": line.pk}
        (row,) = await in_thread(lambda: list(tokens.ApiToken.objects.filter(name="test")))
        await in_thread(tokens.revoke_token, row, by="user:ana")
        assert await socket.closing() == 4401


async def test_who_may_not_watch_is_told_why(feed: Feed, token: str) -> None:
    state = await in_thread(working)
    path = path_of(state)
    agent = (await in_thread(tokens.issue_token, name="alex", by="user:ana", agent_id="alex"))[1]
    for key, where, query, code in (
        (None, path, "", 4401),
        (agent, path, "", 4403),
        (agent, "/ws/marketplace/tasks/task-x/logs/", "", 4403),
        (token, "/ws/marketplace/tasks/task-x/logs/", "", 4404),
        (token, f"/ws/marketplace/tasks/{'x' * 65}/logs/", "", 4404),
        (token, path, "after=-1", 1008),
        (token, path, "after=", 1008),
        (token, path, "after=1e3", 1008),
        (token, path, "after=" + "9" * 19, 1008),
    ):
        async with opened(key, query, path=where, offers=["nexo.v1"]) as socket:
            assert await socket.closing() == code
    assert not feed.log_lines.connections
