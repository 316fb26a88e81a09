"""One open socket: where it stands, whether it keeps up, and how it is written to."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from accounts.access import Credential
from accounts.callers import Caller
from execution.feed.direct import Writer, writer_for
from execution.feed.frames import text_frame

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Above this much unsent data a socket is left alone until it has taken some.
BUSY_BYTES = 128 * 1024


class Connection:
    """Written by the hub; `position` is the newest event it was sent, None while it gets none.

    `write_frame` writes straight to the server's transport; None where that is not known.

    `interrupt` makes the one who serves the socket look at `close_code`.
    """

    __slots__ = (
        "_interrupt",
        "_pending",
        "_send",
        "_writer",
        "caller",
        "close_code",
        "credential",
        "is_behind",
        "last_buffered",
        "last_sent_at",
        "moved_at",
        "position",
        "write_frame",
    )

    def __init__(
        self, send: Send, credential: Credential, caller: Caller, interrupt: Callable[[], object]
    ) -> None:
        self._send = send
        self._writer: Writer | None = writer_for(send)
        self.write_frame = self._writer.write if self._writer is not None else None
        self._interrupt = interrupt
        self._pending: asyncio.Task[None] | None = None
        self.credential = credential
        self.caller = caller
        self.position: int | None = None
        self.is_behind = False  # it was passed over since it was last sent something
        self.last_sent_at = 0.0
        self.last_buffered = 0
        self.moved_at = 0.0  # when it last took something, or had nothing to take
        self.close_code: int | None = None

    def is_busy(self) -> bool:
        """Whether it has not yet taken enough of what it was sent."""
        if self._writer is not None:
            return self._writer.buffered() > BUSY_BYTES
        return self._pending is not None and not self._pending.done()

    def has_taken_all(self) -> bool:
        """Whether nothing of what it was sent waits for it here."""
        return self._writer is not None and self._writer.buffered() == 0

    def note_progress(self, now: float) -> None:
        """Remember when the client last took something."""
        if self._writer is None:
            if not self.is_busy():
                self.moved_at = now
            return
        buffered = self._writer.buffered()
        if buffered == 0 or buffered < self.last_buffered:
            self.moved_at = now
        self.last_buffered = buffered

    def write(self, frame: bytes, payload: bytes, now: float) -> None:
        """Send one message: `frame` to a known server, `payload` through any other's sending."""
        self.last_sent_at = now
        if self._writer is not None:
            self._writer.write(frame)
            return
        message = {"type": "websocket.send", "text": payload.decode()}
        self._pending = asyncio.ensure_future(self._send_quietly(message))

    async def _send_quietly(self, message: MutableMapping[str, Any]) -> None:
        try:
            await self._send(message)
        except Exception:
            # The client left between the hub's look and the write; its own task ends it.
            self.close_code = self.close_code or 1006
            self.position = None

    async def send_text(self, payload: bytes) -> None:
        await self._send({"type": "websocket.send", "text": payload.decode()})

    def write_text(self, payload: bytes, now: float) -> None:
        self.write(text_frame(payload), payload, now)

    def end(self, code: int) -> None:
        """Let the socket's own task close it with `code`."""
        if self.close_code is None:
            self.close_code = code
            self.position = None
            self._interrupt()
