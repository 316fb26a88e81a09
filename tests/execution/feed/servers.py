"""Stands in for a server's socket: what the hub touches of one, and no more."""

from collections.abc import MutableMapping
from typing import Any

import orjson
from websockets.frames import Frame
from websockets.protocol import CLIENT, Protocol

from accounts.access import Credential
from accounts.callers import Caller
from execution.feed.connection import Connection, Send


class FakeTransport:
    """Takes everything at once, until it is told to hold what it is given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.held = 0
        self.holds = False
        self.aborted = False

    def write(self, frame: bytes) -> None:
        self.written.append(frame)
        if self.holds:
            self.held += len(frame)

    def get_write_buffer_size(self) -> int:
        return self.held

    def get_extra_info(self, name: str) -> None:
        """There is no socket behind it."""

    def abort(self) -> None:
        self.aborted = True


class FakeServer:
    """A connection's far end, with a transport as uvicorn has one."""

    def __init__(self) -> None:
        self.transport = FakeTransport()
        self.sent: list[MutableMapping[str, Any]] = []

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)

    def received(self) -> list[dict[str, Any]]:
        """The messages that were written straight to the transport, as the client reads them."""
        client = Protocol(CLIENT)
        for frame in self.transport.written:
            client.receive_data(frame)
        return [orjson.loads(frame.data) for frame in client.events_received() if is_frame(frame)]


def is_frame(event: object) -> bool:
    return isinstance(event, Frame)


def connect(send: Send) -> Connection:
    return Connection(
        send,
        Credential(token_hash="t"),
        Caller(actor="user:ana"),
        interrupt=lambda: None,
    )
