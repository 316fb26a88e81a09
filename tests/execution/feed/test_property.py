"""Snapshot + frames = fresh snapshot, whatever is written, lost and resumed meanwhile."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import APIException
from rest_framework.test import APIClient

from accounts.callers import Caller, caller_for_agent
from accounts.tokens import issue_token
from execution import claiming, commands, queries, services
from execution.changes import Edits, TaskChange
from execution.enums import TaskStatus
from execution.feed.runtime import current_feed
from execution.models import Lease, Stream, Task, TaskEvent
from tests.execution.feed.clients import without_clock
from tests.execution.feed.sockets import Socket, opened
from tests.factories import OPERATOR, change, make_agent, make_task, make_user, recounted

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
TASKS = "/api/marketplace/orchestration/task-execution"
CLIENTS = 3
WRITERS = 2
MARKETPLACES = ("amazon", "shopee")

# What happens, and a number that decides how and to whom.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                *("create", "create_many", "move", "move", "move", "command", "command"),
                *("work", "undo", "drop", "drop", "restore"),
            )
        ),
        st.integers(0, 2**16),
    ),
    min_size=5,
    max_size=40,
)


# -- What is written -------------------------------------------------------------------------------


def create(chance: random.Random) -> None:
    marketplace = chance.choice(MARKETPLACES)
    make_task(marketplace_id=marketplace, targets=MARKETPLACES, agent_id="alex")


def create_many(chance: random.Random) -> None:
    new = services.NewTask("t", "T", chance.choice(MARKETPLACES), 1.0, agent_id="alex")
    services.create_tasks([new] * chance.randint(2, 30), caller=OPERATOR)


def move(chance: random.Random) -> None:
    """Any step on any task; most of them are refused."""
    tasks = list(Task.objects.order_by("-id").values_list("task_id", flat=True)[:8])
    if not tasks:
        return
    state = queries.task_state(Task.objects.all(), chance.choice(tasks))
    assert state is not None
    status = chance.choice(list(TaskStatus))
    fields: dict[str, Any] = {}
    if status == TaskStatus.MARKETPLACE_SYNC:
        fields["sync_status"] = {chance.choice(MARKETPLACES): True}
    elif status == TaskStatus.IN_PROGRESS:
        fields["progress"] = chance.randint(50, 74)
    with suppress(APIException):
        change(state, status=status, **fields)


def command(chance: random.Random) -> None:
    """Any command to any task; most of them are refused."""
    tasks = list(Task.objects.order_by("-id").values_list("task_id", "sequence")[:8])
    if not tasks:
        return
    task_id, sequence = chance.choice(tasks)
    edits = Edits(
        title=chance.choice(("T", "Outro")),
        estimated_minutes=chance.choice((1.0, 30.0)),
        targets=chance.choice((["amazon"], ["shopee"], ["amazon", "shopee", "shein"])),
    )
    with suppress(APIException):
        if chance.random() < 0.2:
            services.undo_failure(task_id, sequence=sequence, caller=OPERATOR)
        elif chance.random() < 0.2:
            services.resync_task(task_id, caller=OPERATOR)
        else:
            given = chance.choice(list(commands.Command))
            somebody = Caller(f"user:{chance.randint(1, 5)}", is_superuser=True)
            services.command_task(task_id, given, caller=somebody, edits=edits)


def work(chance: random.Random) -> None:
    """The agent takes a task, reports on it under its lease, and may fall silent."""
    alex = caller_for_agent("alex")
    for held in claiming.claim_tasks("alex", caller=alex, limit=2):
        for status in chance.choice((["in_progress"], ["in_progress", "marketplace_sync"])):
            with suppress(APIException):
                services.update_task(
                    held.state.row["task_id"],
                    TaskChange(TaskStatus(status)),
                    caller=alex,
                    lease_id=held.lease_id,
                )
        if chance.random() < 0.5:
            Lease.objects.filter(lease_id=held.lease_id).update(
                expires_at=held.state.row["created_at"]
            )
    claiming.end_lapsed_leases()


def undo(chance: random.Random) -> None:
    """A transaction that takes a number and gives it back."""
    with transaction.atomic():
        create(chance)
        transaction.set_rollback(True)


def restore(chance: random.Random) -> None:
    """Another epoch, as the restore command gives one; never one that has been."""
    Stream.objects.update(epoch=str(uuid4()))


WRITES: dict[str, Callable[[random.Random], None]] = {
    "create": create,
    "create_many": create_many,
    "move": move,
    "command": command,
    "work": work,
    "undo": undo,
    "restore": restore,
}


# -- What is read ----------------------------------------------------------------------------------


@dataclass
class Snapshot:
    sequence: int
    epoch: str
    tasks: dict[str, Any]
    summary: dict[str, Any]


def read_snapshot(token: str) -> Snapshot:
    """Every page of the list, as CONTRACT says it is to be walked."""
    client = APIClient(headers={"Authorization": f"Token {token}"})
    pages = [client.get(TASKS, {"limit": 100}).json()]
    while pages[-1]["nextCursor"]:
        pages.append(client.get(TASKS, {"limit": 100, "cursor": pages[-1]["nextCursor"]}).json())
    first = pages[0]
    tasks = {task["taskId"]: without_clock(task) for page in pages for task in page["tasks"]}
    return Snapshot(first["sequence"], first["epoch"], tasks, first["summary"])


@dataclass
class Client:
    """A page: its snapshot, and what frames made of it."""

    token: str
    at: Callable[..., Any]
    snapshot: Snapshot

    async def read_again(self) -> None:
        self.snapshot = await self.at(read_snapshot, self.token)

    def apply(self, frame: dict[str, Any]) -> None:
        seen = self.snapshot
        assert frame["previous"] == seen.sequence
        numbers = [event["sequence"] for event in frame["events"]]
        assert numbers == list(range(frame["previous"] + 1, frame["sequence"] + 1))
        assert {task["taskId"] for task in frame["tasks"]} == {
            event["taskId"] for event in frame["events"]
        }
        for task in frame["tasks"]:
            known = seen.tasks.get(task["taskId"])
            if known is None or known["sequence"] <= task["sequence"]:
                seen.tasks[task["taskId"]] = without_clock(task)
        seen.sequence = frame["sequence"]
        seen.summary = frame["summary"]["all"]

    async def live(self, chance: random.Random, turns: "asyncio.Queue[str]") -> None:
        """Open, hear, lose and resume, until the last turn; then hear it all out."""
        turn = ""
        while turn != "end":
            place = f"since={self.snapshot.sequence}"
            if chance.random() < 0.5:
                place += f"&epoch={self.snapshot.epoch}"
            async with opened(self.token, place) as socket:
                hello = await socket.next_of("hello")
                self.snapshot.epoch = hello["epoch"]
                self.snapshot.summary = hello["summary"]["all"]
                hearing = asyncio.create_task(self._hear(socket))
                try:
                    turn = await turns.get()
                    if turn == "end":
                        await self._hear_out(hearing)
                finally:
                    hearing.cancel()
                    await asyncio.gather(hearing, return_exceptions=True)

    async def _hear(self, socket: Socket) -> None:
        while True:
            frame = await socket.next()
            if frame["type"] == "changes":
                self.apply(frame)
            elif frame["type"] == "reset":
                await self.read_again()
                assert self.snapshot.sequence >= frame["sequence"]
                # The socket goes on from its own number.
                self.snapshot.sequence = frame["sequence"]

    async def _hear_out(self, hearing: "asyncio.Task[None]") -> None:
        end: queries.Position = await self.at(queries.stream_position)
        async with asyncio.timeout(5):
            while (self.snapshot.sequence, self.snapshot.epoch) != (end.sequence, end.epoch):
                if hearing.done():
                    hearing.result()
                await asyncio.sleep(0.005)


# -- The property ----------------------------------------------------------------------------------


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, seed=st.integers(0, 2**32))
def test_snapshot_and_frames_make_a_fresh_snapshot(
    transactional_db: None,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[tuple[str, int]],
    seed: int,
) -> None:
    # What a client missed comes in parts.
    monkeypatch.setattr("execution.consumers.PART_EVENTS", 2)
    make_agent("alex", *MARKETPLACES)
    token = issue_token(name="test", by="user:ana", user=make_user())[1]
    clients = asyncio.run(scenario(token, steps, random.Random(seed)))

    fresh = read_snapshot(token)
    for client in clients:
        assert client.snapshot.tasks == fresh.tasks
        assert client.snapshot.sequence == fresh.sequence
        assert client.snapshot.summary == fresh.summary
    numbers = list(TaskEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    assert numbers == list(range(1, fresh.sequence + 1))
    assert fresh.summary == recounted(Task.objects.all())


async def scenario(token: str, steps: list[tuple[str, int]], chance: random.Random) -> list[Client]:
    """Writers side by side, and clients that hear them, break off and come again."""
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(WRITERS)

    async def at(function: Callable[..., Any], *arguments: Any) -> Any:
        return await loop.run_in_executor(threads, function, *arguments)

    feed = current_feed()
    try:
        clients = [Client(token, at, await at(read_snapshot, token)) for _ in range(CLIENTS)]
        turns: list[asyncio.Queue[str]] = [asyncio.Queue() for _ in clients]
        async with asyncio.TaskGroup() as living:
            for client, queue in zip(clients, turns, strict=True):
                living.create_task(client.live(random.Random(chance.random()), queue))
            async with asyncio.TaskGroup() as writing:
                for name, number in steps:
                    if name == "drop":
                        turns[number % CLIENTS].put_nowait(name)
                    else:
                        writing.create_task(at(WRITES[name], random.Random(number)))
                    if number % 3 == 0:
                        await asyncio.sleep(number % 7 / 1000)
            for queue in turns:
                queue.put_nowait("end")
        return clients
    finally:
        await feed.close()
        all_there = Barrier(WRITERS)
        for _ in range(WRITERS):
            threads.submit(close_connection, all_there)
        threads.shutdown()


def close_connection(all_there: Barrier) -> None:
    connection.close()
    all_there.wait()  # so that no thread comes twice
