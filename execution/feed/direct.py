"""Write a prepared frame straight to the server's transport, where the server is known.

Through the servers' own sending, one update to 500 sockets takes three times as long: each socket
encodes, frames and awaits for itself. What is touched here of their internals is a transport's
`write`, the size of its buffer and, under Twisted, its socket; with any other server `writer_for`
gives None and the hub sends the ordinary way. An uncompressed frame is legal even where
compression was agreed (RFC 7692, 6).
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

# For a client that takes nothing to take at least the end.
CLOSE_WITHIN_SECONDS = 5.0
# Linux only; None elsewhere.
TCP_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
UNACKNOWLEDGED_MS = 30_000


class Writer(Protocol):
    def write(self, frame: bytes) -> None: ...

    def buffered(self) -> int:
        """Bytes that the server still holds for this client."""


class AsyncioWriter:
    """uvicorn: an asyncio transport."""

    __slots__ = ("buffered", "write")

    def __init__(self, transport: Any) -> None:
        self.write: Callable[[bytes], None] = transport.write
        self.buffered: Callable[[], int] = transport.get_write_buffer_size
        _give_up_on_silence(transport.get_extra_info("socket"))


class TwistedWriter:
    """Daphne: a Twisted transport, which keeps what the socket does not take in two places.

    Its `write` leaves everything to the reactor's next turn, at three system calls for each
    socket; what can go at once goes here with one.
    """

    __slots__ = ("_send", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._send: Callable[[bytes], int] = transport.socket.send
        # Otherwise a frame waits until the client has acknowledged the one before.
        transport.setTcpNoDelay(True)
        _give_up_on_silence(transport.socket)

    def write(self, frame: bytes) -> None:
        transport = self._transport
        # This runs once for each of 2,000 sockets. What was sent, the transport lets go of.
        if not (transport.dataBuffer or transport._tempDataLen):
            try:
                sent = self._send(frame)
            except OSError:
                # Full, gone or closed; the transport knows which.
                sent = 0
            if sent == len(frame):
                return
            frame = frame[sent:]
        transport.write(frame)

    def buffered(self) -> int:
        transport = self._transport
        return len(transport.dataBuffer) - transport.offset + transport._tempDataLen


def writer_for(send: Callable[..., Any]) -> Writer | None:
    """The writer behind an ASGI `send`; None when the server is not known."""
    if isinstance(send, partial) and send.args:
        transport = getattr(send.args[0], "transport", None)
        return TwistedWriter(transport) if _is_plain_twisted(transport) else None
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    return AsyncioWriter(transport) if _has(transport, ("write", "get_write_buffer_size")) else None


async def close(send: Callable[..., Any], code: int) -> None:
    """Close with any code; autobahn, under Daphne, lets applications use only some."""
    if isinstance(send, partial) and send.args and not (code == 1000 or 3000 <= code <= 4999):
        send.args[0].sendCloseFrame(code=code)
        return
    try:
        async with asyncio.timeout(CLOSE_WITHIN_SECONDS):
            await send({"type": "websocket.close", "code": code})
    except TimeoutError:
        # uvicorn waits until there is room; autobahn cuts the connection off by itself.
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()


def _give_up_on_silence(connection: Any) -> None:
    """Let the system end a connection whose other end is gone without a word.

    Every socket is written to at least every 20 s, and left alone that takes the system a quarter
    of an hour to notice. It costs less than pings, which the client would have to answer.
    """
    if TCP_USER_TIMEOUT is not None and connection is not None:
        with suppress(OSError):  # it need not be TCP
            connection.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


def _is_plain_twisted(transport: Any) -> bool:
    """Twisted's own TCP, known by its module; what wraps it, as TLS does, passes its names on."""
    names = ("write", "setTcpNoDelay", "socket", "dataBuffer")
    is_tcp = type(transport).__module__ == "twisted.internet.tcp" and not transport.TLS
    return is_tcp and _has(transport, (*names, "offset", "_tempDataLen"))


def _has(transport: Any, names: tuple[str, ...]) -> bool:
    return transport is not None and all(hasattr(transport, name) for name in names)
