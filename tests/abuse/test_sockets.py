"""Sockets of real servers: handshakes, frames and places that no client would send."""

import base64
import json
import os
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import quote

import pytest

from tests.abuse import traces
from tests.abuse.besieged import SOON_SECONDS, Besieged
from tests.abuse.rawly import Heard, dial, head, listen
from tests.abuse.tally import Extent, count

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unmoved")]
FEED: Final = "/ws/marketplace/tasks/execution/"
TEXT, BINARY, CLOSE, PING, PONG, GO_ON = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0
FINAL: Final = 0x80
# Not 1011, which says that the program failed, and none that says nothing.
GOOD_CODES: Final = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 4400, 4401, 4403, 4404, 4429}


def frame(opcode: int, data: bytes = b"", *, first: int = FINAL, masked: bool = True) -> bytes:
    bit = 0x80 if masked else 0
    size = len(data)
    if size < 126:
        length = bytes([bit | size])
    elif size < 65536:
        length = bytes([bit | 126]) + struct.pack(">H", size)
    else:
        length = bytes([bit | 127]) + struct.pack(">Q", size)
    mask = b"\x00" * 4 if masked else b""
    return bytes([first | opcode]) + length + mask + data


def handshake(path: str = FEED, *headers: str, key: str | None = None) -> bytes:
    key = key or base64.b64encode(os.urandom(16)).decode()
    return head(
        f"GET {path} HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *headers,
    )


def offered(here: Besieged, *more: str) -> str:
    return "Sec-WebSocket-Protocol: " + ", ".join([f"token.{here.people.tokens['head']}", *more])


def frames() -> dict[str, bytes]:
    """What no client may send once it is connected."""
    pong = json.dumps({"type": "pong"}).encode()
    deep = b"[" * 100_000
    bad = {
        "unmasked": frame(TEXT, pong, masked=False) * 3,
        "reserved bits": frame(TEXT, pong, first=FINAL | 0x70),
        "compressed without leave": frame(TEXT, b"\xaa\x56\x4a", first=FINAL | 0x40),
        "binary": frame(BINARY, os.urandom(100)) * 3,
        "no UTF-8": frame(TEXT, b"\xff\xfe\xfa") * 3,
        "a surrogate": frame(TEXT, b'"\xed\xa0\x80"') * 3,
        "NUL": frame(TEXT, b'{"type": "p\x00ng"}') * 3,
        "deep": frame(TEXT, deep) * 3,
        "a huge number": frame(TEXT, b'{"type": ' + b"9" * 100_000 + b"}") * 3,
        "2 MB": frame(TEXT, b"x" * 2_000_000) * 3,
        "a length of 2^62": bytes([FINAL | TEXT, 0xFF]) + struct.pack(">Q", 2**62) + b"\x00" * 8,
        "a negative length": bytes([FINAL | TEXT, 0xFF]) + b"\xff" * 8 + b"\x00" * 8,
        "a long ping": frame(PING, b"x" * 200),
        "a ping in pieces": frame(PING, b"x", first=0),
        "a piece without a beginning": frame(GO_ON, b"x"),
        "two beginnings": frame(TEXT, b"x", first=0) * 2,
        "pieces without end": frame(TEXT, b"x", first=0) + frame(GO_ON, b"x", first=0) * 20_000,
        "a close of one byte": frame(CLOSE, b"\x03"),
        "a close that is reserved": frame(CLOSE, struct.pack(">H", 1005)),
        "a close with no UTF-8": frame(CLOSE, struct.pack(">H", 1000) + b"\xff\xff"),
        "a close of 0": frame(CLOSE, struct.pack(">H", 0)),
        "after a close": frame(CLOSE, struct.pack(">H", 1000)) + frame(TEXT, pong) * 100,
        "5,000 pings": frame(PING) * 5_000,
        "5,000 empty texts": frame(TEXT) * 5_000,
        "noise": os.urandom(5000),
        "another request": head("GET /admin/ HTTP/1.1") * 3,
        "who asks for more": frame(TEXT, b'{"type": "subscribe", "channel": "*"}') * 3,
        "a forged change": frame(TEXT, b'{"type": "changes", "tasks": [], "sequence": 1}') * 3,
    }
    for opcode in (0x3, 0x4, 0x7, 0xB, 0xF):
        bad[f"opcode {opcode}"] = frame(opcode, b"x")
    return bad


