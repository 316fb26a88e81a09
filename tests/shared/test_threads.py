"""HTTP in threads: the adapter by itself, then under both servers as clients see it."""

import asyncio
import gc
import hashlib
import http.client
import io
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from nexo.shared import refusals, threads
from nexo.shared.threads import ThreadedWSGI, build_environ
from tests.servers import BOTH_SERVERS, RunningServer, ServerName, running, server_command

pytestmark = pytest.mark.one_database
APPLICATION = "tests.shared.threads_app:application"
THREADS = 4  # of that application
PART_SECONDS = 2.0
LARGEST_BODY = 5 * 1024 * 1024
SOON = 1.0
EXIT_WITHIN_SECONDS = 5.0
Message = MutableMapping[str, Any]


def until(
    condition: Callable[[], bool], *, within: float, server: RunningServer | None = None
) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, server.log() if server else "not in time"
        time.sleep(0.02)


# -- By itself -----------------------------------------------------------------------------------


def scope_of(*headers: tuple[bytes, bytes], method: str = "GET", path: str = "/") -> Message:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "http_version": "1.1",
        "headers": list(headers),
        "server": ("10.0.0.1", 8123),
        "client": ("10.0.0.2", 50123),
    }


@contextmanager
def adapter(application: Any, **options: Any) -> Iterator[ThreadedWSGI]:
    """An adapter of one thread, which is ended as a server would end it."""
    made = ThreadedWSGI(application, threads=1, **options)
    try:
        yield made
    finally:
        ask(made, {"type": "lifespan"}, [{"type": "lifespan.shutdown"}])
        assert_ended(made)


def assert_ended(application: ThreadedWSGI) -> None:
    for thread in application._crew.threads:
        thread.join(5)
        assert not thread.is_alive()


def ask(
    application: ThreadedWSGI, scope: Message, messages: Iterable[Message] = ()
) -> list[Message]:
    return asyncio.run(exchange(application, scope, messages))


