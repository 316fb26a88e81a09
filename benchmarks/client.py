"""HTTP connections and WebSockets on one epoll loop, quick enough for 2,000 sockets.

Only what the measured servers send is understood: answers with a Content-Length, and unmasked
frames that are not fragmented.
"""

import base64
import math
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

now = time.monotonic_ns
Address = tuple[str, int]
GIVE_UP_AFTER_SECONDS = 60.0
HANDSHAKES_AT_ONCE = 20
READ_AT_ONCE = 32
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A
_HEADERS_END = b"\r\n\r\n"
_scratch = bytearray(256 * 1024)
_view = memoryview(_scratch)


class Failed(Exception):
    """A server closed, refused or stayed silent."""


class Loop:
    """Calls what is registered for a socket when there is something to read.

    What is `urgent` is read before anything else, and whoever has something to send gets a turn
    after a few sockets: to read one frame from each of 2,000 takes this client 40 ms, which would
    be charged to the server.
    """

    def __init__(self) -> None:
        self._epoll, self._urgent = select.epoll(), select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._epoll.register(self._urgent.fileno(), select.EPOLLIN)
        self._readers[self._urgent.fileno()] = self._read_urgent

    def add(
        self, connection: socket.socket, reader: Callable[[], None], *, urgent: bool = False
    ) -> None:
        self._readers[connection.fileno()] = reader
        self._sockets[connection.fileno()] = connection
        (self._urgent if urgent else self._epoll).register(connection.fileno(), select.EPOLLIN)

    def remove(self, connection: socket.socket) -> None:
        for epoll in (self._epoll, self._urgent):
            with suppress(FileNotFoundError):
                epoll.unregister(connection.fileno())
        del self._readers[connection.fileno()], self._sockets[connection.fileno()]

    def close(self) -> None:
        """And every socket that it listens to: a run opens more of them than a process may have."""
        for connection in self._sockets.values():
            connection.close()
        self._epoll.close()
        self._urgent.close()

    def _read_urgent(self) -> None:
        for fd, _events in self._urgent.poll(0):
            self._readers[fd]()

    def turn(self, seconds: float) -> None:
        readers = self._readers
        for fd, _events in self._epoll.poll(seconds, READ_AT_ONCE):
            readers[fd]()
        self._read_urgent()

    def run_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER_SECONDS
        while not done():
            self.turn(0.2)
            if time.monotonic() > deadline:
                raise Failed(f"nothing more came within {GIVE_UP_AFTER_SECONDS:.0f} s")

    def run_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.turn(left)