def queries() -> Iterator[str]:
    values = ["", "-1", "0", "1", "9" * 400, "NaN", "1e9", "%00", "%FF", "x" * 5000, "' OR 1=1 --"]
    for value in values:
        yield f"since={value}"
        yield f"since=1&epoch={value}"
        yield f"epoch={value}"
    yield from ("since=1&since=2", "since[]=1", "&" * 3000, "since=%D9%A3", "token=x&since=1", "%")


def code_of(heard: Heard) -> int | None:
    """The code of the last close frame, where there is one."""
    place = heard.data.rfind(bytes([FINAL | CLOSE, 0x02]))
    place = place if place >= 0 else heard.data.rfind(bytes([FINAL | CLOSE]))
    if place < 0 or len(heard.data) < place + 4:
        return None
    return int(struct.unpack(">H", heard.data[place + 2 : place + 4])[0])


def converse(here: Besieged, opening: bytes, data: bytes = b"") -> Heard:
    with dial(here.server) as client:
        client.sendall(opening)
        if not data:
            return listen(client, 1.0)
        greeting = listen(client, 2.0)
        assert greeting.statuses == [101], greeting.data[:300]
        with suppress(OSError):  # closed before it has heard all
            client.sendall(data)
        return listen(client, 1.0)


def check(heard: Heard, case: str) -> None:
    assert all(status == 101 or 400 <= status < 500 for status in heard.statuses), (
        f"{case}: {heard.data[:300]!r}"
    )
    assert b"\x03\xf3" not in heard.data[-4:], f"{case}: closed with 1011"
    found = traces.leaks(heard.data.decode("latin-1"), is_refusal=False)
    assert not found, f"{case}: tells {found}"


def test_frames(besieged: Besieged, extent: Extent) -> None:
    for name, data in extent.of(list(frames().items())):
        count("sockets: frames")
        heard = converse(besieged, handshake(FEED, offered(besieged)), data)
        check(heard, name)
        code = code_of(heard)
        assert code is None or code in GOOD_CODES or code > 5000, f"{name}: closed with {code}"


def test_places(besieged: Besieged, extent: Extent) -> None:
    paths = [f"{FEED}?{query}" for query in queries()]
    ids = ["x", "%00", "..%2f..", "x" * 3000, "%FF", "'", quote("é"), "%0d%0a"]
    paths += [f"/ws/marketplace/tasks/{text}/logs/?after=0" for text in ids]
    paths += [f"/ws/marketplace/agents/{text}/" for text in ids]
    paths += ["/ws/", "/ws", "/", "/api/", "/ws/../admin/", f"{FEED}/", FEED.upper(), f"{FEED}%00"]
    for path in extent.of(paths):
        count("sockets: places")
        check(converse(besieged, handshake(path, offered(besieged))), path[:80])


