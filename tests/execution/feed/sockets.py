"""Sockets on the ASGI application itself, without a server in between."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings

from nexo.routing import websocket_application

FEED = "/ws/marketplace/tasks/execution/"
PATIENCE_SECONDS = 5.0


async def in_thread(function: Callable[..., Any], *arguments: Any, **values: Any) -> Any:
    """Call what reads or writes the database, as requests do."""
    return await sync_to_async(function)(*arguments, **values)


class Socket:
    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self._communicator = communicator

    async def next(self) -> dict[str, Any]:
        message = json.loads(await self._communicator.receive_from(PATIENCE_SECONDS))
        assert isinstance(message, dict)
        return message

    async def next_of(self, kind: str) -> dict[str, Any]:
        message = await self.next()
        assert message["type"] == kind, message
        return message

    async def until(self, sequence: int) -> list[dict[str, Any]]:
        """The frames of changes up to an event."""
        frames = [await self.next_of("changes")]
        while frames[-1]["sequence"] < sequence:
            frames.append(await self.next_of("changes"))
        return frames

    async def first(self) -> str | int:
        """The type of the next message, or the code that the server closes with."""
        message = await self._communicator.receive_output(PATIENCE_SECONDS)
        if message["type"] == "websocket.close":
            return int(message["code"])
        return str(json.loads(message["text"])["type"])

    async def closing(self) -> int:
        """The code that the server closes with; nothing may come before it."""
        message = await self._communicator.receive_output(PATIENCE_SECONDS)
        assert message["type"] == "websocket.close", message
        return int(message["code"])

    async def say(self, text: str) -> None:
        await self._communicator.send_to(text_data=text)

    async def is_silent(self) -> bool:
        return bool(await self._communicator.receive_nothing(timeout=0.2))


@asynccontextmanager
async def opened(
    token: str | None,
    query: str = "",
    *,
    path: str = FEED,
    offers: Sequence[str] = (),
    cookie: str | None = None,
) -> AsyncIterator[Socket]:
    """An accepted socket, before its hello; with a cookie it is that of our own page."""
    subprotocols = [*offers, *([f"token.{token}"] if token else [])]
    page = [("origin", settings.ALLOWED_ORIGINS[0]), ("cookie", cookie)] if cookie else []
    headers = [(name.encode(), value.encode()) for name, value in page]
    communicator = WebsocketCommunicator(
        websocket_application, f"{path}?{query}", headers, subprotocols=subprotocols
    )
    accepted, _ = await communicator.connect(timeout=PATIENCE_SECONDS)
    assert accepted
    try:
        yield Socket(communicator)
    finally:
        if not communicator.future.done():
            await communicator.disconnect(timeout=PATIENCE_SECONDS)
        await asyncio.sleep(0)
