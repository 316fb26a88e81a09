"""Clients of server processes: sockets as a browser or a program opens them, and the API."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.servers import RunningServer

FEED = "/ws/marketplace/tasks/execution/"
API = "/api/marketplace/orchestration/task-execution"
PATIENCE_SECONDS = 10.0


def connecting(
    server: RunningServer,
    *,
    path: str = FEED,
    query: str = "",
    token: str | None = None,
    offers: Sequence[str] = (),
    cookie: str | None = None,
    origin: str | None = None,
    **options: Any,
) -> websockets.connect:
    subprotocols = [*offers, *([f"token.{token}"] if token else [])]
    return websockets.connect(
        f"{server.socket_url}{path}?{query}",
        origin=Origin(origin) if origin else None,
        subprotocols=[Subprotocol(offer) for offer in subprotocols] or None,
        additional_headers={"Cookie": cookie} if cookie else None,
        max_size=None,
        proxy=None,
        **options,
    )


async def heard(socket: ClientConnection) -> dict[str, Any]:
    message = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_SECONDS))
    assert isinstance(message, dict)
    return message


async def heard_of(socket: ClientConnection, kind: str) -> dict[str, Any]:
    message = await heard(socket)
    assert message["type"] == kind, message
    return message


async def heard_until(socket: ClientConnection, sequence: int) -> list[dict[str, Any]]:
    """The frames of changes up to an event."""
    frames = [await heard_of(socket, "changes")]
    while frames[-1]["sequence"] < sequence:
        frames.append(await heard_of(socket, "changes"))
    return frames


async def closing(socket: ClientConnection) -> int:
    """The code that the server closes with, whatever it says before."""
    try:
        while True:
            await asyncio.wait_for(socket.recv(), PATIENCE_SECONDS)
    except ConnectionClosed:
        assert socket.close_code is not None
        return socket.close_code


class Api:
    """Calls with a token, as a program makes them."""

    def __init__(self, server: RunningServer, token: str) -> None:
        headers = {"Authorization": f"Token {token}"}
        self._client = httpx.AsyncClient(base_url=server.url, headers=headers, timeout=15)

    async def create(self, **fields: Any) -> dict[str, Any]:
        values = {
            "taskType": "listing_optimization",
            "title": "Otimizar título",
            "channel": "amazon",
            "estimatedHours": 1,
            **fields,
        }
        return dict((await self._answer("POST", API, json=values))["task"])

    async def create_many(self, count: int, **fields: Any) -> None:
        one = {"taskType": "t", "title": "T", "channel": "amazon", "estimatedHours": 1, **fields}
        await self._answer("POST", API, json=[one] * count)

    async def change(self, task_id: str, status: str, **fields: Any) -> dict[str, Any]:
        body = {"taskId": task_id, "status": status, **fields}
        return dict((await self._answer("PATCH", API, json=body))["task"])

    async def task(self, task_id: str) -> dict[str, Any]:
        return dict((await self._answer("GET", f"{API}/{task_id}"))["task"])

    async def snapshot(self, **parameters: Any) -> dict[str, Any]:
        return await self._answer("GET", API, params=parameters)

    async def _answer(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = await self._client.request(method, path, **options)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def close(self) -> None:
        await self._client.aclose()


@asynccontextmanager
async def api_of(server: RunningServer, token: str) -> AsyncIterator[Api]:
    api = Api(server, token)
    try:
        yield api
    finally:
        await api.close()


def without_clock(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task without what moves with the clock."""
    return {**task, "timeSpent": None, "overdue": None}
