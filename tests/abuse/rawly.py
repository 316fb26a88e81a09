"""Bytes as no client library would send them, and what comes back."""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tests.servers import RunningServer

PATIENCE_SECONDS: Final = 3.0
MOST_BYTES: Final = 200_000


@dataclass(frozen=True, slots=True)
class Heard:
    """All that a connection brought until it was closed or fell silent."""

    data: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        """Of every answer in it; one that was smuggled in would be one too many."""
        parts = self.data.split(b"HTTP/1.")[1:]
        return [int(part[2:5]) for part in parts if part[2:5].isdigit()]


def dial(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)


def say(server: RunningServer, *parts: bytes, pause: float = 0.0, patience: float = 1.0) -> Heard:
    """Send the parts, then listen until the server closes or is silent for `patience` seconds."""
    with dial(server) as client:
        client.settimeout(PATIENCE_SECONDS)
        # Closed before it has heard all, what it says is still to be read.
        with suppress(OSError):
            for part in parts:
                client.sendall(part)
                time.sleep(pause)
        return listen(client, patience)


def listen(client: socket.socket, patience: float, *, silence: float = 0.3) -> Heard:
    client.settimeout(patience)
    data = b""
    while len(data) < MOST_BYTES:
        try:
            part = client.recv(65536)
        except TimeoutError:
            return Heard(data, closed=False)
        except OSError:
            return Heard(data, closed=True)
        if not part:
            return Heard(data, closed=True)
        data += part
        # A whole answer, and then nothing: there is no need to wait long for a second.
        client.settimeout(min(patience, silence))
    return Heard(data, closed=False)


def head(line: str, *headers: str, host: str = "127.0.0.1") -> bytes:
    return "\r\n".join([line, f"Host: {host}", *headers, "", ""]).encode("latin-1")
