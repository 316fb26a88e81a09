"""The live feed as clients of both servers see it: CONTRACT 6, row by row."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import websockets
from django.conf import settings
from websockets.asyncio.client import ClientConnection

from tests.execution.feed.clients import (
    Api,
    api_of,
    closing,
    connecting,
    heard,
    heard_of,
    heard_until,
    without_clock,
)
from tests.execution.feed.people import People, make_people, shell
from tests.servers import (
    BOTH_SERVERS,
    RunningServer,
    running_server,
    server_environment,
)

pytestmark = pytest.mark.integration
NO_CLOSE_WITHIN_SECONDS = 0.3
LEAVERS = ("logged_out", "deactivated", "demoted", "new_password", "revoked_soon")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return server_environment(tmp_path_factory.mktemp("feed"), LOG_LEVEL="INFO")


@pytest.fixture(scope="module")
def people(environment: dict[str, str]) -> People:
    leavers = {f"{name}_{server}": "qa" for name in LEAVERS for server in BOTH_SERVERS}
    return make_people(environment, helena="head", ana=None, **leavers)


@pytest.fixture(scope="module", params=BOTH_SERVERS)
def server(
    request: pytest.FixtureRequest,
    environment: dict[str, str],
    people: People,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningServer]:
    log = tmp_path_factory.mktemp(request.param) / "server.log"
    with running_server(request.param, environment, log) as started:
        yield started


@pytest.fixture
async def api(server: RunningServer, people: People) -> AsyncIterator[Api]:
    async with api_of(server, people.tokens["helena"]) as made:
        yield made


@pytest.fixture
async def watcher(server: RunningServer, people: People) -> AsyncIterator[ClientConnection]:
    """A browser's socket, greeted."""
    cookie = f"sessionid={people.sessions['ana']}"
    async with connecting(server, cookie=cookie, origin=server.url) as socket:
        await heard_of(socket, "hello")
        yield socket


# -- Opening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/ws/marketplace/tasks/execution", "/ws/marketplace/tasks/execution/"]
)
async def test_a_browser_is_greeted(server: RunningServer, people: People, path: str) -> None:
    cookie = f"nexo_language=en; sessionid={people.sessions['ana']}"
    async with connecting(server, path=path, cookie=cookie, origin=server.url) as socket:
        hello = await heard(socket)
        assert set(hello) == {"type", "epoch", "sequence", "summary"}
        assert hello["type"] == "hello"
        assert socket.subprotocol is None


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        ([], "token.{key}"),
        (["nexo.v1"], "nexo.v1"),
        (["chat"], "token.{key}"),
        (["chat", "nexo.v1"], "nexo.v1"),
    ],
)
@pytest.mark.parametrize("origin", [None, "https://elsewhere.example"])
async def test_a_program_is_answered_with_what_it_offered(
    server: RunningServer, people: People, offers: list[str], answer: str, origin: str | None
) -> None:
    key = people.tokens["ana"]
    async with connecting(server, token=key, offers=offers, origin=origin) as socket:
        await heard_of(socket, "hello")
        assert socket.subprotocol == answer.format(key=key)


def foreign_origins(server: RunningServer) -> list[str | None]:
    return [
        None,
        "null",
        "https://elsewhere.example",
        f"https://127.0.0.1:{server.port}",
        f"http://127.0.0.1:{server.port + 1}",
        "http://127.0.0.1",
        f"http://127.0.0.1.elsewhere.example:{server.port}",
        f"http://127.0.0.1:{server.port}/",
        f"http://[::1]:{server.port + 1}",
    ]


async def test_a_cookie_from_elsewhere_is_refused_in_the_handshake(
    server: RunningServer, people: People
) -> None:
    cookie = f"sessionid={people.sessions['ana']}"
    for origin in foreign_origins(server):
        # A valid token beside the cookie does not help.
        for token in (None, people.tokens["ana"]):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await connecting(server, cookie=cookie, origin=origin, token=token)
            assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, 4401),
        ({"query": "token={ana}"}, 4401),
        ({"query": "token={ana}&since=0"}, 4401),
        ({"offers": ["nexo.v1"]}, 4401),
        ({"offers": ["{ana}"]}, 4401),
        ({"token": "not-a-key"}, 4401),
        ({"token": "{ana}x"}, 4401),
        ({"token": "{expired}"}, 4401),
        ({"token": "{revoked}"}, 4401),
        ({"token": "{revoked}", "offers": ["nexo.v1"]}, 4401),
        ({"cookie": "sessionid=forged", "origin": "here"}, 4401),
        ({"cookie": "sessionid=forged", "origin": "here", "token": "{ana}"}, 4401),
        ({"cookie": "sessionid=", "origin": "here"}, 4401),
        ({"cookie": "nexo_language=en", "origin": "https://elsewhere.example"}, 4401),
        ({"token": "{agent}"}, 4403),
        ({"token": "{agent}", "offers": ["nexo.v1"]}, 4403),
        ({"path": "/ws/elsewhere/"}, 4404),
        ({"path": "/ws/marketplace/tasks/execution/x", "token": "{ana}"}, 4404),
        ({"path": "/", "offers": ["nexo.v1"]}, 4404),
        ({"path": "/%00%ff%2e%2e/", "token": "{ana}"}, 4404),
    ],
)
async def test_who_gets_nothing_is_told_why(
    server: RunningServer, people: People, options: dict[str, Any], code: int
) -> None:
    filled = {
        key: [item.format(**people.tokens) for item in value]
        if isinstance(value, list)
        else value.format(**people.tokens)
        for key, value in options.items()
    }
    if filled.get("origin") == "here":
        filled["origin"] = server.url
    async with connecting(server, **filled) as socket:
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)
        assert socket.close_code == code


