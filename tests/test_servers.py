"""The two servers as they are started in life: ready, measured, and gone within five seconds."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.typing import Subprotocol

from tests.servers import (
    BOTH_SERVERS,
    RunningServer,
    ServerName,
    manage,
    running_server,
    server_environment,
)

pytestmark = [pytest.mark.integration, pytest.mark.one_database]
FEED = "/ws/marketplace/tasks/execution/"
API = "/api/marketplace/orchestration/task-execution"
METRICS_TOKEN = "a-token-of-the-operators"
EXIT_WITHIN_SECONDS = 5.0
PASSWORD = "uma-senha-de-teste"
SIGN_IN = f"""
from django.contrib.auth.models import User
from django.test import Client
User.objects.create_superuser("ana", password="{PASSWORD}")
client = Client()
client.force_login(User.objects.get(username="ana"))
print(client.cookies["sessionid"].value)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A migrated database of its own."""
    return server_environment(
        tmp_path_factory.mktemp("data"), METRICS_TOKEN=METRICS_TOKEN, LOG_LEVEL="INFO"
    )


@pytest.fixture(scope="module")
def session(environment: dict[str, str]) -> str:
    """The session cookie of somebody signed in."""
    return manage(environment, "shell", "--verbosity", "0", "-c", SIGN_IN).strip()


@pytest.fixture(params=BOTH_SERVERS)
def server(
    request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path
) -> Iterator[RunningServer]:
    with running_server(request.param, environment, tmp_path / "server.log") as running:
        yield running


def test_the_probes_answer_by_any_name(server: RunningServer) -> None:
    for path in ("/healthz", "/readyz"):
        answer = httpx.get(server.url + path, headers={"Host": "some.pod:1234"})
        assert answer.status_code == 200


def test_the_request_id_of_an_error_is_found_in_the_log(server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}{API}?q=%0A%7B%22level%22%3A1")
    assert answer.status_code == 401
    lines = [json.loads(line) for line in server.log().splitlines()]
    (line,) = [line for line in lines if line.get("requestId") == answer.headers["X-Request-ID"]]
    assert (line["message"], line["status"]) == (f"GET {API}", 401)


@pytest.mark.parametrize(
    ("path", "kind", "answered"),
    [
        (API, "application/json", "application/json"),
        ("/accounts/login/", "application/x-www-form-urlencoded", "text/html; charset=utf-8"),
    ],
)
def test_too_long_a_body_is_refused_as_anything_else_is(
    server: RunningServer, path: str, kind: str, answered: str
) -> None:
    usual = httpx.get(f"{server.url}/api/nothing").headers
    request_id = f"of-a-body-{kind.rpartition('/')[2][:4]}"
    headers = {"Content-Type": kind, "Accept-Language": "pt-BR", "X-Request-ID": request_id}
    answer = httpx.post(server.url + path, content=b" " * (6 * 1024 * 1024), headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, answered)
    assert "grande demais" in answer.text
    assert answer.headers["X-Request-ID"] == request_id
    assert answer.headers["Cache-Control"] == "no-store"
    for name in ("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options"):
        assert answer.headers[name] == usual[name]
    lines = [json.loads(line) for line in server.log().splitlines()]
    (line,) = [line for line in lines if line.get("requestId") == request_id]
    assert (line["message"], line["status"]) == (f"POST {path}", 413)


def test_every_line_of_the_log_is_json(server: RunningServer) -> None:
    httpx.get(f"{server.url}/%0A%1B[2J%E2%80%A8", headers={"X-Request-ID": "x\ty" * 3})
    for line in server.log().splitlines():
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("name", BOTH_SERVERS)
async def test_no_level_of_the_log_tells_tokens_or_cookies(
    name: ServerName, environment: dict[str, str], session: str, tmp_path: Path
) -> None:
    key = "nexo_1_the-key-of-somebody"
    debugging = {**environment, "LOG_LEVEL": "DEBUG"}
    with running_server(name, debugging, tmp_path / "server.log") as server:
        headers = {"Cookie": f"sessionid={session}"}
        async with websockets.connect(
            server.socket_url + FEED,
            origin=server.url,
            additional_headers=headers,
            subprotocols=[Subprotocol("nexo.v1"), Subprotocol(f"token.{key}")],
        ) as socket:
            await socket.recv()
        headers["Authorization"] = f"Token {key}"
        async with httpx.AsyncClient(headers=headers) as client:
            await client.get(f"{server.url}{API}?token={key}")
        log = server.log()
    assert f"GET {API}" in log
    for secret in (key, session):
        assert secret not in log


def test_a_charset_that_is_none_breaks_nothing(server: RunningServer) -> None:
    headers = {"Content-Type": "application/json; charset=hex"}
    assert httpx.get(f"{server.url}{API}?q=%C3%A9", headers=headers).status_code == 401


def test_metrics_tell_of_requests_tasks_and_sockets(server: RunningServer) -> None:
    httpx.get(server.url + API)
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    text = httpx.get(f"{server.url}/metrics", headers=headers).text
    assert 'method="GET",status="401",view="task-execution"' in text
    assert 'nexo_tasks{marketplace="amazon",status="pending"} 0.0' in text
    assert "nexo_feed_sockets 0.0" in text


async def test_sigterm_ends_the_server_in_time_with_sockets_open(
    server: RunningServer, session: str
) -> None:
    headers = {"Cookie": f"sessionid={session}"}
    sockets = [
        await websockets.connect(
            server.socket_url + FEED, origin=server.url, additional_headers=headers
        )
        for _ in range(20)
    ]
    for socket in sockets:
        assert json.loads(await socket.recv())["type"] == "hello"

    asked_at = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(server.process.wait, EXIT_WITHIN_SECONDS)
    assert time.monotonic() - asked_at < EXIT_WITHIN_SECONDS
    await asyncio.gather(*(socket.wait_closed() for socket in sockets))
