"""Daphne's server as NEXO runs it: what has ended is forgotten, and nothing else is touched."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import daphne.server
import pytest

from nexo import daphne_server

pytestmark = pytest.mark.unit


class Later:
    """In the reactor's place."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, Any]] = []

    def callLater(self, seconds: float, what: Any) -> None:  # Twisted's name
        self.asked.append((seconds, what))


class Protocol:
    """A connection; how often it was asked whether its time is up, and what it was told."""

    def __init__(self) -> None:
        self.asked = 0
        self.failures: list[BaseException] = []

    def check_timeouts(self) -> None:
        self.asked += 1

    def handle_exception(self, exception: BaseException) -> None:
        self.failures.append(exception)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    later = Later()
    monkeypatch.setattr(daphne.server, "reactor", later)
    monkeypatch.setattr(daphne_server, "reactor", later)
    return later


def server_of(application: Callable[[], Awaitable[None]]) -> daphne_server.Server:
    async def served(scope: Any, receive: Any, send: Any) -> None:
        await application()

    server = daphne_server.Server(served, endpoints=["tcp:0"])
    server.connections = {}
    return server


def connected(server: daphne_server.Server) -> Protocol:
    protocol = Protocol()
    server.protocol_connected(protocol)
    assert server.create_application(protocol, {"type": "websocket"}) is not None
    return protocol


async def test_who_has_left_is_forgotten_once_their_application_has_ended(later: Later) -> None:
    may_end = asyncio.Event()

    async def application() -> None:
        await may_end.wait()

    server = server_of(application)
    left, stays = connected(server), connected(server)
    server.protocol_disconnected(left)
    for _ in range(2):
        server.application_checker()
        assert set(server.connections) == {left, stays}
    may_end.set()
    await asyncio.sleep(0.01)
    server.application_checker()
    assert set(server.connections) == {stays}
    assert "application_instance" not in server.connections[stays]
    server.protocol_disconnected(stays)
    server.application_checker()
    assert server.connections == {}
    assert [seconds for seconds, _ in later.asked] == [1] * 4


async def test_an_application_that_fails_is_told_of(later: Later, caplog: Any) -> None:
    async def application() -> None:
        raise LookupError("nothing there")

    server = server_of(application)
    protocol = connected(server)
    await asyncio.sleep(0.01)
    server.application_checker()
    assert "nothing there" in caplog.text
    assert [type(failure) for failure in protocol.failures] == [LookupError]


async def test_an_application_that_does_not_end_is_ended(
    later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = server_of(asyncio.Event().wait)
    protocol = connected(server)
    server.protocol_disconnected(protocol)
    server.connections[protocol]["disconnected"] -= server.application_close_timeout + 1
    server.application_checker()
    await asyncio.sleep(0.01)
    server.application_checker()
    assert server.connections == {}


async def test_everybody_is_asked_now_and_then_whether_their_time_is_up(later: Later) -> None:
    server = server_of(asyncio.Event().wait)
    protocols = [connected(server) for _ in range(3)]
    server.timeout_checker()
    assert [protocol.asked for protocol in protocols] == [1, 1, 1]
    assert later.asked == [(daphne_server.TIMEOUTS_EVERY_SECONDS, server.timeout_checker)]
    for protocol in protocols:
        server.connections[protocol]["application_instance"].cancel()
