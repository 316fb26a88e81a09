"""The socket of the execution page, and the answer to sockets that lead nowhere.

Plain ASGI applications, not Channels consumers: those hop to the one shared thread before every
message, and join groups whose layer drops messages without a word.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from accounts.access import Credential, token_credential
from accounts.callers import Caller
from execution import queries
from execution.feed import direct, frames, tailer
from execution.feed.conduct import Conduct, is_pong
from execution.feed.connection import Connection, Send
from execution.feed.frames import MAX_EVENTS_BEHIND
from execution.feed.handshake import (
    Place,
    is_allowed_origin,
    read_cookie,
    read_headers,
    read_offer,
    read_place,
)
from execution.feed.runtime import CLOSE_UNAUTHENTICATED, Feed, current_feed

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

CLOSE_AGENT = 4403
CLOSE_UNKNOWN_PATH = 4404
CLOSE_MISBEHAVED = 1008
CLOSE_TRY_AGAIN = 1013


async def unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepted and closed at once, so that a browser can tell why."""
    await receive()
    offer = read_offer(scope.get("subprotocols") or [])
    await _accept_and_close(send, offer.answer, CLOSE_UNKNOWN_PATH)


async def task_feed(scope: Scope, receive: Receive, send: Send) -> None:
    """`/ws/marketplace/tasks/execution/`: every change, as it happens."""
    await receive()  # websocket.connect
    offer = read_offer(scope.get("subprotocols") or [])
    session = read_cookie(scope["headers"], settings.SESSION_COOKIE_NAME)
    if session is not None and not is_allowed_origin(
        read_headers(scope["headers"], b"origin"), settings.ALLOWED_ORIGINS
    ):
        # Refused in the handshake: another site's page learns nothing.
        await send({"type": "websocket.close", "code": 4403})
        return
    credential = _credential(session, offer.token)
    feed = current_feed()
    try:
        caller = await feed.authorise(credential) if credential else None
    except (DatabaseError, InterfaceError) as error:
        logger.warning("a socket could not be authorised: %s", error)
        await _accept_and_close(send, offer.answer, CLOSE_TRY_AGAIN)
        return
    if caller is None or credential is None:
        await _accept_and_close(send, offer.answer, CLOSE_UNAUTHENTICATED)
    elif caller.agent_id is not None:
        await _accept_and_close(send, offer.answer, CLOSE_AGENT)
    else:
        await send({"type": "websocket.accept", "subprotocol": offer.answer})
        place = read_place(scope["query_string"])
        await _serve(feed, receive, send, credential, caller, place)


def _credential(session: str | None, token: str | None) -> Credential | None:
    if session is not None:
        return Credential(session_key=session)
    return token_credential(token) if token else None


async def _accept_and_close(send: Send, subprotocol: str | None, code: int) -> None:
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    await direct.close(send, code)


async def _serve(
    feed: Feed,
    receive: Receive,
    send: Send,
    credential: Credential,
    caller: Caller,
    place: Place | None,
) -> None:
    task = asyncio.current_task()
    assert task is not None
    connection = Connection(send, credential, caller, interrupt=task.cancel)
    # Known to the hub before anything is read, so that nothing falls between.
    feed.hub.add(connection)
    try:
        await feed.ensure_following()
        await _greet(feed, connection, place)
        await _listen(connection, receive)
    except asyncio.CancelledError:
        # Ended by the hub with a code, or the server is stopping.
        if connection.close_code is None:
            raise
        feed.hub.remove(connection)  # nothing may follow a close
        await direct.close(send, connection.close_code)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("a socket could not be told where the feed stands: %s", error)
        await direct.close(send, CLOSE_TRY_AGAIN)
    finally:
        feed.hub.remove(connection)


async def _greet(feed: Feed, connection: Connection, place: Place | None) -> None:
    """Say hello, then what the client missed or that it must read the snapshot again."""
    # The position first: a summary read after it can only be newer.
    position = await feed.read(queries.stream_position)
    summary = await feed.read(queries.feed_summary)
    await connection.send_text(frames.hello(position.epoch, position.sequence, summary))
    missed = await _missed(feed, place, position) if place else None
    if missed is not None:
        connection.write_text(missed, feed.now())
    feed.hub.start(connection, position.epoch, position.sequence)


async def _missed(feed: Feed, place: Place, position: queries.Position) -> bytes | None:
    """Everything after the place in one frame, or a reset; None when there is nothing."""
    since = place.since
    if since is not None and is_resumable(place, position):
        if since == position.sequence:
            return None
        backlog = await feed.read(tailer.read_between, since, position.sequence)
        payload = frames.changes(backlog) if backlog else b""
        if 0 < len(payload) <= frames.MAX_BYTES_BEHIND:
            return payload
    return frames.reset(position.epoch, position.sequence)


def is_resumable(place: Place, position: queries.Position) -> bool:
    """Whether the place is in this log and not too far back."""
    if place.since is None or place.epoch not in (None, position.epoch):
        return False
    return 0 <= position.sequence - place.since <= MAX_EVENTS_BEHIND


async def _listen(connection: Connection, receive: Receive) -> None:
    """A client has nothing to say but that it is there."""
    loop = asyncio.get_running_loop()
    conduct = Conduct()
    while (message := await receive())["type"] != "websocket.disconnect":
        pong = is_pong(message)
        if not pong:
            await connection.send_text(frames.ERROR)
        if not conduct.is_tolerable(pong=pong, now=loop.time()):
            connection.end(CLOSE_MISBEHAVED)
            await asyncio.sleep(0)  # where the cancellation arrives
