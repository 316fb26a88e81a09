"""Server processes that share a database: told of one another's changes, killed, restarted."""

import asyncio
import os
import random
import signal
import socket as sockets
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from websockets.asyncio.client import ClientConnection

from execution.feed.runtime import GROUP
from tests.execution.feed.clients import (
    Api,
    api_of,
    closing,
    connecting,
    heard,
    heard_of,
    without_clock,
)
from tests.execution.feed.people import People, make_people
from tests.redis_server import OwnRedis
from tests.servers import (
    BOTH_SERVERS,
    RunningServer,
    ServerName,
    running_server,
    server_environment,
)

pytestmark = pytest.mark.integration
POLL_SECONDS = 0.5
STUCK_AFTER_SECONDS = 10.0
CLOSE_WITHIN_SECONDS = 5.0
EXIT_WITHIN_SECONDS = 5.0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return server_environment(tmp_path_factory.mktemp("processes"))


@pytest.fixture(scope="module")
def people(environment: dict[str, str]) -> People:
    return make_people(environment, helena="head")


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    redis = OwnRedis(tmp_path_factory.mktemp("redis"))
    redis.start()
    yield redis
    redis.kill()


@pytest.fixture
def pair(
    environment: dict[str, str], people: People, tmp_path: Path
) -> Iterator[list[RunningServer]]:
    """A daphne and a uvicorn on one database, each looking for itself what the other wrote."""
    yield from running_pair({**environment, "REDIS_URL": ""}, tmp_path)


@pytest.fixture
def ringing_pair(
    environment: dict[str, str], people: People, own_redis: OwnRedis, tmp_path: Path
) -> Iterator[list[RunningServer]]:
    """The same with a Redis between them."""
    with_redis = {**environment, "REDIS_URL": f"unix://{own_redis.socket}"}
    yield from running_pair(with_redis, tmp_path)


def running_pair(environment: dict[str, str], folder: Path) -> Iterator[list[RunningServer]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(running_server(name, environment, folder / f"{name}.log"))
            for name in BOTH_SERVERS
        ]


class Watcher:
    """A client as the contract wants it: applies what follows, reads again after a reset."""

    def __init__(self, socket: ClientConnection, hello: dict[str, Any]) -> None:
        self.socket = socket
        self.sequence: int = hello["sequence"]
        self.tasks: dict[str, Any] = {}
        self.summary: dict[str, Any] = hello["summary"]

    async def follow(self, sequence: int) -> None:
        while self.sequence < sequence:
            frame = await heard_of(self.socket, "changes")
            assert frame["previous"] == self.sequence
            assert [event["sequence"] for event in frame["events"]] == list(
                range(self.sequence + 1, frame["sequence"] + 1)
            )
            self.sequence, self.summary = frame["sequence"], frame["summary"]
            self.tasks |= {task["taskId"]: without_clock(task) for task in frame["tasks"]}


async def watch(
    stack: AsyncExitStack, server: RunningServer, people: People, query: str = "", **options: Any
) -> Watcher:
    socket = await stack.enter_async_context(
        connecting(server, token=people.tokens["helena"], query=query, **options)
    )
    return Watcher(socket, await heard_of(socket, "hello"))


async def api_for(stack: AsyncExitStack, server: RunningServer, people: People) -> Api:
    return await stack.enter_async_context(api_of(server, people.tokens["helena"]))


async def test_a_change_on_one_appears_on_both(pair: list[RunningServer], people: People) -> None:
    async with AsyncExitStack() as stack:
        watchers = [await watch(stack, server, people) for server in pair for _ in range(2)]
        for server in pair:
            api = await api_for(stack, server, people)
            task = await api.create()
            asked_at = time.monotonic()
            changed = await api.change(task["taskId"], "in_progress", progress=60)
            await asyncio.gather(*(watcher.follow(changed["sequence"]) for watcher in watchers))
            # By a doorbell over Redis, by looking after half a second without it.
            assert time.monotonic() - asked_at < POLL_SECONDS + 1.0
            for watcher in watchers:
                assert watcher.tasks[task["taskId"]] == without_clock(changed)


