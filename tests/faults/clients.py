"""Writers that note what they were told, and viewers that lose their connection and go on."""

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx
import websockets
from websockets.exceptions import WebSocketException

from execution.enums import TaskStatus
from execution.lifecycle import allowed_transitions
from tests.execution.feed.clients import API, connecting, without_clock
from tests.faults.cluster import Cluster
from tests.faults.history import Outcome, Write
from tests.servers import BOTH_SERVERS

# Longer than anything that befalls a server here; what takes longer counts as unanswered.
TIMEOUT_SECONDS = 15.0
PAUSE_SECONDS = 0.05


def new_client(token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        headers={"Authorization": f"Token {token}"}, timeout=TIMEOUT_SECONDS, trust_env=False
    )


class Writer:
    """Moves tasks along the life cycle, to and fro, by whichever server is there."""

    def __init__(self, name: str, cluster: Cluster, token: str, tasks: Sequence[str]) -> None:
        self._name, self._cluster, self._tasks = name, cluster, tasks
        self._client = new_client(token)
        self._random = random.Random(name)
        self._turn = self._random.randrange(2)
        self._known: dict[str, dict[str, Any]] = {}
        self.writes: list[Write] = []
        self.faults: list[str] = []

    async def work(self, over: asyncio.Event) -> None:
        async with self._client:
            while not over.is_set():
                await self._step(self._random.choice(self._tasks))

    async def _step(self, task_id: str) -> None:
        try:
            # What it believes may be old: others move the task too. Then it is told so.
            await self._move(self._known.get(task_id) or await self._read(task_id))
        except (httpx.HTTPError, OSError):
            self._turn += 1
            self._known.pop(task_id, None)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self, task_id: str) -> dict[str, Any]:
        answer = await self._client.get(f"{self._cluster.url(self._turn)}{API}/{task_id}")
        if answer.status_code != 200:
            self._note_fault(answer)
            raise httpx.ReadError("not read")
        return dict(answer.json()["task"])

    async def _move(self, task: Mapping[str, Any]) -> None:
        task_id, new = task["taskId"], self._random.choice(_onward(TaskStatus(task["status"])))
        mark = f"{self._name}-{len(self.writes)}"
        # The version: where somebody else was faster there is a refusal, not a 200 for nothing.
        body = {"taskId": task_id, "status": new, "reason": mark, "version": task["version"]}
        url = self._cluster.url(self._turn) + API
        try:
            answer = await self._client.patch(url, json=body)
        except (httpx.HTTPError, OSError):
            self.writes.append(Write(task_id, mark, Outcome.UNANSWERED))
            raise
        if answer.status_code == 200:
            now = self._known[task_id] = answer.json()["task"]
            self.writes.append(Write(task_id, mark, Outcome.ACKNOWLEDGED, now["sequence"]))
            return
        self._known.pop(task_id, None)
        self._note_fault(answer)
        if answer.status_code == 503:
            self.writes.append(Write(task_id, mark, Outcome.UNANSWERED))
            self._turn += 1
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            self.writes.append(Write(task_id, mark, Outcome.REFUSED))

    def _note_fault(self, answer: httpx.Response) -> None:
        """Refused as too late, or told to come again: anything else is the server's fault."""
        if answer.status_code not in (409, 503):
            self.faults.append(f"{answer.status_code}: {answer.text[:300]}")


def _onward(status: TaskStatus) -> list[TaskStatus]:
    """Where to go from there, mostly not into the one end that there is no way out of."""
    ways = [new for new in allowed_transitions(status) if new is not TaskStatus.COMPLETED]
    return [*ways, *(way for way in ways if way is not TaskStatus.FAILED)]


class Creator:
    """Creates tasks under an idempotency key, and asks again until it is answered."""

    def __init__(self, name: str, cluster: Cluster, token: str) -> None:
        self._name, self._cluster = name, cluster
        self._client = new_client(token)
        self._turn = 0
        self.titles: dict[str, Outcome] = {}
        self.faults: list[str] = []

    async def work(self, over: asyncio.Event) -> None:
        async with self._client:
            while not over.is_set():
                await self._create(f"{self._name} {len(self.titles)}", over)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _create(self, title: str, over: asyncio.Event) -> None:
        self.titles[title] = Outcome.UNANSWERED
        key = {"Idempotency-Key": uuid4().hex}
        body = {"taskType": "fault", "title": title, "channel": "amazon", "estimatedHours": 1}
        while not over.is_set():
            try:
                url = self._cluster.url(self._turn) + API
                answer = await self._client.post(url, json=body, headers=key)
            except (httpx.HTTPError, OSError):
                self._turn += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if answer.status_code in (409, 503):
                self._turn += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if answer.status_code != 201:
                self.faults.append(f"{answer.status_code}: {answer.text[:300]}")
            self.titles[title] = Outcome.ACKNOWLEDGED
            return


class Viewer:
    """A page: snapshot, then frames; resumes when it is cut off, reads again when told to."""

    def __init__(self, cluster: Cluster, token: str, turn: int) -> None:
        self._cluster, self._token, self._turn = cluster, token, turn
        self.epoch, self.sequence = "", -1
        self.tasks: dict[str, Any] = {}
        self.faults: list[str] = []

    async def watch(self, over: asyncio.Event) -> None:
        while not over.is_set():
            try:
                if not self.epoch:
                    await self._read_all()
                await self._follow(over)
            except (httpx.HTTPError, OSError, WebSocketException, TimeoutError):
                self._turn += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def _read_all(self) -> None:
        """The pages first read may be older than the last; frames after the first mend that."""
        self.tasks.clear()
        async with new_client(self._token) as client:
            first: dict[str, Any] = {}
            cursor = ""
            while True:
                parameters = {"limit": "200", **({"cursor": cursor} if cursor else {})}
                url = self._cluster.url(self._turn) + API
                answer = await client.get(url, params=parameters)
                answer.raise_for_status()
                page = answer.json()
                first = first or page
                self._keep(page["tasks"])
                cursor = page["nextCursor"]
                if not cursor:
                    break
        self.epoch, self.sequence = first["epoch"], first["sequence"]

    def _keep(self, tasks: Sequence[dict[str, Any]]) -> None:
        for task in tasks:
            known = self.tasks.get(task["taskId"])
            if known is None or known["sequence"] <= task["sequence"]:
                self.tasks[task["taskId"]] = without_clock(task)

    async def _follow(self, over: asyncio.Event) -> None:
        server = self._cluster.servers[BOTH_SERVERS[self._turn % 2]]
        query = f"since={self.sequence}&epoch={self.epoch}"
        socket = connecting(server, token=self._token, query=query, open_timeout=5)
        async with asyncio.timeout(None), socket as feed:
            while not over.is_set():
                frame = await self._heard(feed)
                if frame["type"] == "reset":
                    self.epoch = ""
                    return
                if frame["type"] == "changes":
                    self._apply(frame)

    async def _heard(self, feed: "websockets.ClientConnection") -> dict[str, Any]:
        # The server says something every 20 s; one that is stopped says nothing.
        return dict(json.loads(await asyncio.wait_for(feed.recv(), 25)))

    def _apply(self, frame: dict[str, Any]) -> None:
        if frame["previous"] != self.sequence:
            self.faults.append(f"gap: {frame['previous']} after {self.sequence}")
        self.sequence = frame["sequence"]
        self._keep(frame["tasks"])
