"""Writing past the servers' own sending, under both of them and under one that is not known."""

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import httpx
import pytest
import websockets

from execution.feed import direct
from tests.execution.feed.clients import closing
from tests.execution.feed.servers import FakeServer
from tests.servers import BOTH_SERVERS, RunningServer, running, server_command

APPLICATION = "tests.execution.feed.writer_app:application"
WRITERS = {"daphne": "TwistedWriter", "uvicorn": "AsyncioWriter"}
FLOOD_BYTES = 1024 * 1024


@pytest.fixture(scope="module", params=BOTH_SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    command = partial(server_command, request.param, application=APPLICATION)
    log = tmp_path_factory.mktemp("direct") / "server.log"
    with running(command, dict(os.environ), log) as started:
        yield started


@pytest.mark.integration
@pytest.mark.parametrize("code", [1000, 1008, 1013, 4401, 4429])
async def test_direct_and_ordinary_sending_keep_their_order(
    server: RunningServer, code: int
) -> None:
    async with websockets.connect(f"{server.socket_url}/talk?code={code}") as client:
        heard = [await asyncio.wait_for(client.recv(), 5) for _ in range(7)]
        writer = WRITERS[server.name]
        assert heard[:6] == [
            f"{number} {'ordinary' if number % 2 else writer}" for number in range(6)
        ]
        assert heard[6] == "x" * 100_000
        await client.send("read it all")
        assert await closing(client) == code
    # Nothing is left that the client has not taken.
    assert httpx.get(server.url).json()["buffered"] == 0


@pytest.mark.integration
def test_a_client_that_does_not_take_its_close_is_cut_off(server: RunningServer) -> None:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    client.sendall(
        b"GET /flood HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    deadline = time.monotonic() + 5
    while not (state := httpx.get(server.url).json()).get("gone"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # What the server held is what the kernel did not take.
    assert FLOOD_BYTES <= state["buffered"] < state["written"]
    received = 0
    with client, suppress(ConnectionResetError):
        while chunk := client.recv(1024 * 1024):
            received += len(chunk)
    assert received < state["written"]


@pytest.mark.unit
@pytest.mark.parametrize(
    "send",
    [
        lambda message: None,
        partial(print),
        partial(print, object()),
        FakeServer().received,
    ],
)
def test_an_unknown_server_has_no_writer(send: Any) -> None:
    if getattr(send, "__self__", None) is not None:
        send.__self__.transport = object()
    assert direct.writer_for(send) is None


@pytest.mark.unit
async def test_closing_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "CLOSE_WITHIN_SECONDS", 0.01)
    server = FakeServer()
    monkeypatch.setattr(FakeServer, "send", lambda self, message: asyncio.Event().wait())
    await direct.close(server.send, 4429)
    assert server.transport.aborted


@pytest.mark.unit
@pytest.mark.skipif(direct.TCP_USER_TIMEOUT is None, reason="only Linux gives such up by itself")
async def test_who_acknowledges_nothing_is_given_up_by_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(direct, "UNACKNOWLEDGED_MS", 300)
    lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    class Serving(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            direct.AsyncioWriter(transport).write(b"x" * 16 * FLOOD_BYTES)

        def connection_lost(self, error: Exception | None) -> None:
            lost.set_result(error)

    serving = await asyncio.get_running_loop().create_server(Serving, "127.0.0.1", 0)
    with socket.create_connection(serving.sockets[0].getsockname()):
        assert isinstance(await asyncio.wait_for(lost, 10), TimeoutError)
    serving.close()
