"""Real servers and raw connections: requests smuggled, flooded, in chunks, half open and slow."""

import json
import threading
import time
from contextlib import suppress
from typing import Final

import pytest

from tests.abuse import traces
from tests.abuse.besieged import SOON_SECONDS, Besieged
from tests.abuse.rawly import Heard, dial, head, listen, say
from tests.abuse.tally import Extent, count
from tests.test_role_matrix import TASKS

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unmoved")]
TASK: Final = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}


def check(heard: Heard, case: str, *, most: int = 1) -> None:
    """Refused or closed: no 5xx, no success, no more answers than there were requests."""
    assert all(400 <= status < 500 for status in heard.statuses), f"{case}: {heard.data[:300]!r}"
    assert len(heard.statuses) <= most, f"{case}: {heard.data[:600]!r}"
    found = traces.leaks(heard.data.decode("latin-1"), is_refusal=False)
    assert not found, f"{case}: tells {found}"


BODY: Final = json.dumps(TASK).encode()
SIZE: Final = len(BODY)


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def smuggling(token: str) -> dict[str, bytes]:
    """One request to some readers and two to others; the second would create a task."""
    line, kind = f"POST {TASKS} HTTP/1.1", "Content-Type: application/json"
    inner = head(line, token, kind, f"Content-Length: {SIZE}") + BODY
    outer = f"POST {TASKS} HTTP/1.1"
    te = "Transfer-Encoding: chunked"

    def case(*headers: str, body: bytes = b"0\r\n\r\n") -> bytes:
        return head(outer, *headers, kind) + body + inner

    found = {
        "CL.TE": case("Content-Length: 5", te),
        "TE.CL": case(te, "Content-Length: 4", body=b"5c\r\n"),
        "two lengths": case("Content-Length: 0", f"Content-Length: {len(inner)}", body=b""),
        "two lengths in one": case("Content-Length: 0, 44", body=b""),
        "a signed length": case("Content-Length: +0", body=b""),
        "a negative length": case("Content-Length: -1", body=b""),
        "a hexadecimal length": case("Content-Length: 0x0", body=b""),
        "a length with a space": case("Content-Length : 0", body=b""),
        "a length of other digits": case("Content-Length: ٠".encode().decode("latin-1"), body=b""),
        "a length too long": case(f"Content-Length: {'9' * 5000}", body=b""),
    }
    for number, header in enumerate(
        (
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity, chunked, chunked",
            "Transfer-Encoding:\x0bchunked",
            'Transfer-Encoding: "chunked"',
            "X: y\nTransfer-Encoding: chunked",
            "Transfer-Encoding\n: chunked",
            " Transfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
            "Transfer\x00-Encoding: chunked",
            "transfer-encoding: gzip, chunked",
        )
    ):
        found[f"TE {number}: {header!r}"] = case("Content-Length: 5", header)
    return found


BAD_CHUNKS: Final = {
    "no number": b"zz\r\nx\r\n0\r\n\r\n",
    "negative": b"-1\r\nx\r\n0\r\n\r\n",
    "signed": b"+1\r\nx\r\n0\r\n\r\n",
    "0x": b"0x1\r\nx\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n",
    "a space": b" 1\r\nx\r\n0\r\n\r\n",
    "too long": b"f" * 40 + b"\r\nx",
    "64 bits over": b"10000000000000001\r\nx\r\n0\r\n\r\n",
    "longer than said": b"1\r\nxyz\r\n0\r\n\r\n",
    "bare line feeds": b"1\nx\n0\n\n",
    "a long extension": b"1;" + b"a" * 100_000 + b"\r\nx\r\n0\r\n\r\n",
    "many extensions": b"".join(b"1;a=%d\r\nx\r\n" % n for n in range(2000)) + b"0\r\n\r\n",
    "endless trailers": b"0\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
    "a trailer that names": b"0\r\nAuthorization: Token x\r\nContent-Length: 5\r\n\r\n",
    "one byte each": chunked(*[b"{"] * 3000),
    "no end": b"5\r\nxxxxx\r\n",
}


def floods(token: str) -> dict[str, bytes]:
    """Heads that are too much of something."""
    get = f"GET {TASKS}?unknown=1 HTTP/1.1"
    many = [f"X-{number}: y" for number in range(20_000)]
    return {
        "20,000 headers": head(get, token, *many),
        "one header of 1 MB": head(get, token, f"X: {'y' * 1_000_000}"),
        "a name of 1 MB": head(get, token, f"{'X' * 1_000_000}: y"),
        "a path of 1 MB": head(f"GET /api/{'a' * 1_000_000} HTTP/1.1", token),
        "a query of 1 MB": head(f"GET {TASKS}?q={'a' * 1_000_000} HTTP/1.1", token),
        "a method of 100 kB": head(f"{'A' * 100_000} / HTTP/1.1"),
        "no end of the line": b"GET " + b"/" * 300_000,
        "a cookie of 500 kB": head(get, f"Cookie: {'a=b; ' * 100_000}"),
        "10,000 cookies": head(get, *["Cookie: a=b"] * 10_000),
        "10,000 hosts": head(get, token, *["Host: 127.0.0.1"] * 10_000),
        "10,000 tokens": head(get, *[token] * 5_000),
        "1 MB of blank lines": b"\r\n" * 500_000,
        "ranges": head(get, token, "Range: bytes=" + ",".join(["0-"] * 50_000)),
        "languages": head(get, "Accept-Language: " + ",".join(["pt;q=0.1"] * 20_000)),
        "accepts": head(get, token, "Accept: " + ",".join(["a/b;q=0.1"] * 20_000)),
        "forwarded": head(get, token, "X-Forwarded-For: " + ",".join(["1.1.1.1"] * 20_000)),
    }


