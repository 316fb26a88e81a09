"""The live feed of one process: tailer, hub, and the threads that read for them.

There is one per event loop, made at the first request, so that it runs alike under Daphne, under
uvicorn and in tests.
"""

import asyncio
import logging
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from accounts import access
from accounts.access import Credential
from accounts.callers import Caller
from execution import queries
from execution.feed import doorbell, tailer
from execution.feed.hub import Hub
from execution.feed.tailer import Restart
from execution.queries import Position

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
SWEEP_SECONDS = 1.0
RECHECK_SECONDS = 4.0
CLOSE_UNAUTHENTICATED = 4401
GROUP = "nexo.feed"
Answer = TypeVar("Answer")


class Feed:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.hub = Hub(loop.time, loop.call_later)
        # Threads of its own: in asgiref's single shared one a slow query delays every socket.
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="feed-read")
        self._tail = ThreadPoolExecutor(1, thread_name_prefix="feed-tail")
        self._woken = asyncio.Event()
        self._rung = False
        self._ring_others = asyncio.Event()
        self._position: Position | None = None
        self._tasks: list[asyncio.Task[None]] = []
        doorbell.listen(self._ring)
        if settings.REDIS_URL:
            self._tasks += [
                loop.create_task(self._forward_rings()),
                loop.create_task(self._hear_rings()),
            ]

    async def ensure_following(self) -> None:
        """Follow the log from now on; without sockets nobody needs it."""
        if self._position is None:
            await self._start()
        if not any(task.get_name() == "feed-follow" for task in self._tasks):
            self._tasks += [
                self._loop.create_task(self._follow(), name="feed-follow"),
                self._loop.create_task(self._sweep()),
                self._loop.create_task(self._recheck()),
            ]

    async def close(self) -> None:
        """Stop following; for tests, as a server process ends everything with itself."""
        doorbell.forget(self._ring)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pool in (self._readers, self._tail):
            for _ in range(pool._max_workers):
                pool.submit(connection.close)
            pool.shutdown()

    # -- reading -----------------------------------------------------------------------------------

    async def read(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run a query in a thread; its connection is kept, and dropped after an error."""
        return await self._loop.run_in_executor(self._readers, _query, function, *arguments)

    async def authorise(self, credential: Credential) -> Caller | None:
        return await self.read(access.authorise, credential)

    # -- doorbells ---------------------------------------------------------------------------------

    def _ring(self) -> None:
        """From any thread: never waits, for a thread that waits on the loop can deadlock it."""
        self._loop.call_soon_threadsafe(self._rung_here)

    def _rung_here(self) -> None:
        self._wake()
        self._ring_others.set()

    def _wake(self) -> None:
        self._rung = True
        self._woken.set()

    async def _forward_rings(self) -> None:
        layer: Any = get_channel_layer()
        while True:
            await self._ring_others.wait()
            self._ring_others.clear()
            try:
                await layer.group_send(GROUP, {"type": "ring"})
            except Exception as error:
                # A lost ring costs the other processes half a second.
                logger.warning("could not ring the other processes: %s", error)

    async def _hear_rings(self) -> None:
        layer: Any = get_channel_layer()
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                while True:
                    await layer.receive(channel)
                    self._wake()
            except Exception as error:
                logger.warning("not hearing the other processes: %s", error)
                await asyncio.sleep(1)

    # -- following the log -------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            polled = self._loop.call_later(POLL_SECONDS, self._woken.set)
            await self._woken.wait()
            polled.cancel()
            self._woken.clear()
            rung, self._rung = self._rung, False
            if not self.hub.connections:
                self._position = None
                continue
            try:
                await self._read_on(look_at_epoch=not rung)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the live feed cannot read: %s", error)
                await asyncio.sleep(1)

    async def _read_on(self, *, look_at_epoch: bool) -> None:
        """Publish batch after batch until there is nothing new."""
        while True:
            position = self._position or await self._start()
            news = await self._loop.run_in_executor(
                self._tail, _query, _read_after, position, look_at_epoch
            )
            if news is None:
                return
            if isinstance(news, Restart):
                self._position = news.position
                self.hub.reset_all(news.position.epoch, news.position.sequence)
                return
            self._position = Position(position.epoch, news.sequence)
            self.hub.publish(news)
            look_at_epoch = False

    async def _start(self) -> Position:
        """Begin at the end of the log: each socket reads for itself what came before."""
        position = await self._loop.run_in_executor(self._tail, _query, queries.stream_position)
        if self._position is None:  # nobody was quicker
            self._position = position
            self.hub.begin(position.epoch, position.sequence)
        return self._position

    # -- housekeeping ------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.hub.sweep()

    async def _recheck(self) -> None:
        """Close the sockets whose session, token, account or role has ended."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            credentials = {socket.credential for socket in self.hub.connections}
            if not credentials:
                continue
            try:
                now = await self.read(access.current_callers, credentials)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("sockets could not be checked again: %s", error)
                continue
            for socket in tuple(self.hub.connections):
                checked = socket.credential in now
                if checked and not access.still_holds(socket.caller, now[socket.credential]):
                    socket.end(CLOSE_UNAUTHENTICATED)


def _query(function: Callable[..., Answer], *arguments: Any) -> Answer:
    try:
        return function(*arguments)
    except (DatabaseError, InterfaceError):
        connection.close()  # the next query opens a new one
        raise


def _read_after(position: Position, look_at_epoch: bool) -> Any:
    return tailer.read_after(position, look_at_epoch=look_at_epoch)


_feeds: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Feed]" = weakref.WeakKeyDictionary()


def current_feed() -> Feed:
    """The feed of the running event loop."""
    loop = asyncio.get_running_loop()
    feed = _feeds.get(loop)
    if feed is None:
        feed = _feeds[loop] = Feed(loop)
    return feed