# -- Changes ---------------------------------------------------------------------------------------


async def test_hello_and_snapshot_tell_the_same(
    server: RunningServer, people: People, api: Api
) -> None:
    await api.create(channel="shopee")
    snapshot = await api.snapshot()
    async with connecting(server, token=people.tokens["ana"]) as socket:
        hello = await heard_of(socket, "hello")
    assert (hello["epoch"], hello["sequence"]) == (snapshot["epoch"], snapshot["sequence"])
    assert hello["summary"]["all"] == snapshot["summary"]
    channels = ["amazon", "mercadolivre", "shopee", "shein", "tiktokshop", "kaway"]
    assert list(hello["summary"]["byChannel"]) == channels
    for channel in channels:
        shown = (await api.snapshot(channel=channel))["summary"]
        assert hello["summary"]["byChannel"][channel] == shown


async def test_a_change_arrives_as_get_gives_it(
    server: RunningServer, watcher: ClientConnection, api: Api
) -> None:
    start = (await api.snapshot(limit=1))["sequence"]
    task = await api.create(targets=["amazon", "shopee"])
    await api.change(task["taskId"], "in_progress", progress=60)
    await api.change(task["taskId"], "failed", error="Sem estoque", reason="de propósito")
    frames = await heard_until(watcher, start + 3)

    assert set(frames[0]) == {"type", "previous", "sequence", "tasks", "events", "summary"}
    assert [frame["previous"] for frame in frames] == [
        start,
        *(frame["sequence"] for frame in frames[:-1]),
    ]
    events = [event for frame in frames for event in frame["events"]]
    assert [event["sequence"] for event in events] == [start + 1, start + 2, start + 3]
    keys = ["sequence", "taskId", "kind", "from", "to", "progress", "actor", "at"]
    assert all(list(event) == keys for event in events)
    assert {(event["taskId"], event["actor"]) for event in events} == {
        (task["taskId"], "user:helena")
    }
    assert [(event["from"], event["to"], event["progress"]) for event in events] == [
        (None, "pending", 0),
        ("pending", "in_progress", 60),
        ("in_progress", "failed", 0),
    ]
    (shown,) = frames[-1]["tasks"]
    assert without_clock(shown) == without_clock(await api.task(task["taskId"]))
    assert frames[-1]["summary"]["all"] == (await api.snapshot(limit=1))["summary"]


async def test_a_burst_comes_in_few_frames(watcher: ClientConnection, api: Api) -> None:
    start = (await api.snapshot(limit=1))["sequence"]
    await api.create_many(200)
    frames = await heard_until(watcher, start + 200)
    assert len(frames) < 10
    assert sum(len(frame["events"]) for frame in frames) == 200


@pytest.mark.parametrize("name_epoch", [False, True])
async def test_a_client_resumes(
    server: RunningServer, people: People, api: Api, name_epoch: bool
) -> None:
    snapshot = await api.snapshot(limit=1)
    await api.create_many(3)
    query = f"since={snapshot['sequence']}"
    query += f"&epoch={snapshot['epoch']}" if name_epoch else ""
    async with connecting(server, token=people.tokens["ana"], query=query) as socket:
        await heard_of(socket, "hello")
        (frame,) = await heard_until(socket, snapshot["sequence"] + 3)
        assert frame["previous"] == snapshot["sequence"]
        assert len(frame["events"]) == len(frame["tasks"]) == 3


@pytest.mark.parametrize(
    "query", ["since=0&epoch=another", "since=999999999", "since=-1", "since=%00", "since=1e3"]
)
async def test_from_an_unknown_place_a_client_starts_anew(
    server: RunningServer, people: People, api: Api, query: str
) -> None:
    snapshot = await api.snapshot(limit=1)
    async with connecting(server, token=people.tokens["ana"], query=query) as socket:
        await heard_of(socket, "hello")
        assert await heard(socket) == {
            "type": "reset",
            "epoch": snapshot["epoch"],
            "sequence": snapshot["sequence"],
        }
        await api.create()
        assert (await heard_of(socket, "changes"))["previous"] == snapshot["sequence"]


# -- What clients say ------------------------------------------------------------------------------

