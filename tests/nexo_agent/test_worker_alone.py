"""The worker against a server that is made up here: what it reports, and when it gives up."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from nexo_agent import NexoAgent
from nexo_agent.bell import Bell
from nexo_agent.handlers import Failed, Handler, Job
from nexo_agent.worker import Options, Worker

pytestmark = pytest.mark.unit
TASK = {"status": "approved", "title": "Foto", "taskType": "photo", "channel": "amazon"}


class Server:
    """Gives the tasks it has, as many as are asked for, and keeps what is reported of them."""

    def __init__(self, *task_ids: str) -> None:
        self.waiting = list(task_ids)
        self.reports: list[dict[str, Any]] = []
        self.heartbeat: Callable[[], list[str]] = list

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
        (raises(RuntimeError("a\0b \ud800")), "The agent failed: RuntimeError: a\ufffdb ?"),
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
