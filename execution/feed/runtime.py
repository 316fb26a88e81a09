"""The live feed of one process: tailer, hub, and the threads that read for them.

There is one per event loop, made at the first request, so that it runs alike under Daphne, under
uvicorn and in tests.
"""

import asyncio
import logging
import threading
import uuid
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from redis.exceptions import RedisError

from accounts import access
from accounts.access import Credential
from accounts.callers import Caller
from execution import queries
from execution.feed import callers, doorbell, frames, handover, metrics, tailer
from execution.feed.bells import Bells
from execution.feed.frames import Batch
from execution.feed.handover import MOST_KEPT, Handed, Shelf
from execution.feed.hub import Hub
from execution.feed.log_lines import LogLines
from execution.feed.tailer import Restart
from execution.feed.watch import Watch
from execution.queries import Position
from execution.totals import Totals

logger = logging.getLogger(__name__)

READERS = 2
SWEEP_SECONDS = 1.0
SWEPT_AT_ONCE = 100
HEARD_WITHIN_SECONDS = 0.02
AFTER_ERROR_SECONDS = 1.0
GROUP = "nexo.feed"
# What a database or a Redis that is away raises.
AWAY = (DatabaseError, InterfaceError, RedisError, OSError)
Answer = TypeVar("Answer")


class Feed:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self.hub = Hub(loop.time, loop.call_later)
        self.crowd = callers.Crowd(settings.SOCKETS_PER_CALLER)
        # Threads of its own: in asgiref's single shared one a slow query delays every socket.
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="feed-read")
        self._tail = ThreadPoolExecutor(1, thread_name_prefix="feed-tail")
        self._shelf = Shelf()
        # Over Redis, with the ring. The oldest is let go: the others find the gap.
        self._outbox: deque[Handed] = deque(maxlen=MOST_KEPT)
        self._tells_others = bool(settings.REDIS_URL)
        self._name = uuid.uuid4().hex
        self._untold: list[threading.Lock] = []
        self._others_hear = self._tells_others
        self._woken = asyncio.Event()
        self._rung_at: float | None = None
        self._ring_others = asyncio.Event()
        self._position: Position | None = None
        # As of `_position` or newer; None until something has been read from the log.
        self._totals: Totals | None = None
        self._must_look_at_epoch = False
        self._watch = Watch(self._watched_position, self._hear_from_watch)
        self._is_following = False
        self._tasks: list[asyncio.Task[None]] = []
        self.bells = Bells(self)
        self.log_lines = LogLines(self, loop)
        doorbell.listen(self._ring)
        if self._tells_others:
            handover.want(self, True)
            self.keep_doing("ring the other processes", self._forward_rings)
            self.keep_doing("hear the other processes", self._hear_rings)

    def now(self) -> float:
        return self._loop.time()

    async def ensure_following(self) -> None:
        """Follow the log from now on; without sockets nobody needs it."""
        if self._position is None:
            await self._start()
        handover.want(self, True)
        self._watch.begin()
        if not self._is_following:
            self._is_following = True
            self.keep_doing("follow the log", self._follow)
            self.keep_doing("look after the sockets", self._sweep)
            self.keep_doing("check the sockets' callers again", self._recheck)

    def keep_doing(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """Do a step again and again: whatever fails, a feed must not stand still in silence."""

        async def keep_doing() -> None:
            while True:
                try:
                    await step()
                except Exception as error:
                    expected = isinstance(error, AWAY)
                    logger.warning("could not %s: %s", what, error, exc_info=not expected)
                    await asyncio.sleep(AFTER_ERROR_SECONDS)

        self._tasks.append(self._loop.create_task(keep_doing(), name=f"feed: {what}"))

    async def close(self) -> None:
        """Stop following; for tests, as a server process ends everything with itself."""
        doorbell.forget(self._ring)
        self.log_lines.close()
        handover.want(self, False)
        await asyncio.to_thread(self._watch.end)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pool, size in ((self._readers, READERS), (self._tail, 1)):
            all_there = threading.Barrier(size)
            for _ in range(size):
                pool.submit(_close_connection, all_there)
            pool.shutdown()

    # -- reading -----------------------------------------------------------------------------------

    async def read(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run a query in a thread; its connection is kept, and dropped after an error."""
        return await self._loop.run_in_executor(self._readers, _query, function, *arguments)

    async def authorise(self, credential: Credential) -> Caller | None:
        return await self.read(access.authorise, credential)

    # -- doorbells ---------------------------------------------------------------------------------

    def _ring(self) -> None:
        """From any thread, which then lets the others hear before it goes on with its answer.

        The loop could not send the answer meanwhile anyway, and a thread that wants the
        interpreter takes it from the loop in the middle. The wait is short whatever happens: a
        thread that waits on the loop for good can deadlock it.
        """
        heard = threading.Lock()
        heard.acquire()
        self._loop.call_soon_threadsafe(self._ring_and_tell, heard)
        is_heard = self.hub.connections or self._others_hear
        if is_heard and threading.get_ident() != self._thread:
            heard.acquire(timeout=HEARD_WITHIN_SECONDS)

    def _ring_and_tell(self, heard: threading.Lock) -> None:
        self._rung_here()
        if self._others_hear:
            self._untold.append(heard)
        else:
            heard.release()

    def _rung_here(self) -> None:
        # What was handed over needs no look into the log: who wrote anything else rings too, or
        # is found by the next poll.
        if not self._publish_handed_over():
            self._wake()
        self.bells.wake()
        self._ring_others.set()

    def _publish_handed_over(self) -> bool:
        """Publish at once what was handed over; whether it follows without a gap."""
        if self._position is None or self._totals is None or not self.hub.connections:
            return False
        batch = self._shelf.take_after(self._position)
        if batch is None:
            return False
        if batch.totals is None:
            batch = _with_totals(batch, self._totals)
        self._totals = batch.totals
        self._publish(batch)
        metrics.LAG.set(0)
        return True

    @property
    def position(self) -> Position | None:
        return self._position

    def hear_of(self, handed: Handed) -> None:
        """From any thread that is about to commit."""
        self._loop.call_soon_threadsafe(self._make_ready, handed)

    def take(self, handed: Handed) -> None:
        """From any thread that has committed."""
        if self.hub.connections:
            self._shelf.put(handed)
        if self._tells_others:
            self._outbox.append(handed)

    def _make_ready(self, handed: Handed) -> None:
        """Make the messages while the database commits; nobody is sent them before that has.

        The sockets' can be made only for the change that comes next, and is made anew where it did
        not.
        """
        if self._tells_others:
            handed.told  # noqa: B018  # it is kept
        totals = self._totals
        if handed.place == self._position and totals is not None and self.hub.connections:
            batch = _with_totals(handed.batch, totals)
            handed.batch = replace(batch, payload=frames.changes(batch))

    def _wake(self) -> None:
        if self._rung_at is None:
            self._rung_at = self.now()
        self._woken.set()

    async def _forward_rings(self) -> None:
        await self._ring_others.wait()
        self._ring_others.clear()
        untold, self._untold = self._untold, []
        changes = []
        while self._outbox:
            changes.append(self._outbox.popleft().told)
        # A lost ring costs the other processes half a second.
        layer: Any = get_channel_layer()
        try:
            ring = {"type": "ring", "from": self._name, "changes": changes}
            await layer.group_send(GROUP, ring)
            self._others_hear = True
        except Exception:
            self._others_hear = False  # nobody waits for a Redis that is away
            raise
        finally:
            for heard in untold:
                heard.release()

    async def _hear_rings(self) -> None:
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
        while True:
            ring = await layer.receive(channel)
            if ring.get("from") != self._name:
                self._rung_elsewhere(ring.get("changes"))

    def _rung_elsewhere(self, changes: Any) -> None:
        # Without a position nobody looks on; another database's changes would fill the shelf.
        if self._position is not None and isinstance(changes, list):
            for told in changes:
                with suppress(ValueError):
                    handed = handover.received(told)
                    if handed.place.epoch == self._position.epoch:
                        self._shelf.put(handed)
        if not self._publish_handed_over():
            self._wake()
        self.bells.wake()

    # -- following the log -------------------------------------------------------------------------

    async def _follow(self) -> None:
        await self._woken.wait()
        self._woken.clear()
        rung_at, self._rung_at = self._rung_at, None
        if not self.hub.connections:
            self._position = None
            handover.want(self, self._tells_others)
            self._watch.rest()
            return
        if await self._read_on() and rung_at is not None:
            metrics.LAG.set(self.now() - rung_at)

    async def _read_on(self) -> bool:
        """Publish batch after batch until there is nothing new; whether there was anything."""
        published = False
        while True:
            position = self._position or await self._start()
            look_at_epoch, self._must_look_at_epoch = self._must_look_at_epoch, False
            read = partial(tailer.read_after, look_at_epoch=look_at_epoch)
            news = await self._loop.run_in_executor(self._tail, _query, read, position)
            if isinstance(news, Restart):
                published = True
                self._position, self._totals = news.position, None
                self._shelf.clear()
                self.hub.reset_all(news.position.epoch, news.position.sequence)
                continue
            if self._position is not position:
                continue  # what was read has been handed over meanwhile
            if news is None:
                return published
            published = True
            self._totals = news.totals
            self._publish(news)

    def _publish(self, batch: Batch) -> None:
        assert self._position is not None  # where the batch follows on
        self._position = Position(self._position.epoch, batch.sequence)
        self.hub.publish(batch)

    def _watched_position(self) -> Position | None:
        """From the watch's thread; None where nobody looks on any more."""
        return self._position if self.hub.connections else None

    def _hear_from_watch(self) -> None:
        """From its thread, as the above."""
        self._must_look_at_epoch = True
        self._loop.call_soon_threadsafe(self._woken.set)

    async def _start(self) -> Position:
        """Begin at the end of the log: each socket reads for itself what came before."""
        position = await self._loop.run_in_executor(self._tail, _query, queries.stream_position)
        if self._position is None:  # nobody was quicker
            self._position, self._totals = position, None
            self.hub.begin(position.epoch, position.sequence)
        return self._position

    # -- housekeeping ------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Look at every socket once a second, at a few at a time: the loop has other work."""
        sockets = self.hub.to_look_at(self.now())
        starts = range(0, len(sockets) or 1, SWEPT_AT_ONCE)
        for start in starts:
            # Silence and standing still are what no event tells of.
            await asyncio.sleep(SWEEP_SECONDS / len(starts))
            self.hub.look_at(sockets[start : start + SWEPT_AT_ONCE], self.now())

    async def _recheck(self) -> None:
        await asyncio.sleep(callers.RECHECK_SECONDS)
        await self.hub.callers.check_again(self.read)


def _with_totals(batch: Batch, before: Totals) -> Batch:
    """A batch that was handed over, with the totals that it leads to."""
    totals = before.after(batch.moves)
    return replace(batch, totals=totals, summary=totals.summary())


def _query(function: Callable[..., Answer], *arguments: Any) -> Answer:
    try:
        return function(*arguments)
    except (DatabaseError, InterfaceError):
        connection.close()  # the next query opens a new one
        raise


def _close_connection(all_there: threading.Barrier) -> None:
    """Each thread of a pool has one of its own; none may come twice while another has not."""
    connection.close()
    all_there.wait()


_feeds: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Feed]" = weakref.WeakKeyDictionary()


def current_feed() -> Feed:
    """The feed of the running event loop."""
    loop = asyncio.get_running_loop()
    feed = _feeds.get(loop)
    if feed is None:
        feed = _feeds[loop] = Feed(loop)
    return feed
