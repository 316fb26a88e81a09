"""The worker against a server that is made up here: what it reports, and when it gives up."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from nexo_agent import Held, Moved, NexoAgent
from nexo_agent.bell import Bell
from nexo_agent.handlers import Failed, Handler, Job, command_handler
from nexo_agent.worker import LEASE_SECONDS, Options, Worker, _Running

pytestmark = pytest.mark.unit
TASK = {"status": "approved", "title": "Foto", "taskType": "photo", "channel": "amazon"}


class Server:
    """Gives the tasks it has, as many as are asked for, and keeps what is reported of them."""

    def __init__(self, *task_ids: str) -> None:
        self.waiting = list(task_ids)
        self.reports: list[dict[str, Any]] = []
        self.heartbeat: Callable[[], list[str]] = list
        self.log: Callable[[], None] = lambda: None
        self.takes_seconds = 0.0

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if request.url.path.endswith("/claim"):
            given, self.waiting = self.waiting[: body["limit"]], self.waiting[body["limit"] :]
            tasks = [
                {**TASK, "taskId": one, "leaseId": f"lease-{one}", "leaseExpiresAt": ""}
                for one in given
            ]
            return httpx.Response(200, json={"tasks": tasks})
        if request.url.path.endswith("/heartbeat"):
            return httpx.Response(200, json={"leases": [{"leaseId": i} for i in self.heartbeat()]})
        if request.url.path.endswith("/logs"):
            self.log()
            return httpx.Response(200, json={})
        time.sleep(self.takes_seconds)
        self.reports.append(body)
        task = {**TASK, "taskId": body["taskId"], "status": body["status"]}
        return httpx.Response(200, json={"task": task})

    @property
    def last(self) -> tuple[str, str | None]:
        return self.reports[-1]["status"], self.reports[-1].get("error")


def worker_of(server: Server, handler: Handler, **options: Any) -> Worker:
    transport = httpx.MockTransport(server.handle)
    client = NexoAgent("http://nexo.test", "alex", "secret", patience=0, transport=transport)
    bell = Bell("http://nexo.test", "alex", "secret", use_socket=False)
    return Worker(client, bell, handler, Options(language="en", **options))


def raises(error: Exception) -> Handler:
    def handle(job: Job) -> None:
        raise error

    return handle


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (lambda job: {"at": datetime(2026, 1, 1, tzinfo=UTC)}, "The result cannot be sent as JSON"),
        (lambda job: {"score": float("nan")}, "The result cannot be sent as JSON"),
        (raises(RuntimeError("a\0b")), "The agent failed: RuntimeError: a\ufffdb"),
        # A key that no words are for.
        (raises(Failed("boom")), "The agent failed: KeyError"),
    ],
)
def test_a_failure_is_reported_whatever_its_words_hold(handler: Handler, error: str) -> None:
    server = Server("task-1")
    worker_of(server, handler, limit=1).run()
    status, words = server.last
    assert status == "failed"
    assert words is not None
    assert words.startswith(error)
    assert len(server.reports) == 2  # it began, and it failed


@pytest.mark.parametrize(("seconds", "goes_on"), [(-1, True), (1, False)])
def test_work_stops_once_nobody_has_confirmed_its_lease_for_its_length(
    seconds: float, goes_on: bool
) -> None:
    """The server is away: by then it may have given the task to another worker."""
    worker = worker_of(Server(), lambda job: None)
    running = _Running(Job(Held({**TASK, "taskId": "task-1"}, "lease-1"), print, None), 0.0, 100.0)
    worker._check(running, 100.0 + LEASE_SECONDS + seconds)
    assert running.job.must_stop is not goes_on
    assert running.is_lost is not goes_on


def test_a_task_that_ended_while_its_lease_was_renewed_is_not_lost() -> None:
    worker = worker_of(Server(), lambda job: None)
    running = _Running(Job(Held({**TASK, "taskId": "task-1"}, "lease-1"), print, None), 0.0, 0.0)
    # Its thread is done with it, so that the server had nothing to renew.
    assert worker._renew([running])
    assert not running.is_lost
    worker._running["task-1"] = running
    assert worker._renew([running])
    assert running.is_lost


@pytest.mark.parametrize(("tasks", "free", "is_full"), [(2, 2, True), (1, 2, False), (0, 2, False)])
def test_it_asks_again_at_once_only_where_it_was_given_all_it_asked_for(
    tasks: int, free: int, is_full: bool
) -> None:
    worker = worker_of(Server(*(f"task-{number}" for number in range(tasks))), lambda job: None)
    assert worker._take(free) is is_full
    worker._wait_for_all(10)


def test_a_command_that_ignores_sigterm_is_killed_and_reported_before_the_worker_ends() -> None:
    server = Server("task-1")
    server.takes_seconds = 0.3
    command = ["sh", "-c", 'trap "" TERM; echo deaf by now; sleep 30']
    worker = worker_of(server, command_handler(command), grace=0.1)
    server.log = worker.stop
    worker.run()
    assert server.last == ("failed", "The agent was stopped before it finished the task.")


def test_a_server_that_sends_it_elsewhere_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    headers = {"Location": "https://nexo.test/api/marketplace/orchestration/agents/alex/claim"}
    monkeypatch.setattr(server, "handle", lambda request: httpx.Response(301, headers=headers))
    with pytest.raises(Moved, match=r"https://nexo\.test: give that"):
        worker_of(server, lambda job: None).run()