async def exchange(
    application: ThreadedWSGI, scope: Message, messages: Iterable[Message]
) -> list[Message]:
    """Everything sent in answer to these messages; then the client stays and says nothing."""
    coming = iter(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        for message in coming:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await application(scope, receive, send)
    return sent


def body_of(*chunks: bytes) -> list[Message]:
    last = len(chunks) - 1
    return [
        {"type": "http.request", "body": chunk, "more_body": index < last}
        for index, chunk in enumerate(chunks)
    ]


def answering(*parts: bytes) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return list(parts)

    return application


@pytest.mark.unit
def test_lifespan_is_answered_and_ends_the_threads() -> None:
    application = ThreadedWSGI(answering(), threads=3)
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = ask(application, {"type": "lifespan"}, messages)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert_ended(application)


class Pipelined:
    """One of several requests that a client sent ahead; uvicorn tells it nothing of the end."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.disconnected = False
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        if self.disconnected:
            return
        self.sent.append(message)


class ClosedTransport:
    def is_closing(self) -> bool:
        return True


@pytest.mark.unit
def test_nothing_is_written_to_a_connection_that_is_closed() -> None:
    cycle = Pipelined(ClosedTransport())

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def asked(application: ThreadedWSGI) -> None:
        async with asyncio.timeout(5):
            await application(scope_of(), receive, cycle.send)

    with adapter(answering(b"x")) as application:
        asyncio.run(asked(application))
    assert cycle.sent == []
    assert cycle.disconnected


@pytest.mark.unit
def test_an_ordinary_answer_takes_one_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    hops: list[Any] = []

    async def counted_exchange(application: ThreadedWSGI) -> list[Message]:
        loop = asyncio.get_running_loop()
        hop = loop.call_soon_threadsafe
        monkeypatch.setattr(
            loop, "call_soon_threadsafe", lambda *call: (hops.append(call), hop(*call))[1]
        )
        return await exchange(application, scope_of(), [])

    with adapter(answering(b"one ", b"two ", b"three")) as application:
        start, body = asyncio.run(counted_exchange(application))
    assert len(hops) == 1
    assert (start["status"], start["headers"]) == (200, [(b"content-type", b"text/plain")])
    assert (body["body"], body["more_body"]) == (b"one two three", False)


class Closing(list[bytes]):
    """An answer that knows when it was closed, as Django's request_finished wants it."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.mark.unit
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_is_closed_once(method: str, streamed: bool) -> None:
    result = Closing([b"one", b"two"])
    result.streaming = streamed  # type: ignore[attr-defined]  # as little as the test needs

    def application(environ: dict[str, Any], start_response: Any) -> Closing:
        start_response("200 OK", [])
        return result

    with adapter(application) as threaded:
        sent = ask(threaded, scope_of(method=method))
    assert result.closed == 1
    assert sent[1]["body"] == (b"onetwo" if method == "GET" else b"")


@pytest.mark.unit
@pytest.mark.parametrize(("megabytes", "in_memory"), [(1, True), (2, False)])
def test_a_body_over_a_megabyte_lies_in_a_file(megabytes: int, in_memory: bool) -> None:
    kept_in_memory = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        kept_in_memory.append(isinstance(environ["wsgi.input"], io.BytesIO))
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    chunks = [os.urandom(256 * 1024) for _ in range(4 * megabytes)]
    scope = scope_of((b"content-length", b"%d" % (megabytes * 1024**2)), method="POST")
    with adapter(application) as threaded:
        sent = ask(threaded, scope, body_of(*chunks))
    assert kept_in_memory == [in_memory]
    assert sent[1]["body"] == b"".join(chunks)


@pytest.mark.unit
@pytest.mark.parametrize("length", [threads.MEMORY_BYTES, 2 * threads.MEMORY_BYTES])
def test_no_body_is_left_open(length: int) -> None:
    """A client that leaves in mid-upload, an upload that is too large, and a whole one."""
    scope = scope_of((b"transfer-encoding", b"chunked"), method="POST")
    chunk = b"x" * length
    with adapter(answering(), largest_body=3 * length) as application:
        gone = [{"type": "http.request", "body": chunk, "more_body": True}]
        ask(application, scope, [*gone, {"type": "http.disconnect"}])
        ask(application, scope, body_of(*[chunk] * 4))
        ask(application, scope, body_of(chunk))
    gc.collect()  # an open file would be a ResourceWarning here, and so a failure


@pytest.mark.unit
def test_an_upload_that_takes_too_long_is_refused() -> None:
    scope = scope_of((b"content-length", b"100"), method="POST", path="/api/upload")
    half = {"type": "http.request", "body": b"x" * 50, "more_body": True}
    with adapter(answering(b"reached"), body_seconds=0.05) as application:
        start, body = ask(application, scope, [half])
    assert (start["status"], json.loads(body["body"])["code"]) == (408, "request_timeout")


@pytest.mark.unit
def test_a_refusal_is_not_made_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page of a process takes tenths of a second to be rendered."""
    makers = []
    refuse = refusals.refuse

    def watched(environ: dict[str, Any], status: int) -> Any:
        makers.append(threading.current_thread())
        return refuse(environ, status)

    monkeypatch.setattr(refusals, "refuse", watched)
    with adapter(answering(), largest_body=3) as application:
        (start, _body) = ask(
            application, scope_of((b"content-length", b"4"), method="POST"), body_of(b"1234")
        )
    assert start["status"] == 413
    assert makers and threading.main_thread() not in makers


@pytest.mark.unit
def test_the_environment_tells_what_arrived() -> None:
    headers = [
        (b"host", b"liar.example:99"),
        (b"content-length", b"3"),
        (b"content-type", b"text/plain"),
        (b"x_spoof", b"1"),
        (b"x-real", b"a"),
        (b"x-real", b"b"),
        (b"cookie", b"one=1"),
        (b"cookie", b"two=2"),
    ]
    scope = scope_of(*headers, method="POST", path="/caf\u00e9")
    environ = build_environ(scope, None, 5)  # type: ignore[arg-type]  # as little as the test needs
    assert environ["CONTENT_LENGTH"] == "5"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("10.0.0.1", "8123")
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("10.0.0.2", "50123")
    assert "HTTP_X_SPOOF" not in environ
    assert environ["HTTP_X_REAL"] == "a,b"
    assert environ["HTTP_COOKIE"] == "one=1; two=2"
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/caf\u00e9"


@pytest.mark.unit
def test_a_thread_does_not_wait_for_a_loop_that_has_ended() -> None:
    """A server that stops drops its requests: the generator is closed, the thread is free."""
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * threads.CHUNK_BYTES
        finally:
            closed.set()

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return endless()

    async def stop_in_the_middle(threaded: ThreadedWSGI) -> None:
        begun = asyncio.Event()

        async def send(message: Message) -> None:
            begun.set()
            await asyncio.Event().wait()  # a client that takes nothing

        request = asyncio.create_task(threaded(scope_of(), asyncio.Event().wait, send))  # type: ignore[arg-type]  # as little as the test needs
        await begun.wait()
        request.cancel()

    with adapter(application) as threaded:
        asyncio.run(stop_in_the_middle(threaded))
        assert closed.wait(SOON)


@pytest.mark.unit
@pytest.mark.parametrize("chunk", [b"x" * threads.CHUNK_BYTES, b"x"])
def test_a_stream_has_its_time_however_steadily_it_is_taken(chunk: bytes) -> None:
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                time.sleep(0.01)
                yield chunk
        finally:
            closed.set()

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return endless()

    begun = time.monotonic()
    with adapter(application, stream_seconds=0.3) as threaded:
        if len(chunk) > 1:
            with pytest.raises(RuntimeError, match="broke off"):
                ask(threaded, scope_of())
        else:
            # Nothing has been sent yet.
            assert ask(threaded, scope_of(path="/api/x"))[0]["status"] == 500
        assert closed.is_set()
    assert 0.3 <= time.monotonic() - begun < 0.3 + SOON


@pytest.mark.unit
def test_under_an_unknown_server_a_broken_answer_is_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x" * threads.CHUNK_BYTES
        raise ValueError("broken on purpose")

    with (
        adapter(application) as threaded,
        caplog.at_level(logging.CRITICAL),
        pytest.raises(RuntimeError, match="broke off"),
    ):
        ask(threaded, scope_of())


# -- Under both servers --------------------------------------------------------------------------

integration = pytest.mark.integration


@pytest.fixture(scope="module", params=BOTH_SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    with started(request.param, tmp_path_factory.mktemp("threads")) as served:
        yield served


@contextmanager
def started(name: Any, folder: Path) -> Iterator[RunningServer]:
    command = partial(server_command, name, application=APPLICATION)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.shared.threads_settings"}
    with running(command, environment, folder / "server.log") as served:
        yield served


def state(server: RunningServer) -> dict[str, int]:
    return dict(httpx.get(f"{server.url}/state", timeout=SOON).json())


def counted(server: RunningServer, event: str) -> int:
    return state(server).get(event, 0)


def dial(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def stalled(server: RunningServer, head: bytes, body: bytes = b"") -> socket.socket:
    client = dial(server)
    client.sendall(head + body)
    return client


def upload_head(server: RunningServer, *lines: str, path: str = "/upload") -> bytes:
    head = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *lines, "", ""]
    return "\r\n".join(head).encode()


def read_all(client: socket.socket) -> bytes:
    with client, client.makefile("rb") as answer:
        return answer.read()


@integration
@pytest.mark.parametrize("length", [0, 1, 70_000, LARGEST_BODY])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_arrives_whole(server: RunningServer, length: int, chunked: bool) -> None:
    body = os.urandom(length)
    pieces = [body[at : at + 50_000] for at in range(0, length, 50_000)]
    content: Any = iter(pieces) if chunked else body
    answer = httpx.post(f"{server.url}/upload", content=content).json()
    assert (answer["length"], answer["digest"]) == (length, hashlib.sha256(body).hexdigest())
    if length:
        assert answer["announced"] == str(length)


@integration
@pytest.mark.parametrize("length", [LARGEST_BODY + 1, 3 * LARGEST_BODY])
@pytest.mark.parametrize("chunked", [False, True])
def test_too_large_a_body_is_refused_in_the_envelope(
    server: RunningServer, length: int, chunked: bool
) -> None:
    """Also to a client that looks for an answer only once it has sent everything."""
    before = counted(server, "uploads")
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    body: Any = iter([bytes(length)]) if chunked else bytes(length)
    client.request("POST", "/api/upload", body, encode_chunked=chunked)
    answer = client.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/json")
    envelope = json.loads(answer.read())
    client.close()
    assert (envelope["status"], envelope["code"]) == ("error", "payload_too_large")
    assert counted(server, "uploads") == before


@integration
@pytest.mark.parametrize(
    ("framing", "part"),
    [("Content-Length: 100", b"x" * 50), ("Transfer-Encoding: chunked", b"32\r\n" + b"x" * 50)],
)
def test_a_truncated_upload_never_reaches_the_view(
    server: RunningServer, framing: str, part: bytes
) -> None:
    before = counted(server, "uploads")
    client = stalled(server, upload_head(server, framing), part)
    client.shutdown(socket.SHUT_WR)
    read_all(client)
    assert httpx.post(f"{server.url}/upload", content=b"whole").json()["length"] == 5
    assert counted(server, "uploads") == before + 1


@integration
def test_stalled_uploads_hold_no_thread(server: RunningServer) -> None:
    with ExitStack() as clients:
        for _ in range(2 * THREADS + 8):
            head = upload_head(server, "Content-Length: 100")
            clients.enter_context(stalled(server, head, b"x" * 50))
        for _ in range(THREADS):
            answer = httpx.post(f"{server.url}/upload", content=b"others", timeout=SOON)
            assert answer.json()["length"] == 6


@integration
def test_the_view_sees_the_headers_that_count(server: RunningServer) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.putrequest("GET", "/seen", skip_host=True)
    for name, value in (
        ("Host", "liar.example:99"),
        ("X_Spoof", "underscore"),
        ("X-Real", "hyphen"),
        ("Cookie", "one=1"),
        ("Cookie", "two=2"),
    ):
        client.putheader(name, value)
    client.endheaders()
    environ = json.loads(client.getresponse().read())
    client.close()
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("127.0.0.1", str(server.port))
    assert environ["HTTP_HOST"] == "liar.example:99"
    assert environ["HTTP_X_REAL"] == "hyphen"
    assert "HTTP_X_SPOOF" not in environ
    assert environ["HTTP_COOKIE"] == "one=1; two=2"


@integration
def test_a_stream_comes_in_parts_of_64_kilobytes(server: RunningServer) -> None:
    head = f"GET /stream?chunk=1000&chunks=300 HTTP/1.1\r\nHost: x:{server.port}\r\n"
    raw = read_all(stalled(server, f"{head}Connection: close\r\n\r\n".encode()))
    body = raw.partition(b"\r\n\r\n")[2]
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        parts.append(int(size, 16))
        body = rest[parts[-1] + 2 :]
    # 66 chunks pass 64 KB; four such parts, what is left, and the empty one that ends the body.
    assert parts == [66_000, 66_000, 66_000, 66_000, 36_000, 0]


@integration
@pytest.mark.parametrize("path", ["/seen", "/stream?chunk=1000&chunks=300"])
def test_head_has_no_body(server: RunningServer, path: str) -> None:
    before = counted(server, "chunks")
    head = f"HEAD {path} HTTP/1.1\r\nHost: x:{server.port}\r\nConnection: close\r\n\r\n"
    raw = read_all(stalled(server, head.encode()))
    assert raw.startswith(b"HTTP/1.1 200 ")
    assert raw.endswith(b"\r\n\r\n")
    assert counted(server, "chunks") == before


@integration
def test_a_stream_waits_for_its_reader(server: RunningServer) -> None:
    """What is made stops well before the whole while nobody reads, and then it all arrives."""
    before = counted(server, "chunks")
    megabytes = 64
    path = f"/stream?chunk=65536&chunks={16 * megabytes}"
    client = stalled(server, f"GET {path} HTTP/1.0\r\n\r\n".encode())
    made = -1
    while (now := counted(server, "chunks") - before) != made or not now:
        made = now
        time.sleep(0.2)
    assert made < 16 * megabytes / 2
    assert read_all(client).partition(b"\r\n\r\n")[2].count(b"x") == megabytes * 1024 * 1024


@integration
@pytest.mark.parametrize("query", ["chunk=65536", "chunk=10&pause=0.05"])
def test_a_client_that_leaves_frees_its_thread(server: RunningServer, query: str) -> None:
    """Every thread streams without end, much or little; all clients leave."""
    before = state(server)
    clients = [
        stalled(server, f"GET /stream?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for _ in range(THREADS - 1)
    ]
    enough = before.get("chunks", 0) + 10 * len(clients)
    until(lambda: counted(server, "chunks") > enough, within=5, server=server)
    for client in clients:
        client.close()
    closed = before.get("closed", 0) + len(clients)
    until(lambda: counted(server, "closed") == closed, within=SOON, server=server)
    with ExitStack() as slow:
        # As many as there are threads, side by side: none of them is still taken.
        calls = counted(server, "slow")
        for _ in range(THREADS - 1):
            head = b"GET /slow?seconds=0.5 HTTP/1.1\r\nHost: x\r\n\r\n"
            slow.enter_context(stalled(server, head))
        until(lambda: counted(server, "slow") == calls + THREADS - 1, within=SOON)


@integration
def test_of_files_one_is_sent_to_a_person_and_two_in_all(server: RunningServer) -> None:
    def ask_for(who: str) -> httpx.Response:
        return httpx.get(f"{server.url}/export?who={who}", timeout=SOON)

    def begin(who: str) -> socket.socket:
        closed = counted(server, "chunks")
        client = stalled(server, get(f"/export?who={who}&without_end=1"))
        until(lambda: counted(server, "chunks") > closed, within=SOON, server=server)
        return client

    with begin("ana"):
        refused = ask_for("ana")
        assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
        assert int(refused.headers["Retry-After"]) > 0
        assert ask_for("bia").text == "x"
        with begin("bia"):
            assert ask_for("carla").status_code == 429
            assert httpx.get(f"{server.url}/readyz", timeout=SOON).text == "ready"
    # Both have left, in the middle of theirs.
    for who in ("ana", "bia", "carla"):
        until(lambda who=who: ask_for(who).status_code == 200, within=SOON, server=server)  # type: ignore[misc]  # the default is of this turn


@integration
def test_a_client_that_takes_nothing_is_given_up(server: RunningServer) -> None:
    closed = counted(server, "closed")
    client = stalled(server, b"GET /stream?chunk=65536 HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: counted(server, "closed") > closed, within=PART_SECONDS + 3, server=server)
    with pytest.raises(ConnectionResetError), client:
        while client.recv(1024 * 1024):
            pass


@integration
@pytest.mark.parametrize("http_version", ["1.0", "1.1"])
def test_an_error_in_mid_stream_closes_the_connection(
    server: RunningServer, http_version: str
) -> None:
    client = stalled(server, f"GET /broken-stream HTTP/{http_version}\r\nHost: x\r\n\r\n".encode())
    received = b""
    with client, pytest.raises(ConnectionResetError):
        # No orderly end, which in HTTP/1.0 would say that the answer is whole.
        while chunk := client.recv(65536):
            received += chunk
    assert b"\r\n0\r\n\r\n" not in received
    assert "broken on purpose" in server.log()
    assert httpx.get(f"{server.url}/readyz", timeout=SOON).text == "ready"


@integration
def test_no_error_costs_a_thread(server: RunningServer) -> None:
    for _ in range(2 * THREADS):
        answer = httpx.get(f"{server.url}/api/exit", timeout=SOON)
        assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert httpx.get(f"{server.url}/readyz", timeout=SOON).text == "ready"


@integration
def test_nothing_but_what_was_meant_went_wrong(server: RunningServer) -> None:
    """Last of all: leaving clients and refused bodies are no errors."""
    for line in server.log().splitlines():
        if json.loads(line)["level"] in {"error", "critical"}:
            assert "unhandled error: /api/exit" in line or "unhandled error: /broken" in line


# -- Stopping ------------------------------------------------------------------------------------


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


@integration
@pytest.mark.parametrize("name", BOTH_SERVERS)
def test_sigterm_under_load_ends_the_server_in_time(name: ServerName, tmp_path: Path) -> None:
    with started(name, tmp_path) as server, ExitStack() as clients:
        load = [
            get("/stream?chunk=65536"),  # nobody reads it
            get("/stream?chunk=10&pause=0.05"),
            *[upload_head(server, "Content-Length: 100") + b"x" * 50] * 8,
            get("/slow?seconds=60"),
            get("/slow?seconds=60"),
            *[get("/slow?seconds=60")] * 4,  # these find no thread
        ]
        for request in load:
            clients.enter_context(stalled(server, request))
        # All of it is with the server once a last request waits in vain.
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{server.url}/readyz", timeout=0.5)
        asked_at = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(EXIT_WITHIN_SECONDS)
        assert time.monotonic() - asked_at < EXIT_WITHIN_SECONDS


@integration
def test_uvicorn_finishes_what_is_in_flight(tmp_path: Path) -> None:
    with started("uvicorn", tmp_path) as server:
        client = stalled(server, get("/slow?seconds=1"))
        until(lambda: counted(server, "slow") == 1, within=SOON)
        server.process.send_signal(signal.SIGTERM)
        assert read_all(client).endswith(b"\r\n\r\nslow")
        server.process.wait(EXIT_WITHIN_SECONDS)