@pytest.mark.parametrize("name", BOTH_SERVERS)
async def test_after_a_kill_clients_resume_without_a_gap(
    environment: dict[str, str], people: People, name: ServerName, tmp_path: Path
) -> None:
    start = partial(running_server, name, environment, tmp_path / "server.log")
    async with AsyncExitStack() as stack:
        with start() as killed:
            watcher = await watch(stack, killed, people)
            api = await api_for(stack, killed, people)
            task = await api.create()
            await watcher.follow(task["sequence"])
            # Written, perhaps not yet told, when the process dies.
            task = await api.change(task["taskId"], "in_progress")
            os.kill(killed.process.pid, signal.SIGKILL)
            killed.process.wait()
            assert await closing(watcher.socket) == 1006
        with start() as restarted:
            api = await api_for(stack, restarted, people)
            task = await api.change(task["taskId"], "completed")
            again = await watch(stack, restarted, people, f"since={watcher.sequence}")
            again.sequence = watcher.sequence
            await again.follow(task["sequence"])
            assert again.tasks[task["taskId"]] == without_clock(task)


async def test_sigterm_ends_both_in_time_while_work_goes_on(
    pair: list[RunningServer], people: People
) -> None:
    async with AsyncExitStack() as stack:
        watchers = [await watch(stack, server, people) for server in pair for _ in range(10)]
        api = await api_for(stack, pair[0], people)
        working = asyncio.create_task(work_until_refused(api))
        await watchers[-1].follow(watchers[-1].sequence + 3)
        asked_at = time.monotonic()
        for server in reversed(pair):
            server.process.send_signal(signal.SIGTERM)
        for server in pair:
            await asyncio.to_thread(server.process.wait, EXIT_WITHIN_SECONDS)
        assert time.monotonic() - asked_at < EXIT_WITHIN_SECONDS
        await working
        codes = {await closing(watcher.socket) for watcher in watchers}
        assert 1011 not in codes


async def work_until_refused(api: Api) -> None:
    try:
        while True:
            await api.create()
    except Exception:
        return


async def test_a_slow_reader_is_closed_and_slows_nobody(
    ringing_pair: list[RunningServer], people: People
) -> None:
    async with AsyncExitStack() as stack:
        api = await api_for(stack, ringing_pair[0], people)
        watchers = [await watch(stack, server, people) for server in ringing_pair]
        slow = [
            await watch(stack, server, people, **with_little_room(server))
            for server in ringing_pair
        ]
        for reader in slow:
            reader.socket.transport.pause_reading()
        began_at = time.monotonic()
        # More than all that lies between a server and a client can hold.
        for _ in range(40):
            await api.create_many(100, title="x" * 200)
            newest = (await api.snapshot(limit=1))["sequence"]
            await asyncio.gather(*(watcher.follow(newest) for watcher in watchers))

        filled_at = time.monotonic()
        slowest = 0.0
        while time.monotonic() - filled_at < STUCK_AFTER_SECONDS + 2:
            asked_at = time.monotonic()
            task = await api.create()
            await asyncio.gather(*(watcher.follow(task["sequence"]) for watcher in watchers))
            slowest = max(slowest, time.monotonic() - asked_at)
            await asyncio.sleep(0.1)
        assert slowest < POLL_SECONDS + 1.0

        # On a busy machine the close may have waited for its reader as long as it does.
        waited = time.monotonic() - began_at > STUCK_AFTER_SECONDS + CLOSE_WITHIN_SECONDS
        for server, reader in zip(ringing_pair, slow, strict=True):
            reader.socket.transport.resume_reading()
            # Daphne waits a second for its close to be answered, then cuts the connection off.
            codes = {4429, 1006} if waited or server is ringing_pair[0] else {4429}
            assert await closing(reader.socket) in codes
            again = await watch(stack, server, people, f"since={reader.sequence}")
            # Over 1,000 events lie between.
            assert (await heard(again.socket))["type"] == "reset"


