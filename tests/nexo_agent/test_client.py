"""The client against a server that is made up here: what it sends, and how it waits."""

import ast
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import httpx
import pytest

import nexo_agent
from nexo_agent import (
    Away,
    Held,
    LeaseLost,
    Moved,
    NexoAgent,
    Refused,
    TokenRefused,
    backoff,
    calls,
    client,
)
from nexo_agent.bell import Bell
from tests.servers import PROJECT

pytestmark = pytest.mark.unit
TASK = {
    "taskId": "task-1",
    "status": "in_progress",
    "title": "Foto",
    "taskType": "photo",
    "channel": "amazon",
    "targets": ["amazon", "shein"],
}
Answer = Callable[[httpx.Request], httpx.Response]


class Server:
    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: list[Answer] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)(request)
        body = json.loads(request.content or b"{}")
        status = body.get("status") if isinstance(body, dict) else None
        return httpx.Response(200, json={"task": {**TASK, "status": status}})

    @property
    def last(self) -> Any:
        return json.loads(self.requests[-1].content)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def agent(server: Server, waits: list[float]) -> NexoAgent:
    transport = httpx.MockTransport(server.handle)
    return NexoAgent("http://nexo.test/", "alex", "secret", sleep=waits.append, transport=transport)


@pytest.fixture
def held() -> Held:
    return Held(dict(TASK), "lease-1")


def gives(status: int, body: Any = None, **headers: str) -> Answer:
    return lambda request: httpx.Response(status, json=body or {}, headers=headers)


def away(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def test_a_claim_gives_tasks_with_their_leases(agent: NexoAgent, server: Server) -> None:
    task = {**TASK, "leaseId": "lease-7", "leaseExpiresAt": "2026-02-24T14:36:12Z"}
    server.answers = [gives(200, {"tasks": [task]})]
    (held,) = agent.claim(3, ["photo"])
    assert (held.lease_id, held.task) == ("lease-7", TASK)
    request = server.requests[0]
    assert request.url == "http://nexo.test/api/marketplace/orchestration/agents/alex/claim"
    assert request.headers["Authorization"] == "Token secret"
    assert server.last == {"limit": 3, "taskTypes": ["photo"]}


@pytest.mark.parametrize(
    ("report", "body"),
    [
        (lambda a, h: a.start(h), {"status": "in_progress"}),
        (lambda a, h: a.progress(h, 60), {"status": "in_progress", "progress": 60}),
        (lambda a, h: a.send(h), {"status": "marketplace_sync"}),
        (
            lambda a, h: a.synced(h, "shein"),
            {"status": "in_progress", "syncStatus": {"shein": True}},
        ),
        (lambda a, h: a.result(h, {"a": 1}), {"status": "in_progress", "result": {"a": 1}}),
        (lambda a, h: a.complete(h), {"status": "completed"}),
        (lambda a, h: a.complete(h, {"a": 1}), {"status": "completed", "result": {"a": 1}}),
        (
            lambda a, h: a.fail(h, "sem estoque"),
            {"status": "failed", "error": "sem estoque", "failureReason": "error"},
        ),
        (
            lambda a, h: a.fail(h, "x" * 9000, timeout=True),
            {"status": "failed", "error": "x" * 4000, "failureReason": "timeout"},
        ),
        (
            lambda a, h: a.fail(h, "a\0b \ud800"),
            {"status": "failed", "error": "a\ufffdb ?", "failureReason": "error"},
        ),
    ],
)
def test_reports_go_under_the_lease(
    agent: NexoAgent, server: Server, held: Held, report: Any, body: dict[str, Any]
) -> None:
    report(agent, held)
    assert server.last == {"taskId": "task-1", "leaseId": "lease-1", **body}
    assert held.status == body["status"]


def test_lines_are_cut_to_what_the_api_keeps(agent: NexoAgent, server: Server, held: Held) -> None:
    agent.log(held, "ok", "a\0b", "é" * 5000, "\ud800", level="warning")
    assert server.last["leaseId"] == "lease-1"
    ok, nul, long, lone = (line["message"] for line in server.last["logs"])
    assert (ok, nul, lone) == ("ok", "a\ufffdb", "?")
    kept, mark = long.split("…")
    assert mark == f" [cut: {10_000 - len(kept.encode())} bytes]"
    assert 8_100 < len(long.encode()) <= 8_192
    assert {line["level"] for line in server.last["logs"]} == {"warning"}
    agent.log(held, *["x"] * 1001)
    assert len(server.requests) == 4


def test_a_task_that_is_gone_is_a_lost_lease(agent: NexoAgent, server: Server, held: Held) -> None:
    gone = gives(404, {"code": "not_found", "error": "…"})
    for report in (lambda: agent.progress(held, 60), lambda: agent.log(held, "oi")):
        server.answers = [gone]
        with pytest.raises(LeaseLost):
            report()


def test_it_waits_for_a_server_that_is_away_and_does_nothing_twice(
    agent: NexoAgent, server: Server, held: Held, waits: list[float]
) -> None:
    in_flight = {"code": "idempotency_in_flight", "error": "…"}
    server.answers = [away, gives(503, **{"Retry-After": "4"}), gives(429), gives(409, in_flight)]
    agent.progress(held, 60)
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert len(keys) == 5
    assert len(set(keys)) == 1
    assert waits[1] >= 4
    agent.progress(held, 61)
    assert server.requests[-1].headers["Idempotency-Key"] != keys[0]


def test_a_heartbeat_is_asked_once_and_anew_each_time(
    agent: NexoAgent, server: Server, held: Held
) -> None:
    server.answers = [gives(200, {"leases": [{"leaseId": "lease-1"}]}), gives(503)]
    assert agent.heartbeat([held]) == {"lease-1"}
    assert server.last == {"leaseIds": ["lease-1"]}
    with pytest.raises(Away):
        agent.heartbeat()
    assert server.requests[-1].content == b""
    assert all("Idempotency-Key" not in request.headers for request in server.requests)


def test_patience_ends(server: Server, held: Held) -> None:
    transport = httpx.MockTransport(away)
    with (
        NexoAgent("http://nexo.test", "alex", "k", patience=0, transport=transport) as agent,
        pytest.raises(Away),
    ):
        agent.start(held)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "not_authenticated", TokenRefused),
        (403, "permission_denied", Refused),
        (409, "invalid_transition", Refused),
        (409, "lease_lost", LeaseLost),
        (400, "validation_error", Refused),
    ],
)
def test_refusals_have_a_kind(
    agent: NexoAgent,
    server: Server,
    held: Held,
    status: int,
    code: str,
    kind: type[Exception],
) -> None:
    server.answers = [gives(status, {"code": code, "error": "Não."})]
    with pytest.raises(kind):
        agent.start(held)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    ("location", "address"),
    [
        (
            "https://nexo.test/api/marketplace/orchestration/agents/alex/claim",
            "https://nexo.test",
        ),
        ("https://sign.in/?next=/x", "https://sign.in/?next=/x"),
    ],
)
def test_a_redirect_is_a_wrong_url_and_nothing_to_wait_for(
    agent: NexoAgent,
    server: Server,
    waits: list[float],
    status: int,
    location: str,
    address: str,
) -> None:
    server.answers = [gives(status, Location=location)]
    with pytest.raises(Moved, match=f"sends this call on to {re.escape(address)}: give that"):
        agent.claim()
    assert waits == []


