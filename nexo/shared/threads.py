"""Django's WSGI handler in a few persistent threads of an ASGI process.

Django's own ASGI handler pays a fresh thread context per request, two hops per middleware and a
database connection each time; measured in one run it answered the list a fifth as often. Here the
whole body is read on the event loop first, then one thread works through the request, then one hop
brings the answer back. Threads live as long as the process and keep their database connections.
"""

import asyncio
import functools
import io
import logging
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import IO, Any
from urllib.parse import quote

from nexo.shared import bodies
from nexo.shared.crew import Crew

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Headers = list[tuple[bytes, bytes]]

MEMORY_BYTES = 1024 * 1024  # a longer body goes to a temporary file
CHUNK_BYTES = 64 * 1024
WATCH_AFTER_SECONDS = 0.2  # most requests have been answered by then
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # they only read
STEP_SECONDS = 0.1  # no thread waits longer without looking up


class _Refused(Exception):
    """The body cannot be taken: answered with a status, or not at all when the client left."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


class _ClientLeft(Exception):
    """Nobody is there to read what the thread would send."""


class _TooSlow(Exception):
    """A stream has held its thread for as long as one may."""


class ThreadedWSGI:
    """An ASGI application around a WSGI one; answers the scopes `http` and `lifespan`."""

    def __init__(
        self,
        application: WsgiApplication,
        *,
        threads: int = 8,
        largest_body: int = bodies.LARGEST_BYTES,
        body_seconds: float = 30.0,
        part_seconds: float = 30.0,
        stream_seconds: float = 300.0,
    ) -> None:
        """`body_seconds` for a whole body to arrive, `part_seconds` for 64 KB to be taken,
        `stream_seconds` for all of an answer that comes in parts: 35 MB at 1 Mbit/s."""
        self._application = application
        self._largest_body = largest_body
        self._body_seconds = body_seconds
        self._part_seconds = part_seconds
        self._stream_seconds = stream_seconds
        self._crew: Crew[_Exchange] = Crew(threads, self._work, name="http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        try:
            body, length = await self._read_body(scope, receive)
        except _Refused as refused:
            if refused.status is not None:
                await _refuse(build_environ(scope, io.BytesIO(), 0), send, refused.status)
            return
        environ = build_environ(scope, body, length)
        loop = asyncio.get_running_loop()
        exchange = _Exchange(environ, loop, self._part_seconds, self._stream_seconds)
        self._crew.give(exchange, may_wait=scope["method"] not in SAFE_METHODS)
        try:
            await exchange.answer(receive, send)
        finally:
            exchange.left = True

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                self._crew.dismiss()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _read_body(self, scope: Scope, receive: Receive) -> tuple[IO[bytes], int]:
        """The whole body and its length, before any thread is taken.

        Raises
        ------
        _Refused: 413 over the limit, 408 when it takes too long, no status when the client left
        """
        announced = _announced_length(scope["headers"])
        if announced == 0:
            return io.BytesIO(), 0
        # A server ends a body where it was announced to end; one without a length may be long.
        is_short = announced is not None and announced <= MEMORY_BYTES
        body: IO[bytes] = (
            io.BytesIO() if is_short else tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  # returned
        )
        try:
            async with asyncio.timeout(self._body_seconds):
                length = await self._receive_into(body, receive)
        except TimeoutError as error:
            body.close()
            raise _Refused(408) from error
        except BaseException:
            body.close()
            raise
        body.seek(0)
        return body, length

    async def _receive_into(self, body: IO[bytes], receive: Receive) -> int:
        length = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Refused(None)
            chunk = message.get("body", b"")
            length += len(chunk)
            if length <= self._largest_body:
                body.write(chunk)
            if not message.get("more_body") or length > bodies.DROPPED_BYTES:
                break
        if length > self._largest_body:
            raise _Refused(413)
        return length

    def _work(self, exchange: "_Exchange") -> None:
        with exchange.body:
            if not exchange.left:
                exchange.run(self._application)


class _Exchange:
    """One request on its way through a thread and its answer on the way back."""

    def __init__(
        self,
        environ: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        part_seconds: float,
        stream_seconds: float,
    ) -> None:
        self._environ = environ
        self._loop = loop
        self._part_seconds = part_seconds
        self._over_at = time.monotonic() + stream_seconds
        self._news = asyncio.Event()  # the thread has given something
        self._parts: list[tuple[bytes, bool]] = []  # (bytes, more to come)
        self._head: tuple[int, Headers] | None = None
        self._started = False
        self._broken = False
        # The client has been sent the last part; made by an answer that comes in several.
        self._taken: threading.Event | None = None
        self.left = False  # nobody waits for the answer any more

    @property
    def body(self) -> IO[bytes]:
        body: IO[bytes] = self._environ["wsgi.input"]
        return body

    # -- in the thread -----------------------------------------------------------------------------

    def run(self, application: WsgiApplication) -> None:
        try:
            self._run(application)
        except _ClientLeft:
            logger.info("client left: %s", self._environ["PATH_INFO"])
        except _TooSlow:
            logger.info("client takes too long: %s", self._environ["PATH_INFO"])
            self._give(self._break_off)
        except BaseException:
            # SystemExit too: it would end this thread, which nobody replaces.
            # The context that knew the request's id is gone.
            fields = {"requestId": self._environ.get("HTTP_X_REQUEST_ID", "")}
            path = self._environ["PATH_INFO"]
            logger.exception("unhandled error: %s", path, extra={"fields": fields})
            self._give(self._break_off)

    def _run(self, application: WsgiApplication) -> None:
        head: list[tuple[int, Headers]] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[..., None]:
            head[:] = [(int(status.split(" ", 1)[0]), _encoded(headers))]
            return lambda data: None

        result = application(self._environ, start_response)
        try:
            if self._environ["REQUEST_METHOD"] == "HEAD":
                answer = b""
            elif _is_streamed(result):
                self._stream(result, head)
                return
            else:
                answer = b"".join(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        self._give(self._accept, head[0], answer, False)

    def _stream(self, result: Iterable[bytes], head: list[tuple[int, Headers]]) -> None:
        """Send parts of about 64 KB, each after the one before was taken."""
        self._taken = threading.Event()
        kept: list[bytes] = []
        size = 0
        for chunk in result:
            kept.append(chunk)
            size += len(chunk)
            if size >= CHUNK_BYTES:
                self._offer(head[0], b"".join(kept), more=True)
                kept, size = [], 0
            self._look_up()
        self._offer(head[0], b"".join(kept), more=False)

    def _offer(self, head: tuple[int, Headers], part: bytes, *, more: bool) -> None:
        assert self._taken is not None  # made where the stream begins
        self._taken.clear()
        self._give(self._accept, head, part, more)
        while not self._taken.wait(STEP_SECONDS):
            self._look_up()

    def _look_up(self) -> None:
        if self.left or self._loop.is_closed():
            raise _ClientLeft
        if time.monotonic() > self._over_at:
            raise _TooSlow

    def _give(self, callback: Callable[..., None], *values: Any) -> None:
        # The loop is closed once the server has stopped; then nobody waits for this.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *values)

    # -- on the loop -------------------------------------------------------------------------------

    def _accept(self, head: tuple[int, Headers], part: bytes, more: bool) -> None:
        self._head = head
        self._parts.append((part, more))
        self._news.set()

    def _break_off(self) -> None:
        self._broken = True
        self._news.set()

    async def answer(self, receive: Receive, send: Send) -> None:
        """Send what the thread gives until it is all there, it breaks off or the client leaves."""
        watcher: list[asyncio.Task[None]] = []
        delayed = self._loop.call_later(
            WATCH_AFTER_SECONDS, lambda: watcher.append(asyncio.create_task(self._watch(receive)))
        )
        try:
            while not self.left:
                await self._news.wait()
                self._news.clear()
                if self._broken:
                    await self._fail(send)
                    return
                async with asyncio.timeout(self._part_seconds):
                    whole = await self._send_parts(send)
                if self._taken is not None:
                    self._taken.set()
                if whole:
                    return
        except TimeoutError:
            logger.info("client takes nothing: %s", self._environ["PATH_INFO"])
            await _abort(send)
        finally:
            delayed.cancel()
            for task in watcher:
                task.cancel()

    async def _send_parts(self, send: Send) -> bool:
        """Send what has been given so far; whether the last part was among it."""
        if has_left(send):
            self.left = True
            return False
        for part, more in self._parts:
            if not self._started and self._head is not None:
                status, headers = self._head
                self._started = True
                await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": part, "more_body": more})
            if not more:
                return True
            await _drained(send)
        self._parts.clear()
        return False

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left = True
        self._news.set()

    async def _fail(self, send: Send) -> None:
        if self._started:
            # Closed in the middle, so that nobody takes the answer for a whole one.
            await _abort(send)
        else:
            await _refuse(self._environ, send, 500)


# -- WSGI ----------------------------------------------------------------------------------------


def build_environ(scope: Scope, body: IO[bytes], length: int) -> dict[str, Any]:
    """The WSGI environment of an ASGI request; `length` is what arrived, not what was announced."""
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    path = scope["path"].encode("utf-8", "surrogateescape").decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", "").encode().decode("latin-1"),
        "PATH_INFO": path,
        "RAW_URI": (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or ""),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        # X_Spoof would become HTTP_X_SPOOF, which is what X-Spoof becomes.
        if b"_" in raw_name or raw_name in _NOT_PASSED:
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        if key in environ:
            separator = "; " if name == "COOKIE" else ","
            value = f"{environ[key]}{separator}{value}"
        environ[key] = value
    if length or b"content-length" in {name for name, _value in scope["headers"]}:
        environ["CONTENT_LENGTH"] = str(length)
    return environ


_NOT_PASSED = frozenset({b"content-length", b"transfer-encoding"})


def _announced_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Bytes of the body to come; 0 when there is none, None when nobody says how many."""
    length: int | None = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = int(value) if value.isdigit() else None
    return length