def test_handshakes(besieged: Besieged, extent: Extent) -> None:
    """With nobody's key, or one in the wrong place: no frame is sent but the one that closes."""
    tokens, sessions = besieged.people.tokens, besieged.people.sessions
    session = f"Cookie: sessionid={sessions['head']}"
    ours = f"Origin: http://127.0.0.1:{besieged.server.port}"
    head_token = tokens["head"]
    cases = {
        "nothing": handshake(),
        "expired": handshake(FEED, f"Sec-WebSocket-Protocol: token.{tokens['expired']}"),
        "revoked": handshake(FEED, f"Sec-WebSocket-Protocol: token.{tokens['revoked']}"),
        "an agent's": handshake(FEED, f"Sec-WebSocket-Protocol: token.{tokens['agent']}"),
        "a token in the query": handshake(f"{FEED}?token={head_token}"),
        "a token in a header": handshake(FEED, f"Authorization: Token {head_token}"),
        "a token in a cookie": handshake(FEED, f"Cookie: token={head_token}"),
        "another's bell": handshake("/ws/marketplace/agents/marina/", offered(besieged)),
        "a session without origin": handshake(FEED, session),
        "a forged session": handshake(FEED, "Cookie: sessionid=" + "a" * 32, ours),
        "a long session": handshake(FEED, "Cookie: sessionid=" + "a" * 5000, ours),
        "a token cut off": handshake(FEED, f"Sec-WebSocket-Protocol: token.{head_token[:-1]}"),
        "a token too long": handshake(FEED, f"Sec-WebSocket-Protocol: token.{'x' * 7000}"),
        "an empty token": handshake(FEED, "Sec-WebSocket-Protocol: token."),
        "1,000 offers": handshake(FEED, "Sec-WebSocket-Protocol: " + ", ".join(["a"] * 1000)),
        "no key": handshake(key=" "),
        "a short key": handshake(key="YQ=="),
        "version 99": handshake().replace(b"Version: 13", b"Version: 99"),
        "POST": handshake().replace(b"GET ", b"POST ", 1),
        "HTTP/1.0": handshake().replace(b"HTTP/1.1", b"HTTP/1.0"),
    }
    origins = [
        "null",
        "",
        "http://elsewhere.example",
        "https://127.0.0.1",
        "file://",
        "http://[::1",
    ]
    origins += [f"{ours[8:]}.elsewhere.example", f"{ours[8:]}0", f"{ours[8:]}/", f"{ours[8:]} x"]
    origins += [f"http://elsewhere.example/{ours[8:]}", f"{ours[8:]}, http://elsewhere.example"]
    origins += [
        f"http://127.0.0.1@elsewhere.example:{besieged.server.port}",
        "http://127.0.0.1\x00",
    ]
    cases |= {
        f"from {origin!a}": handshake(FEED, session, f"Origin: {origin}") for origin in origins
    }
    cases["from two"] = handshake(FEED, session, ours, "Origin: http://elsewhere.example")
    for name, opening in extent.of(list(cases.items())):
        count("sockets: handshakes")
        heard = converse(besieged, opening)
        check(heard, name)
        assert b'"hello"' not in heard.data and b'"work"' not in heard.data, f"{name}: is greeted"


def test_compression(besieged: Besieged, extent: Extent) -> None:
    """No bomb can come compressed: nobody is given leave to compress."""
    for offer in extent.of(
        [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits=15; server_no_context_takeover",
            "x-webkit-deflate-frame",
            "permessage-deflate; " * 500,
            "permessage-bzip2, permessage-deflate",
        ]
    ):
        count("sockets: compression")
        extension = f"Sec-WebSocket-Extensions: {offer}"
        heard = converse(besieged, handshake(FEED, offered(besieged), extension))
        check(heard, offer[:40])
        if heard.statuses == [101]:
            assert b"permessage-deflate" not in heard.data.partition(b"\r\n\r\n")[0], offer


def test_many_that_say_nothing(besieged: Besieged, extent: Extent) -> None:
    number = 30 if extent.examples < 50 else 300
    clients = []
    try:
        for place in range(number):
            client = dial(besieged.server)
            opening = handshake(FEED, offered(besieged) if place % 2 else "X: y")
            client.sendall(opening if place % 3 else opening[:40])
            clients.append(client)
            count("sockets: half open, slow")
        began_at = time.monotonic()
        besieged.serves()
        assert time.monotonic() - began_at < SOON_SECONDS
    finally:
        for client in clients:
            client.close()
