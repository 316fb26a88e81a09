"""Whatever befalls the servers: what was acknowledged is there, and everybody sees it.

Short here; `make faults` kills twenty times and waits for 5,000 acknowledged writes.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.execution.feed.clients import API, without_clock
from tests.execution.feed.people import make_people
from tests.faults.clients import Creator, Viewer, Writer, new_client
from tests.faults.cluster import Cluster
from tests.faults.history import Logged, Outcome, contradictions, created_wrongly
from tests.redis_server import OwnRedis
from tests.servers import BOTH_SERVERS, connected, manage, server_environment
from tests.services import own_folder, postgres

pytestmark = pytest.mark.integration

WRITERS, CREATORS, VIEWERS = 8, 2, 6
OWN_TASKS, SHARED_TASKS = 2, 4
CONVERGE_WITHIN_SECONDS = 5.0
EXIT_WITHIN_SECONDS = 5.0
BETWEEN_FAULTS_SECONDS = 1.0

_LOG = """
import json
from execution.models import Task, TaskEvent
events = TaskEvent.objects.values_list(
    "sequence", "task__task_id", "from_status", "to_status", "reason")
numbers = list(TaskEvent.objects.order_by("sequence").values_list("sequence", flat=True))
assert numbers == list(range(1, len(numbers) + 1)), "the log has a gap"
print(json.dumps({
    "events": list(events),
    "titles": list(Task.objects.filter(task_type="fault").values_list("title", flat=True)),
}))
"""


@dataclass(frozen=True, slots=True)
class Extent:
    kills: int
    acknowledged: int


SHORT = Extent(kills=2, acknowledged=100)
LONG = Extent(kills=20, acknowledged=5_000)


@dataclass
class Ground:
    """A cluster at work, with all that can befall it."""

    cluster: Cluster
    token: str
    others: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    with ExitStack() as stack:
        places = {}
        if "DATABASE_URL" in os.environ:
            # Of its own: it is crashed, and must keep what it has said it keeps.
            runtime = tmp_path / "runtime"
            runtime.mkdir(mode=0o700)
            monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
            places["DATABASE_URL"] = stack.enter_context(postgres(own_folder()))
            with connected(places["DATABASE_URL"]) as connection:
                connection.execute("ALTER SYSTEM SET synchronous_commit = on")
                connection.execute("SELECT pg_reload_conf()")
            redis = OwnRedis(tmp_path)
            redis.start()
            stack.callback(redis.kill)
            places["REDIS_URL"] = f"unix://{redis.socket}"
        environment = server_environment(tmp_path / "data", API_RATE="10000000/min", **places)
        manage(environment, "migrate", "--verbosity", "0")
        people = make_people(environment, helena="head")
        cluster = Cluster(environment, tmp_path)
        stack.callback(cluster.end_all)
        cluster.start_all()
        here = Ground(cluster, people.tokens["helena"], [cluster.lock_database])
        if places:

            async def lose_redis() -> None:
                redis.kill()
                await asyncio.sleep(1)
                redis.start()

            here.others += [lose_redis, cluster.crash_database]
        yield here


async def test_nothing_acknowledged_is_lost(ground: Ground) -> None:
    await ordeal(ground, SHORT, seed=1)


@pytest.mark.faults
async def test_nothing_acknowledged_is_lost_in_twenty_kills(ground: Ground) -> None:
    await ordeal(ground, LONG, seed=2)


async def ordeal(ground: Ground, extent: Extent, *, seed: int) -> None:
    cluster = ground.cluster
    shared = await new_tasks(ground, SHARED_TASKS)
    over, seen = asyncio.Event(), asyncio.Event()
    writers = [
        Writer(f"w{n}", cluster, ground.token, [*await new_tasks(ground, OWN_TASKS), *shared])
        for n in range(WRITERS)
    ]
    creators = [Creator(f"c{n}", cluster, ground.token) for n in range(CREATORS)]
    viewers = [Viewer(cluster, ground.token, n) for n in range(VIEWERS)]
    watching = [asyncio.create_task(viewer.watch(seen)) for viewer in viewers]
    working = [asyncio.create_task(writer.work(over)) for writer in writers]
    working += [asyncio.create_task(creator.work(over)) for creator in creators]

    def acknowledged() -> int:
        outcomes = (write.outcome for writer in writers for write in writer.writes)
        return sum(outcome is Outcome.ACKNOWLEDGED for outcome in outcomes)

    await befall(ground, extent, acknowledged, random.Random(seed))
    over.set()
    await asyncio.gather(*working)

    waited = await converge(ground, viewers)
    seen.set()
    for watch in watching:
        watch.cancel()
    await asyncio.gather(*watching, return_exceptions=True)

    writes = [write for writer in writers for write in writer.writes]
    outcomes = Counter(write.outcome.value for write in writes)
    slowest = max(cluster.exit_seconds, default=0.0)
    kept = json.loads(cluster.ask(_LOG).splitlines()[-1])
    mine = {write.task_id for write in writes}
    log = [Logged(*event) for event in kept["events"] if event[1] in mine]
    titles = {title: outcome for one in creators for title, outcome in one.titles.items()}
    wrong = contradictions(writes, log) + created_wrongly(titles, kept["titles"])
    seconds = f"seen {waited:.1f} s later, exit {slowest:.1f} s"
    told = f"{cluster.kills} kills, {dict(outcomes)}, {len(wrong)} contradictions, {seconds}"
    sys.stdout.write(f"\n{told}\n")  # `make faults` shows it, `make bench` reads it
    assert wrong == [], told
    faults = [fault for writer in writers for fault in writer.faults]
    faults += [fault for creator in creators for fault in creator.faults]
    assert faults + [fault for viewer in viewers for fault in viewer.faults] == [], told
    assert waited <= CONVERGE_WITHIN_SECONDS
    assert slowest <= EXIT_WITHIN_SECONDS
    assert manage(cluster.environment, "check_consistency")
    assert unforeseen(cluster.log()) == []


def unforeseen(log: str) -> list[str]:
    """What the servers wrote with a traceback: nobody had thought of it.

    Channels tells of a lost Redis that way; what it means is tests/test_feed_processes.py's.
    """
    lines = (line for line in log.splitlines() if "Traceback" in line)
    return [line for line in lines if '"logger": "channels_redis' not in line]


async def new_tasks(ground: Ground, count: int) -> list[str]:
    body = {"taskType": "t", "title": "T", "channel": "amazon", "estimatedHours": 1}
    async with new_client(ground.token) as client:
        answer = await client.post(ground.cluster.url(0) + API, json=[body] * count)
        assert answer.status_code == 201, answer.text
        return [task["taskId"] for task in answer.json()["tasks"]]


async def befall(
    ground: Ground, extent: Extent, acknowledged: Callable[[], int], chance: random.Random
) -> None:
    """Everything at least once, in any order, until there was enough of it."""
    cluster = ground.cluster
    every: list[Callable[[], Awaitable[None]]] = [
        *(partial(cluster.end, name) for name in BOTH_SERVERS),
        *(partial(cluster.stop, name) for name in BOTH_SERVERS),
        *ground.others,
    ]
    chance.shuffle(every)
    while every or cluster.kills < extent.kills or acknowledged() < extent.acknowledged:
        await asyncio.sleep(chance.uniform(0, BETWEEN_FAULTS_SECONDS))
        if cluster.kills < extent.kills:
            await cluster.kill(chance.choice(BOTH_SERVERS))
        if every:
            await every.pop()()


async def converge(ground: Ground, viewers: list[Viewer]) -> float:
    """Seconds until every viewer shows what a fresh page would."""
    began_at = time.monotonic()
    fresh = Viewer(ground.cluster, ground.token, 0)
    while True:
        await fresh._read_all()
        late = [viewer for viewer in viewers if viewer.sequence < fresh.sequence]
        waited = time.monotonic() - began_at
        if not late:
            break
        assert waited < 4 * CONVERGE_WITHIN_SECONDS, [viewer.sequence for viewer in late]
        await asyncio.sleep(0.05)
    for viewer in viewers:
        shown = {task_id: without_clock(task) for task_id, task in viewer.tasks.items()}
        assert shown == fresh.tasks
    return waited
