"""Waiting for work without asking: the server rings; where it cannot, ask more and more seldom."""

import json
import logging
import socket
import threading
from typing import Any, Final
from urllib.parse import urlsplit

from nexo_agent.backoff import LONGEST_SECONDS, seconds_before

try:
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol
except ImportError:  # asking now and then does as well, only later
    HAS_SOCKETS = False
else:
    HAS_SOCKETS = True

logger = logging.getLogger(__name__)

# The server speaks at least every 20 s; a socket that is silent for longer is dead.
SILENCE_SECONDS: Final = 45.0
# Whoever hears the bell asks too, seldom: a ring is a hint and may be lost.
HEARING_SECONDS: Final = 60.0
REFUSED: Final = (4401, 4403, 4404)
# What is no JSON, or nested without end, comes from no NEXO.
LOST: Final = (OSError, TimeoutError, ValueError, RecursionError)


class Bell:
    """`wait` returns when there may be work. A thread of its own keeps the socket."""

    def __init__(self, url: str, agent: str, token: str, *, use_socket: bool = HAS_SOCKETS) -> None:
        parts = urlsplit(url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        self._url = (
            f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/ws/marketplace/agents/{agent}/"
        )
        self._place = parts.hostname or "", parts.port or (443 if scheme == "wss" else 80)
        self._token = token
        self._rung = threading.Event()
        self._closed = threading.Event()
        self._hears = False
        self._socket: Any = None
        self._in_vain = 0
        if use_socket:
            threading.Thread(target=self._listen, name="bell", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._rung.set()
        if self._socket is not None:
            self._socket.close()

    def ring(self) -> None:
        """Somebody in this process has a reason to look."""
        self._rung.set()

    def found(self) -> None:
        """There was work: the next wait begins short again."""
        self._in_vain = 0

    def wait(self) -> None:
        """Until it rings; without a socket, or in case a ring got lost, for a while at most."""
        self._in_vain += 1
        longest = HEARING_SECONDS if self._hears else seconds_before(self._in_vain)
        self._rung.wait(min(longest, HEARING_SECONDS))
        self._rung.clear()

    def _listen(self) -> None:
        attempt = 0
        while not self._closed.is_set():
            try:
                if self._hear():
                    attempt = 0
            except _Refused as refusal:
                logger.warning("The server rings for nobody here (%s): asking instead.", refusal)
                return
            self._hears = False
            attempt += 1
            self._closed.wait(seconds_before(attempt))

    def _hear(self) -> bool:
        """Listen until the socket breaks; whether it had opened."""
        protocols = [Subprotocol("nexo.v1"), Subprotocol(f"token.{self._token}")]
        try:
            # One that is open already is for this server alone: the library follows redirects, and
            # would give the token to whomever they name.
            line = socket.create_connection(self._place, LONGEST_SECONDS)
            line.settimeout(None)
            with connect(
                self._url,
                sock=line,
                subprotocols=protocols,
                open_timeout=LONGEST_SECONDS,
                close_timeout=1.0,
                proxy=None,
                compression=None,
            ) as opened:
                self._socket = opened
                while not self._closed.is_set():
                    message = json.loads(opened.recv(timeout=SILENCE_SECONDS))
                    if not isinstance(message, dict):
                        raise ValueError("a message that is no object")
                    self._hears = True
                    if message.get("type") == "work" and message.get("open"):
                        self.ring()
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
            if code in REFUSED:
                raise _Refused(code) from closed
        except (*LOST, InvalidHandshake, WebSocketException) as error:
            logger.debug("The bell was lost: %s", error)
        finally:
            self._socket = None
        return self._hears


class _Refused(Exception):
    pass
