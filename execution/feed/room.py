"""Sockets beside the live feed: bells of agents, log lines of tasks.

A room keeps its sockets as the hub keeps the feed's: it pings the silent, closes those that take
nothing or whose caller has lost the right, and looks at the database once for all of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any, Final, Protocol

from execution.feed import callers, metrics
from execution.feed.callers import Callers
from execution.feed.connection import Connection
from execution.feed.hub import CLOSE_TOO_SLOW, PING_AFTER_SECONDS, STUCK_AFTER_SECONDS

SWEEP_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.5
# So that a flood of rings is one look.
REST_SECONDS: Final = 0.02


class Feed(Protocol):
    """What a room needs of the process's feed."""

    def now(self) -> float: ...

    async def read(self, function: Callable[..., Any], *arguments: Any) -> Any: ...

    def keep_doing(self, what: str, step: Callable[[], Awaitable[None]]) -> None: ...


class Room:
    """`position` of a connection is the number that its pings carry; None before it is greeted."""

    name = "the room"

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.connections: set[Connection] = set()
        self._callers = Callers()
        self._woken = asyncio.Event()
        self._is_open = False

    def add(self, connection: Connection) -> None:
        self.connections.add(connection)
        self._callers.add(connection)
        self._woken.set()
        metrics.SOCKETS.inc()
        if not self._is_open:
            self._is_open = True
            self.feed.keep_doing(f"tell {self.name}", self._tell)
            self.feed.keep_doing(f"look after {self.name}", self._sweep)
            self.feed.keep_doing(f"check the callers of {self.name} again", self._recheck)

    def remove(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.discard(connection)
            self._callers.remove(connection)
            metrics.SOCKETS.dec()

    def wake(self) -> None:
        """Look at the database soon; on the event loop."""
        self._woken.set()

    async def _tell(self) -> None:
        # What another process wrote is found by looking; for an empty room nobody has to.
        look_at = LOOK_SECONDS if self.connections else None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), look_at)
        self._woken.clear()
        if self.connections:
            await self.look()
            await asyncio.sleep(REST_SECONDS)

    async def look(self) -> None:
        """Read what is new, and tell the sockets."""
        raise NotImplementedError

    def ping(self, position: int) -> bytes:
        raise NotImplementedError

    async def _sweep(self) -> None:
        await asyncio.sleep(SWEEP_SECONDS)
        self.sweep(self.feed.now())

    def sweep(self, now: float) -> None:
        for connection in tuple(self.connections):
            connection.note_progress(now)
            if connection.position is None:
                continue
            if now - connection.moved_at >= STUCK_AFTER_SECONDS:
                connection.end(CLOSE_TOO_SLOW)
            elif now - connection.last_sent_at >= PING_AFTER_SECONDS and not connection.is_busy():
                connection.write_text(self.ping(connection.position), now)

    async def _recheck(self) -> None:
        await asyncio.sleep(callers.RECHECK_SECONDS)
        await self._callers.check_again(self.feed.read)

    def _start(self, connection: Connection, position: int) -> None:
        now = self.feed.now()
        connection.position = position
        connection.last_sent_at = connection.moved_at = now


def open_ones(connections: Collection[Connection]) -> list[Connection]:
    """Those that have been greeted and take what they are sent."""
    return [one for one in connections if one.position is not None and not one.is_busy()]