def with_little_room(server: RunningServer) -> dict[str, Any]:
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", server.port))
    raw.setblocking(False)
    return {"sock": raw, "ping_interval": None}


# -- What Redis carries ----------------------------------------------------------------------------


async def test_whatever_redis_carries_everybody_sees_what_was_written(
    ringing_pair: list[RunningServer], people: People, own_redis: OwnRedis
) -> None:
    """Writers on both; every message comes again, later and out of turn, among made-up ones."""
    async with AsyncExitStack() as stack:
        watchers = [await watch(stack, server, people) for server in ringing_pair]
        apis = [await api_for(stack, server, people) for server in ringing_pair for _ in range(2)]
        muddling = asyncio.create_task(muddle(own_redis))
        written: dict[str, Any] = {}

        async def write(api: Api) -> None:
            for _ in range(8):
                task = await api.create()
                for status in ("in_progress", "marketplace_sync", "completed"):
                    task = await api.change(task["taskId"], status)
                written[task["taskId"]] = without_clock(task)

        await asyncio.gather(*map(write, apis))
        newest = await apis[0].snapshot(limit=1)
        await asyncio.gather(*(watcher.follow(newest["sequence"]) for watcher in watchers))
        muddling.cancel()
        for watcher in watchers:
            assert {key: watcher.tasks[key] for key in written} == written
            assert watcher.summary["all"] == newest["summary"]
        for server in ringing_pair:
            assert "Traceback" not in server.log()


async def muddle(redis: OwnRedis) -> None:
    layer = RedisPubSubChannelLayer(hosts=[f"unix://{redis.socket}"])
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    chance, heard_before = random.Random(7), []
    while True:
        ring = await layer.receive(channel)
        if "muddled" in ring:
            continue
        heard_before.append(ring)
        made_up = [b"", b"{}", b"[1]", b'{"epoch": 1, "previous": "x"}', b"\0", 7, None]
        for changes in (chance.choice(heard_before)["changes"], made_up, None, "ring", 7):
            message = {"type": "ring", "from": "nobody", "changes": changes, "muddled": True}
            await layer.group_send(GROUP, message)


# -- Redis lost and back ---------------------------------------------------------------------------


async def test_the_feed_outlives_redis(
    ringing_pair: list[RunningServer], people: People, own_redis: OwnRedis
) -> None:
    async with AsyncExitStack() as stack:
        writing, other = ringing_pair
        watchers = [await watch(stack, server, people) for server in ringing_pair]
        api = await api_for(stack, writing, people)

        async def seen_everywhere() -> float:
            asked_at = time.monotonic()
            event = (await api.create())["sequence"]
            await asyncio.gather(*(watcher.follow(event) for watcher in watchers))
            return time.monotonic() - asked_at

        async def is_rung() -> bool:
            """Most changes are seen sooner than by looking every half second."""
            return sorted([await seen_everywhere() for _ in range(5)])[3] < POLL_SECONDS / 3

        async def wait_until_rung() -> None:
            deadline = time.monotonic() + 15
            while not await is_rung():
                assert time.monotonic() < deadline, other.log()

        await wait_until_rung()
        own_redis.kill()
        assert max([await seen_everywhere() for _ in range(3)]) < POLL_SECONDS + 1.0
        own_redis.start()
        await wait_until_rung()
        # Worse than one that is gone: it refuses nothing and answers nothing.
        own_redis.stand_still()
        try:
            waits = [await seen_everywhere() for _ in range(3)]
        finally:
            own_redis.go_on()
        assert waits[0] < 4.0
        assert max(waits[1:]) < POLL_SECONDS + 1.0
        await wait_until_rung()
        for watcher in watchers:
            assert watcher.socket.close_code is None