GARBAGE: list[str | bytes] = [
    "",
    "pong",
    '{"type":"ping"}',
    '{"type":"pong","n":NaN}',
    '{"type":"pong","more":1}',
    "[" * 50_000,
    "x" * 1_000_000,
    b'{"type":"pong"}',
    b"",
    bytes(1_000_000),
    "\x00",
    "\U0001f41f",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_answered_and_the_third_time_too_much(
    watcher: ClientConnection, api: Api, garbage: str | bytes
) -> None:
    for _ in range(2):
        await watcher.send(garbage)
        assert await heard(watcher) == {"type": "error"}
    await watcher.send('{"type":"pong"}')
    await api.create()
    await heard_of(watcher, "changes")
    await watcher.send(garbage)
    assert await closing(watcher) == 1008


async def test_more_than_twenty_messages_a_second_are_too_much(
    watcher: ClientConnection,
) -> None:
    for _ in range(20):
        await watcher.send('{"type":"pong"}')
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watcher.recv(), NO_CLOSE_WITHIN_SECONDS)
    await watcher.send('{"type":"pong"}')
    assert await closing(watcher) == 1008


async def test_a_pong_is_heard_in_silence(watcher: ClientConnection, api: Api) -> None:
    await watcher.send('{"type":"pong"}')
    await api.create()
    await heard_of(watcher, "changes")


# -- Ending ----------------------------------------------------------------------------------------


async def test_who_may_no_longer_is_closed_within_ten_seconds(
    server: RunningServer, environment: dict[str, str], people: People
) -> None:
    def name(leaver: str) -> str:
        return f"{leaver}_{server.name}"

    async with AsyncExitStack() as stack:

        async def enter(**options: Any) -> ClientConnection:
            socket = await stack.enter_async_context(connecting(server, **options))
            await heard_of(socket, "hello")
            return socket

        def session(leaver: str) -> dict[str, str]:
            return {
                "cookie": f"sessionid={people.sessions[name(leaver)]}",
                "origin": server.url,
            }

        leaving = {
            "logged out": await enter(**session("logged_out")),
            "deactivated": await enter(**session("deactivated")),
            "deactivated, by token": await enter(token=people.tokens[name("deactivated")]),
            "without the role": await enter(**session("demoted")),
            "without the role, by token": await enter(token=people.tokens[name("demoted")]),
            "with a new password": await enter(**session("new_password")),
            "revoked": await enter(token=people.tokens[name("revoked_soon")]),
        }
        staying = [
            await enter(token=people.tokens["ana"]),
            await enter(token=people.tokens[name("logged_out")]),
            await enter(**session("revoked_soon")),
        ]
        code = f"""
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from accounts.models import ApiToken
from accounts.roles import Role
from accounts.services import set_role
from accounts.tokens import revoke_token
Session.objects.filter(pk={people.sessions[name("logged_out")]!r}).delete()
User.objects.filter(username={name("deactivated")!r}).update(is_active=False)
set_role(User.objects.get(username={name("demoted")!r}), Role.USER)
person = User.objects.get(username={name("new_password")!r})
person.set_password("another")
person.save()
revoke_token(ApiToken.objects.get(name={name("revoked_soon")!r}), by="user:test")
"""
        await asyncio.to_thread(shell, environment, code)
        ended_at = time.monotonic()
        codes = await asyncio.gather(*(closing(socket) for socket in leaving.values()))
        assert dict(zip(leaving, codes, strict=True)) == dict.fromkeys(leaving, 4401)
        assert time.monotonic() - ended_at < 10
        for socket in staying:
            assert socket.close_code is None
            await socket.send('{"type":"pong"}')
            await asyncio.wait_for(await socket.ping(), 5)


# -- What sockets cost -----------------------------------------------------------------------------


def database_connections(server: RunningServer) -> int:
    """How many the server process holds."""
    url = server.environment.get("DATABASE_URL")
    if url:
        beside = settings.DATABASES["default"]
        with psycopg.connect(
            host=beside["HOST"], user=beside["USER"], dbname="postgres", autocommit=True
        ) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s",
                [url.rpartition("/")[2]],
            ).fetchone()
            assert row is not None
            return int(row[0])
    files = Path(f"/proc/{server.process.pid}/fd")
    return sum(
        os.path.realpath(file).endswith("nexo.sqlite3") for file in files.iterdir() if file.exists()
    )


async def test_idle_sockets_hold_no_connection_to_the_database(
    server: RunningServer, people: People
) -> None:
    async with AsyncExitStack() as stack:

        async def enter(count: int) -> None:
            for _ in range(count):
                socket = await stack.enter_async_context(
                    connecting(server, token=people.tokens["ana"])
                )
                await heard_of(socket, "hello")

        await enter(5)
        few = database_connections(server)
        await enter(45)
        # Its threads have one each, and a thread more may have been needed meanwhile.
        assert 0 < database_connections(server) < few + 45 // 2


def test_nothing_went_wrong_meanwhile(server: RunningServer) -> None:
    """Last of all: whatever clients did, the server met no error of its own."""
    for line in server.log().splitlines():
        assert json.loads(line)["level"] not in {"error", "critical"}, line
        assert "Traceback" not in line
