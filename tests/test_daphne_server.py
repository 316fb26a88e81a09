"""Daphne's server as NEXO runs it: what has ended is forgotten, and nothing else is touched; of a
body no more is kept than is read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import daphne.server
import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web import http

from nexo import daphne_server
from nexo.shared import bodies

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


# -- Bodies ----------------------------------------------------------------------------------------


class Uploads:
    """Daphne's server without a network; `bodies` are the bytes that its application was given."""

    def __init__(self) -> None:
        self.bodies: list[int] = []
        self._server = daphne_server.Server(self._application, endpoints=["tcp:0"])
        self._server.connections = {}
        self._factory = daphne_server.HTTPFactory(self._server)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        length, more = 0, True
        while more:
            message = await receive()
            length += len(message["body"])
            more = message["more_body"]
        self.bodies.append(length)

    async def send(self, length: int, content_type: bytes) -> StringTransport:
        connection = self._factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 9))
        transport = StringTransport()
        connection.makeConnection(transport)
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
        connection.dataReceived(head % (content_type, length))
        part = b"a=b&" * 16384
        for _ in range(length // len(part)):
            connection.dataReceived(part)
            if transport.disconnecting or transport.disconnected:
                break
        await asyncio.sleep(0.01)
        connection.connectionLost(Failure(ConnectionDone()))
        return transport


PART = 4 * 16384
FORMS = [b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=a", b"text/csv"]


@pytest.mark.parametrize("content_type", FORMS)
async def test_forms_are_handed_on_unread(
    content_type: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def must_not_be_read(*_arguments: Any) -> None:
        raise AssertionError("on the event loop")

    for reader in ("parse_qs", "_getMultiPartArgs"):
        monkeypatch.setattr(http, reader, must_not_be_read)
    uploads = Uploads()
    await uploads.send(4 * PART, content_type)
    assert uploads.bodies == [4 * PART]


async def test_of_a_long_body_no_more_is_kept_than_shows_that_it_is_too_long() -> None:
    uploads = Uploads()
    await uploads.send(bodies.LARGEST_BYTES // PART * PART, b"text/csv")
    await uploads.send(3 * bodies.LARGEST_BYTES // PART * PART, b"text/csv")
    assert uploads.bodies == [bodies.LARGEST_BYTES, bodies.LARGEST_BYTES + 1]


async def test_who_sends_without_end_is_cut_off() -> None:
    uploads = Uploads()
    transport = await uploads.send(bodies.DROPPED_BYTES * 2 // PART * PART, b"text/csv")
    assert transport.disconnected
    assert uploads.bodies == []