LEASED = {**TASK, "leaseId": "lease-7"}
NO_CLAIMS = [
    *({}, {"tasks": 5}, {"tasks": [1]}, {"tasks": [{"leaseId": "1"}]}),
    *({"tasks": [{**LEASED, name: value}]} for name in ("taskId", "status") for value in (None, 1)),
]


@pytest.mark.parametrize("body", NO_CLAIMS, ids=str)
def test_a_claim_that_is_answered_with_something_else_is_tried_later(
    agent: NexoAgent, server: Server, body: Any
) -> None:
    server.answers = [gives(200, body)]
    with pytest.raises(Away):
        agent.claim()


@pytest.mark.parametrize("body", [{}, {"task": []}, {"task": {"status": "failed"}}], ids=str)
def test_a_report_that_is_answered_with_something_else_changes_nothing_here(
    agent: NexoAgent, server: Server, held: Held, body: Any
) -> None:
    server.answers = [gives(200, body)]
    with pytest.raises(Away):
        agent.start(held)
    assert held.task == TASK


@pytest.mark.parametrize("body", [{}, {"leases": {}}, {"leases": ["lease-1"]}], ids=str)
def test_a_heartbeat_that_is_answered_with_something_else_is_none(
    agent: NexoAgent, server: Server, body: Any
) -> None:
    server.answers = [gives(200, body)]
    with pytest.raises(Away):
        agent.heartbeat()


def nested(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"[" * 100_000)


def compressed(request: httpx.Request) -> httpx.Response:
    assert request.headers["Accept-Encoding"] == "identity"
    body = gzip.compress(b'{"tasks": []}')
    return httpx.Response(200, content=body, headers={"Content-Encoding": "gzip"})


def endless(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=repeat(b" " * 1024 * 1024))


@pytest.mark.parametrize("answer", [nested, compressed, endless])
def test_no_answer_takes_all_memory(
    server: Server, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_BYTES", 3 * 1024 * 1024)
    server.answers = [answer]
    transport = httpx.MockTransport(server.handle)
    with (
        NexoAgent("http://nexo.test", "alex", "k", patience=0, transport=transport) as agent,
        pytest.raises(Away),
    ):
        agent.claim()


def test_waits_grow_and_are_spread() -> None:
    for attempt in range(1, 40):
        grown = min(0.5 * 2 ** (attempt - 1), 15)
        tries = {backoff.seconds_before(attempt) for _ in range(20)}
        assert all(grown / 2 <= seconds <= grown for seconds in tries)
        assert len(tries) > 1
    assert backoff.seconds_before(1, 9.0) == 9.0


def test_without_a_socket_it_asks_more_and_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    bell = Bell("https://nexo.test", "alex", "k", use_socket=False)
    monkeypatch.setattr(bell._rung, "wait", asked.append)
    for _ in range(8):
        bell.wait()
    assert asked[0] <= 0.5
    assert 7.5 <= asked[-1] <= 15
    bell.found()
    bell.wait()
    assert asked[-1] <= 0.5


def test_it_knows_nothing_of_the_server() -> None:
    """Somebody copies the folder to where their agent lives."""
    folder = Path(nexo_agent.__file__).parent
    own = {"nexo_agent", "httpx", "websockets", *sys.stdlib_module_names}
    for module in folder.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert {name.partition(".")[0] for name in names} <= own, module
    code = (
        "import sys; sys.modules['websockets'] = None; import nexo_agent.__main__ as m;"
        "import nexo_agent.bell as b; assert not b.HAS_SOCKETS;"
        "assert not any(n.partition('.')[0] in ('django', 'execution') for n in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


def test_a_call_names_what_it_is_about() -> None:
    assert calls.tasks(agent="alex").query == {"agent": "alex"}
    assert calls.heartbeat("alex", None).body is None
