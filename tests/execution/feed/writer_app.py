"""Sockets that are written to directly, served by daphne and uvicorn in tests.

`/talk?code=` mixes direct and ordinary sending, then closes; `/flood` writes to a client that does
not read and then closes it; GET answers what became of that.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from execution.feed import direct
from execution.feed.frames import text_frame

Message = MutableMapping[str, Any]
state: dict[str, Any] = {}
direct.CLOSE_WITHIN_SECONDS = 0.5
FLOOD_FRAME = text_frame(b"x" * 65_000)
FLOOD_BYTES = 1024 * 1024


async def application(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    if scope["type"] == "http":
        body = json.dumps(state).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await (flood if scope["path"] == "/flood" else talk)(scope, receive, send)


async def talk(scope: Message, receive: Any, send: Any) -> None:
    writer = direct.writer_for(send)
    assert writer is not None
    for number in range(0, 6, 2):
        writer.write(text_frame(f"{number} {type(writer).__name__}".encode()))
        await send({"type": "websocket.send", "text": f"{number + 1} ordinary"})
    writer.write(text_frame(b"x" * 100_000))
    await receive()  # the client has read all that
    state["buffered"] = writer.buffered()
    await direct.close(send, int(parse_qs(scope["query_string"].decode())["code"][0]))


async def flood(scope: Message, receive: Any, send: Any) -> None:
    writer = direct.writer_for(send)
    assert writer is not None
    written = 0
    while writer.buffered() < FLOOD_BYTES:
        writer.write(FLOOD_FRAME)
        written += len(FLOOD_FRAME)
        await asyncio.sleep(0)  # the kernel takes what it can
    state.update(buffered=writer.buffered(), written=written)
    await direct.close(send, 4429)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    state["gone"] = True