def _is_streamed(result: Iterable[bytes]) -> bool:
    """Django says so itself; of others only lists are known to be whole."""
    streaming = getattr(result, "streaming", None)
    return not isinstance(result, list | tuple) if streaming is None else bool(streaming)


# -- Servers -------------------------------------------------------------------------------------


async def _refuse(environ: dict[str, Any], send: Send, status: int) -> None:
    from nexo.shared.refusals import refuse  # needs Django's settings

    # None of the crew's: a page's first rendering takes as long as to load all templates.
    response = await asyncio.to_thread(refuse, environ, status)
    if has_left(send):
        return
    headers = _encoded(response.items())
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})


def _encoded(headers: Iterable[tuple[str, str]]) -> Headers:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _daphne_protocol(send: Send) -> Any:
    """Daphne's protocol object behind its `send`; None under another server."""
    if isinstance(send, functools.partial) and send.args and hasattr(send.args[0], "channel"):
        return send.args[0]
    return None


async def _abort(send: Send) -> None:
    """Close the connection at once, dropping what the server still holds for the client."""
    protocol = _daphne_protocol(send)
    if protocol is not None:
        if protocol.channel is not None:
            protocol.channel.forceAbortClient()
        return
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        # Every server closes the connection when its application fails in mid-answer.
        raise RuntimeError("the answer broke off after it had begun")
    # With a reset: HTTP/1.0 takes an orderly end for the end of the answer.
    transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0)  # where uvicorn notices


def has_left(send: Send) -> bool:
    """Whether uvicorn's client has closed the connection.

    Of several requests that were sent ahead, uvicorn tells only the last of it; what another one
    then sends is an error that it logs.
    """
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if cycle is None or transport is None or not transport.is_closing():
        return False
    cycle.disconnected = True
    return True


async def _drained(send: Send) -> None:
    """Wait while the client does not take what was sent; uvicorn's `send` does that itself."""
    protocol = _daphne_protocol(send)
    while (
        protocol is not None
        and protocol.channel is not None
        and getattr(protocol.channel, "_waitingForTransport", False)
    ):
        await asyncio.sleep(STEP_SECONDS / 5)