def connect(address: Address) -> socket.socket:
    connection = socket.create_connection(address, timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def request(
    address: Address, method: str, path: str, headers: Iterable[str], body: bytes = b""
) -> bytes:
    host, port = address
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _HEADERS_END + body


class HttpConnection:
    """Keep-alive; one request at a time. `answered` is called with each whole answer's body.

    An answer other than 200 ends everything, unless `refused` takes what it says. What the server
    closes while nothing is asked of it, for it was idle for long, is opened again.
    """

    def __init__(
        self,
        loop: Loop,
        address: Address,
        answered: Callable[[bytes], None] = lambda _body: None,
        refused: Callable[[str], None] | None = None,
    ) -> None:
        self._loop = loop
        self._answered = answered
        self._refused = refused
        self._address = address
        self.is_waiting = False
        self._received = b""
        self._open()

    def _open(self) -> None:
        self._socket = connect(self._address)
        self._is_open = True
        self._loop.add(self._socket, self._read, urgent=True)

    def send(self, message: bytes) -> None:
        if not self._is_open:
            self._open()
        self.is_waiting = True
        self._socket.sendall(message)

    def call(self, message: bytes) -> None:
        """Send and wait for the answer."""
        self.send(message)
        self._loop.run_until(lambda: not self.is_waiting)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._loop.remove(self._socket)
            self._socket.close()

    def _read(self) -> None:
        size = self._socket.recv_into(_view)
        if not size:
            if self.is_waiting:
                raise Failed("the server closed an HTTP connection")
            self.close()
            return
        self._received += _view[:size]
        head, end, body = self._received.partition(_HEADERS_END)
        if not end or len(body) < _content_length(head):
            return
        status = int(head[9:12])
        told = f"{status}: {body[:500].decode(errors='replace')}"
        if status != 200 and self._refused is None:
            raise Failed(told)
        self._received = b""
        self.is_waiting = False
        if status != 200 and self._refused is not None:
            self._refused(told)
        else:
            self._answered(body)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise Failed(f"an answer without Content-Length: {head.decode(errors='replace')}")


# -- WebSockets ----------------------------------------------------------------------------------


class Viewer:
    """One open socket. `heard_at` is when it got the message that all wait for; 0 until then."""

    __slots__ = ("_audience", "_received", "frames", "heard_at", "messages", "socket")

    def __init__(self, audience: "Audience", connection: socket.socket, received: bytes) -> None:
        self._audience = audience
        self._received = received
        self.socket = connection
        self.heard_at = 0
        self.messages = 0
        self.frames: list[bytes] = []

    def read(self) -> None:
        size = self.socket.recv_into(_view)
        if not size:
            raise Failed("the server closed a socket")
        data = self._received + _view[:size] if self._received else bytes(_view[:size])
        while data:
            start, end = _frame(data)
            if end > len(data) or start == 0:
                break
            self._hear(data[0], data[start:end])
            data = data[end:]
        self._received = data

    def _hear(self, kind: int, payload: bytes) -> None:
        if kind == _PING:
            self.socket.sendall(masked(_PONG, payload))
            return
        if kind != _TEXT:
            raise Failed(f"a frame that nobody expected: {kind:#x} {payload[:200]!r}")
        self.messages += 1
        audience = self._audience
        if audience.is_keeping:
            self.frames.append(audience.keep(payload))
        if not self.heard_at and audience.awaited in payload:
            self.heard_at = now()
            audience.missing -= 1
            audience.newest = payload


def _frame(data: bytes) -> tuple[int, int]:
    """Where the payload of the first frame starts and ends; start 0 when that is not known yet."""
    if len(data) < 2:
        return 0, 0
    length = data[1]
    if length < 126:
        return 2, 2 + length
    head, form = (4, "!H") if length == 126 else (10, "!Q")
    if len(data) < head:
        return 0, 0
    (length,) = struct.unpack_from(form, data, 2)
    return head, head + length


def masked(kind: int, payload: bytes) -> bytes:
    """A client's frame; a mask of zeros leaves the payload as it is."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", kind, 0x80 | length)
    else:
        head = struct.pack("!BBH", kind, 0x80 | 126, length)
    return head + bytes(4) + payload


def masked_text(payload: bytes) -> bytes:
    return masked(_TEXT, payload)


class Audience:
    """Many sockets of one server, waiting for the same message."""

    def __init__(
        self, loop: Loop, address: Address, path: str, headers: Sequence[str], count: int
    ) -> None:
        self._loop = loop
        self.awaited = b""
        self.missing = 0
        self.newest = b""
        self.is_keeping = False
        self._kept: dict[bytes, bytes] = {}
        self.viewers: list[Viewer] = []
        host, port = address
        headers = [*headers, f"Origin: http://{host}:{port}"]
        while len(self.viewers) < count:
            at_once = min(HANDSHAKES_AT_ONCE, count - len(self.viewers))
            opened = [open_socket(address, path, headers) for _ in range(at_once)]
            self.viewers += [Viewer(self, one, finish_handshake(one)) for one in opened]
        for viewer in self.viewers:
            loop.add(viewer.socket, viewer.read)

    def wait_for(self, text: bytes) -> None:
        """From now on the next message with `text` in it counts, once for each socket."""
        self.awaited = text
        self.missing = len(self.viewers)
        for viewer in self.viewers:
            viewer.heard_at = 0

    def have_heard(self) -> bool:
        return self.missing == 0

    def heard_at(self) -> list[int]:
        """When each socket heard, in order."""
        return sorted(viewer.heard_at for viewer in self.viewers)

    def keep(self, payload: bytes) -> bytes:
        """The same object for the same bytes: most sockets are told the same."""
        return self._kept.setdefault(payload, payload)

    def keep_frames(self) -> None:
        """From now on each socket keeps what it is told."""
        self.is_keeping = True
        self._kept.clear()
        for viewer in self.viewers:
            viewer.frames = []

    def messages(self) -> int:
        return sum(viewer.messages for viewer in self.viewers)

    def close(self) -> None:
        for viewer in self.viewers:
            self._loop.remove(viewer.socket)
            viewer.socket.close()


def open_socket(address: Address, path: str, headers: Sequence[str]) -> socket.socket:
    connection = connect(address)
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    ]
    connection.sendall(request(address, "GET", path, [*upgrade, *headers]))
    return connection


def finish_handshake(connection: socket.socket) -> bytes:
    """What the server sent after its 101."""
    received = b""
    while _HEADERS_END not in received:
        part = connection.recv(65536)
        if not part:
            raise Failed(f"the handshake broke off: {received[:300]!r}")
        received += part
    head, _end, rest = received.partition(_HEADERS_END)
    if not head.startswith(b"HTTP/1.1 101"):
        raise Failed(f"the handshake was refused: {head[:300]!r}")
    return rest


# -- Load ----------------------------------------------------------------------------------------


class Load:
    """Several connections, each with its next request when it has its answer."""

    def __init__(
        self, loop: Loop, address: Address, connections: int, next_request: Callable[[int], bytes]
    ) -> None:
        """`next_request` is given the connection's number."""
        self._loop = loop
        self._address = address
        self._next_request = next_request
        self._connections: list[HttpConnection] = []
        self._count = connections
        self._left = 0
        self._unanswered = 0
        self.answer_bytes = 0

    def _answered(self, number: int) -> Callable[[bytes], None]:
        def answered(body: bytes) -> None:
            self.answer_bytes = len(body)
            self._unanswered -= 1
            self._send(number)

        return answered

    def _send(self, number: int) -> None:
        if self._left:
            self._left -= 1
            self._unanswered += 1
            self._connections[number].send(self._next_request(number))

    def run(self, requests: int) -> float:
        """Seconds for so many requests, on new connections."""
        self._connect()
        self._left = requests
        began = now()
        self._send_all()
        self._loop.run_until(lambda: self._unanswered == 0)
        ended = now()
        self._close()
        return (ended - began) / 1e9

    def start(self) -> None:
        """Ask again and again, whatever else the loop is run for."""
        self._connect()
        self._left = sys.maxsize
        self._send_all()

    def finish(self) -> None:
        self._left = 0
        self._loop.run_until(lambda: self._unanswered == 0)
        self._close()

    def _connect(self) -> None:
        self._connections = [
            HttpConnection(self._loop, self._address, self._answered(number))
            for number in range(self._count)
        ]

    def _send_all(self) -> None:
        for number in range(self._count):
            self._send(number)

    def _close(self) -> None:
        for connection in self._connections:
            connection.close()


class Paced:
    """Requests at fixed moments, whatever the answers take.

    A latency counts from the moment when its request was due, so that a server which stands still
    is charged for all that came meanwhile.
    """

    def __init__(
        self,
        loop: Loop,
        address: Address,
        connections: int,
        rate: float,
        next_request: Callable[[], bytes],
    ) -> None:
        """`rate` per second."""
        self._gap = 1 / rate
        self._next_request = next_request
        # In turns: a server closes a connection over which nothing comes for a minute.
        self._free: deque[int] = deque()
        self._due_of: dict[int, float] = {}
        self._due = time.monotonic()
        self.seconds: list[float] = []
        self.errors: list[str] = []
        self._connections = [
            HttpConnection(loop, address, self._answered(number), self._refused(number))
            for number in range(connections)
        ]
        self._free.extend(range(connections))

    def begin(self) -> None:
        self._due = time.monotonic()

    def next_due(self) -> float:
        """When there is something to send; never while every connection is busy."""
        return self._due if self._free else math.inf

    def send_due(self) -> None:
        while self._free and self._due <= time.monotonic():
            number = self._free.popleft()
            self._due_of[number] = self._due
            self._due += self._gap
            self._connections[number].send(self._next_request())

    def is_quiet(self) -> bool:
        return not self._due_of

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _answered(self, number: int) -> Callable[[bytes], None]:
        def answered(_body: bytes) -> None:
            self.seconds.append(time.monotonic() - self._due_of.pop(number))
            self._free.append(number)

        return answered

    def _refused(self, number: int) -> Callable[[str], None]:
        def refused(told: str) -> None:
            self.errors.append(told)
            del self._due_of[number]
            self._free.append(number)

        return refused


def keep_pace(
    loop: Loop,
    loads: Sequence[Paced],
    seconds: float,
    each_second: Callable[[float], None] = lambda _elapsed: None,
) -> None:
    """Send what is due for so long, then wait for the answers. `each_second` is told how long."""
    for load in loads:
        load.begin()
    began = time.monotonic()
    told = 0
    while (elapsed := time.monotonic() - began) < seconds:
        for load in loads:
            load.send_due()
        if elapsed >= told + 1:
            told = int(elapsed)
            each_second(elapsed)
        nearest = min(load.next_due() for load in loads) - time.monotonic()
        loop.turn(max(0.0, min(nearest, seconds - elapsed, 1.0)))
    loop.run_until(lambda: all(load.is_quiet() for load in loads))