def malformed(token: str) -> dict[str, bytes]:
    lines = [
        "GET",
        "GET /nothing",
        "GET /nothing HTTP",
        "GET /nothing HTTP/9.9",
        "GET /nothing HTTP/0.9",
        "GET  /  HTTP/1.1 x",
        "get /api/ HTTP/1.1",
        "GET api HTTP/1.1",
        "GET \x00 HTTP/1.1",
        "GET /api/\xff\xfe HTTP/1.1",
        "GET /api/%zz%00 HTTP/1.1",
        "GET http://elsewhere.example/api/ HTTP/1.1",
        "CONNECT elsewhere.example:443 HTTP/1.1",
        "TRACE /api/ HTTP/1.1",
        "PRI * HTTP/2.0",
        "OPTIONS * HTTP/1.1",
        "BREW /api/ HTTP/1.1",
        "GET //elsewhere.example/%2e%2e HTTP/1.1",
        "GET /static/../nexo/settings.py HTTP/1.1",
        "GET /static/%2e%2e/nexo/settings.py HTTP/1.1",
        "GET /static/..%5c..%5cnexo/settings.py HTTP/1.1",
        "GET /static/%2e%2e%2f%2e%2e%2fetc/passwd HTTP/1.1",
        "GET /static//etc/passwd HTTP/1.1",
        "GET /static/js/%00 HTTP/1.1",
        "GET /static/" + "../" * 40 + "etc/passwd HTTP/1.1",
        "GET /api/;/../../etc/passwd HTTP/1.1",
        f"GET {TASKS}/%0d%0aSet-Cookie:a=b HTTP/1.1",
    ]
    found = {line[:60]: head(line, token) for line in lines}
    found |= {
        "a TLS hello": bytes.fromhex("16030100c8010000c40303") + b"\x00" * 200,
        "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 100,
        "an upgrade to h2c": head(
            "GET /nothing HTTP/1.1",
            "Upgrade: h2c",
            "Connection: Upgrade, HTTP2-Settings",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        "noise": bytes(range(256)) * 50,
        "a header without colon": head("GET /nothing HTTP/1.1", "nothing"),
        "a folded header": head("GET /nothing HTTP/1.1", "X: a", " b"),
        "NUL in a header": head("GET /nothing HTTP/1.1", "X: a\x00b"),
        "no host": b"GET /nothing HTTP/1.1\r\n\r\n",
        "another host": head("GET /nothing HTTP/1.1", host="elsewhere.example"),
        "two hosts": head("GET /nothing HTTP/1.1", "Host: elsewhere.example"),
        "a host with a path": head("GET /nothing HTTP/1.1", host="127.0.0.1/../x"),
        "expects what nobody can": head(
            f"POST {TASKS} HTTP/1.1", token, "Expect: 200-ok", "Content-Length: 0"
        ),
        "a body longer than allowed": head(
            f"POST {TASKS} HTTP/1.1",
            token,
            "Content-Type: application/json",
            "Content-Length: 99999999999",
        ),
    }
    return found


def test_requests_in_requests(besieged: Besieged, extent: Extent) -> None:
    for name, data in extent.of(list(smuggling(besieged.token).items())):
        count("raw: smuggling")
        heard = say(besieged.server, data, patience=2.0)
        # The one behind is another request where both agree on the end of the first: then it is
        # only what it says it is. Here none is: the ends are told two ways, or not at all.
        check(heard, name, most=2)
        assert 201 not in heard.statuses, f"{name}: {heard.data[:600]!r}"


def test_broken_chunks(besieged: Besieged, extent: Extent) -> None:
    line = head(
        f"POST {TASKS} HTTP/1.1",
        besieged.token,
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    )
    for name, chunks in extent.of(list(BAD_CHUNKS.items())):
        count("raw: chunks")
        check(say(besieged.server, line, chunks), name, most=2)


def test_floods(besieged: Besieged, extent: Extent) -> None:
    for name, data in extent.of(list(floods(besieged.token).items())):
        count("raw: floods")
        check(say(besieged.server, data, patience=3.0), name)


def test_malformed(besieged: Besieged, extent: Extent) -> None:
    for name, data in extent.of(list(malformed(besieged.token).items())):
        count("raw: malformed")
        check(say(besieged.server, data), name, most=2)


def test_half_open_and_slow(besieged: Besieged, extent: Extent) -> None:
    """Hundreds that begin and say no more, or a byte at a time: everybody else is served."""
    number = 40 if extent.examples < 50 else 400
    beginnings = [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
        head(f"POST {TASKS} HTTP/1.1", besieged.token, "Content-Length: 5000") + b"{",
        head(f"POST {TASKS} HTTP/1.1", besieged.token, "Transfer-Encoding: chunked") + b"5\r\n{",
        head("GET /ws/marketplace/tasks/execution/ HTTP/1.1", "Upgrade: websocket")[:-2],
    ]
    clients = []
    try:
        for place in range(number):
            client = dial(besieged.server)
            client.sendall(beginnings[place % len(beginnings)])
            clients.append(client)
            count("raw: half open, slow")
        for _round in range(5):
            began_at = time.monotonic()
            besieged.serves()
            assert time.monotonic() - began_at < SOON_SECONDS
            for client in clients[::7]:
                with suppress(OSError):
                    client.sendall(b"a")
    finally:
        for client in clients:
            client.close()


def test_readers_that_take_nothing(besieged: Besieged, extent: Extent) -> None:
    number = 20 if extent.examples < 50 else 100
    # Long answers, all asked for at once.
    request = head("GET /api/schema/ HTTP/1.1", besieged.token) * 20
    clients = [dial(besieged.server) for _ in range(number)]
    try:
        for client in clients:
            client.setblocking(False)
            with suppress(OSError):
                client.send(request)
            count("raw: half open, slow")
        besieged.serves()
    finally:
        for client in clients:
            client.close()


ENDINGS: Final = [
    "\r\n",
    "\n",
    "\r",
    "%0a",
    "%0d%0a",
    "%00",
    "\x0b",
    "\x0c",
    "\x85",
    "%E2%80%A8",
    "%C2%85",
]
ENDINGS += [
    "\x1b[2J",
    "%1b[31m",
    "%9b",
    "\x08\x08\x08",
    "\x7f",
    "%E2%80%AE",
    "\\r\\n",
    "&#10;",
    "\t",
]


def closing_after(data: bytes) -> bytes:
    return data[:-2] + b"Connection: close\r\n\r\n"


def test_log_lines(besieged: Besieged, extent: Extent) -> None:
    """Line ends and commands for terminals wherever a log might repeat them."""
    line = '{"at":"x","level":"error","message":"forged"}'
    for ending in extent.of(ENDINGS):
        evil = f"a{ending}{line}"
        wire = evil.replace("\r", "%0d").replace("\n", "%0a").replace(" ", "%20")
        requests = [
            head(f"GET /api/{wire} HTTP/1.1", besieged.token),
            head(f"GET {TASKS}?{wire}=1 HTTP/1.1", besieged.token),
            head("GET /nothing HTTP/1.1", f"User-Agent: {evil}", f"Referer: {evil}"),
            head("GET /nothing HTTP/1.1", f"X-Request-ID: {evil}", f"X-Forwarded-For: {evil}"),
            head("GET /nothing HTTP/1.1", host=evil),
            head(f"{wire} /api/ HTTP/1.1"),
            head("GET /api/ HTTP/1.1", f"Authorization: {evil}", f"Cookie: sessionid={evil}"),
        ]
        for data in requests:
            count("raw: log forging")
            heard = say(besieged.server, closing_after(data), patience=0.5)
            check(heard, f"{ending!r}: {data[:60]!r}", most=3)
            assert b"Set-Cookie: a=b" not in heard.data


def test_many_at_once(besieged: Besieged, extent: Extent) -> None:
    """All of it from several sides at the same time."""
    if extent.examples < 50:
        return
    cases = [*smuggling(besieged.token).values(), *malformed(besieged.token).values()]
    cases += [b for b in floods(besieged.token).values() if len(b) < 300_000]
    faults: list[str] = []

    def attack(mine: list[bytes]) -> None:
        for data in mine:
            heard = say(besieged.server, data, patience=0.5)
            if any(status >= 500 or status == 201 for status in heard.statuses):
                faults.append(repr(heard.data[:300]))

    threads = [threading.Thread(target=attack, args=[cases[n::6]]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count("raw: many at once", len(cases))
    assert faults == []


def test_nothing_is_left_open(besieged: Besieged, extent: Extent) -> None:
    """A keep-alive connection with a refusal behind it still answers the next request rightly."""
    with dial(besieged.server) as client:
        for _ in range(min(extent.examples, 50)):
            count("raw: pipelined")
            client.sendall(head(f"GET {TASKS}?x=1 HTTP/1.1", besieged.token))
            heard = listen(client, 2.0, silence=0.05)
            assert heard.statuses == [400]
