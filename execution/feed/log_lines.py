"""The log of a task, line by line to whoever watches it.

Lines leave no event: a doorbell of their own names the task. Without it, as for what another
process wrote, one look every half second finds them, while somebody watches.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from channels.layers import get_channel_layer
from django.conf import settings

from execution import queries
from execution.feed import doorbell, frames
from execution.feed.connection import Connection
from execution.feed.room import Feed, Room, open_ones

GROUP: Final = "nexo.logs"
# A line holds 8 kB: so many at most are 512 kB.
LINES_AT_ONCE: Final = 64

Lines = Sequence[Mapping[str, Any]]


def read_lines(task_pk: int, after: int) -> Lines:
    return queries.logs_after(task_pk, after=after, limit=LINES_AT_ONCE)


class LogLines(Room):
    name = "who watches logs"

    def __init__(self, feed: Feed, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(feed)
        self._loop = loop
        self._task_of: dict[Connection, int] = {}
        self._rung: set[int] = set()
        self._to_forward: set[int] = set()
        self._must_forward = asyncio.Event()
        self._look_at = 0.0
        doorbell.listen_for_logs(self._ring)
        if settings.REDIS_URL:
            feed.keep_doing("tell the other processes of logs", self._forward)
            feed.keep_doing("hear of logs from the other processes", self._hear)

    def close(self) -> None:
        doorbell.forget_for_logs(self._ring)

    # -- Doorbells -------------------------------------------------------------------------------

    def _ring(self, task_pk: int) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._rung_here, task_pk)

    def _rung_here(self, task_pk: int) -> None:
        self._rung_for([task_pk])
        if settings.REDIS_URL:
            self._to_forward.add(task_pk)
            self._must_forward.set()

    def _rung_for(self, task_pks: Sequence[int]) -> None:
        watched = {*self._task_of.values()}.intersection(task_pks) if self._task_of else ()
        if watched:
            self._rung.update(watched)
            self.wake()

    async def _forward(self) -> None:
        await self._must_forward.wait()
        self._must_forward.clear()
        task_pks, self._to_forward = self._to_forward, set()
        layer: Any = get_channel_layer()
        await layer.group_send(GROUP, {"type": "logs", "tasks": sorted(task_pks)})

    async def _hear(self) -> None:
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
        while True:
            message = await layer.receive(channel)
            self._rung_for(message["tasks"])

    # -- Sockets ---------------------------------------------------------------------------------

    def watch(self, connection: Connection, task_pk: int) -> None:
        self._task_of[connection] = task_pk
        self.add(connection)

    def remove(self, connection: Connection) -> None:
        super().remove(connection)
        self._task_of.pop(connection, None)

    async def greet(self, connection: Connection, after: int) -> None:
        """Send the first lines after that one, or say that there are none."""
        task_pk = self._task_of[connection]
        lines: Lines = await self.feed.read(read_lines, task_pk, after)
        cursor = lines[-1]["id"] if lines else after
        await connection.send_text(frames.logs(lines, cursor))
        self._start(connection, cursor)
        self._rung.add(task_pk)
        self.wake()

    async def look(self) -> None:
        """Send each socket what it lacks; sockets at the same place share the reading."""
        for task_pk in await self._with_news():
            watching = [one for one, task in self._task_of.items() if task == task_pk]
            places: defaultdict[int, list[Connection]] = defaultdict(list)
            for connection in open_ones(watching):
                places[connection.position or 0].append(connection)
            for after, connections in places.items():
                lines: Lines = await self.feed.read(read_lines, task_pk, after)
                if lines:
                    self._write(connections, frames.logs(lines, lines[-1]["id"]), lines[-1]["id"])
                if len(lines) == LINES_AT_ONCE:
                    self._rung.add(task_pk)
                    self.wake()

    async def _with_news(self) -> set[int]:
        """The watched tasks that rang; every half second, all whose log has grown."""
        rung, self._rung = self._rung, set()
        if self.feed.now() < self._look_at:
            return rung & {*self._task_of.values()}
        self._look_at = self.feed.now() + 0.5
        newest: dict[int, int] = await self.feed.read(
            queries.newest_log_ids, {*self._task_of.values()}
        )
        return {
            task_pk
            for connection, task_pk in self._task_of.items()
            if connection.position is not None and connection.position < newest.get(task_pk, 0)
        }

    def _write(self, connections: Sequence[Connection], payload: bytes, cursor: int) -> None:
        now = self.feed.now()
        for connection in connections:
            if connection.position is not None:
                connection.write_text(payload, now)
                connection.position = cursor

    def ping(self, position: int) -> bytes:
        return frames.log_ping(position)
