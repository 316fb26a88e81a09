"""The sockets: the live feed, the bells of agents, the logs of tasks, and what leads nowhere.

Plain ASGI applications, not Channels consumers: those hop to the one shared thread before every
message, and join groups whose layer drops messages without a word.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from accounts.access import Credential, token_credential
from accounts.callers import Caller
from execution import queries
from execution.feed import direct, frames, tailer
from execution.feed.callers import CLOSE_UNAUTHENTICATED
from execution.feed.conduct import Conduct, is_pong
from execution.feed.connection import Connection, Send
from execution.feed.frames import MAX_EVENTS_BEHIND
from execution.feed.handshake import (
    Place,
    is_allowed_origin,
    read_cookie,
    read_headers,
    read_line_number,
    read_offer,
    read_place,
)
from execution.feed.hub import STUCK_AFTER_SECONDS
from execution.feed.runtime import Feed, current_feed

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# Of what a socket missed, so much is read at a time.
PART_EVENTS = 250
LOOK_SECONDS = 0.02

CLOSE_FORBIDDEN = 4403
CLOSE_UNKNOWN_PATH = 4404
CLOSE_MISBEHAVED = 1008
CLOSE_TRY_AGAIN = 1013


async def unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepted and closed at once, so that a browser can tell why."""
    await receive()
    offer = read_offer(scope.get("subprotocols") or [])
    await _accept_and_close(send, offer.answer, CLOSE_UNKNOWN_PATH)


@dataclass(frozen=True, slots=True)
class _Guest:
    """Somebody who has shown who they are; not yet accepted."""

    credential: Credential
    caller: Caller
    answer: str | None


async def _received(scope: Scope, receive: Receive, send: Send) -> _Guest | None:
    """Who wants to open the socket; None when it has been refused."""
    await receive()  # websocket.connect
    offer = read_offer(scope.get("subprotocols") or [])
    session = read_cookie(scope["headers"], settings.SESSION_COOKIE_NAME)
    if session is not None and not is_allowed_origin(
        read_headers(scope["headers"], b"origin"), settings.ALLOWED_ORIGINS
    ):
        # Refused in the handshake: another site's page learns nothing.
        await send({"type": "websocket.close", "code": 4403})
        return None
    credential = _credential(session, offer.token)
    try:
        caller = await current_feed().authorise(credential) if credential else None
    except (DatabaseError, InterfaceError) as error:
        logger.warning("a socket could not be authorised: %s", error)
        await _accept_and_close(send, offer.answer, CLOSE_TRY_AGAIN)
        return None
    if caller is None or credential is None:
        await _accept_and_close(send, offer.answer, CLOSE_UNAUTHENTICATED)
        return None
    return _Guest(credential, caller, offer.answer)


async def task_feed(scope: Scope, receive: Receive, send: Send) -> None:
    """`/ws/marketplace/tasks/execution/`: every change, as it happens."""
    guest = await _received(scope, receive, send)
    if guest is None:
        return
    if guest.caller.agent_id is not None:
        await _accept_and_close(send, guest.answer, CLOSE_FORBIDDEN)
        return
    connection = await _accepted(guest, send)
    if connection is None:
        return
    feed = current_feed()
    place = read_place(scope["query_string"])

    async def greet() -> None:
        await feed.ensure_following()
        await _greet(feed, connection, place)

    # Known to the hub before anything is read, so that nothing falls between.
    feed.hub.add(connection)
    await _serve(feed.hub, connection, receive, send, greet)


async def agent_bell(scope: Scope, receive: Receive, send: Send) -> None:
    """`/ws/marketplace/agents/{agentId}/`: rings for that agent when it has something to claim."""
    guest = await _received(scope, receive, send)
    if guest is None:
        return
    if guest.caller.agent_id != scope["url_route"]["kwargs"]["agent_id"]:
        await _accept_and_close(send, guest.answer, CLOSE_FORBIDDEN)
        return
    connection = await _accepted(guest, send)
    if connection is None:
        return
    bells = current_feed().bells
    bells.add(connection)
    await _serve(bells, connection, receive, send, partial(bells.greet, connection))


async def task_logs(scope: Scope, receive: Receive, send: Send) -> None:
    """`/ws/marketplace/tasks/{taskId}/logs/`: the lines of a task's log, as they are written."""
    guest = await _received(scope, receive, send)
    if guest is None:
        return
    if guest.caller.agent_id is not None:
        await _accept_and_close(send, guest.answer, CLOSE_FORBIDDEN)
        return
    feed = current_feed()
    try:
        task_pk = await feed.read(queries.task_key, scope["url_route"]["kwargs"]["task_id"])
    except (DatabaseError, InterfaceError) as error:
        logger.warning("a task's log could not be opened: %s", error)
        await _accept_and_close(send, guest.answer, CLOSE_TRY_AGAIN)
        return
    after = read_line_number(scope["query_string"])
    if task_pk is None or after is None:
        code = CLOSE_UNKNOWN_PATH if task_pk is None else CLOSE_MISBEHAVED
        await _accept_and_close(send, guest.answer, code)
        return
    connection = await _accepted(guest, send)
    if connection is None:
        return
    feed.log_lines.watch(connection, task_pk)
    greet = partial(feed.log_lines.greet, connection, after)
    await _serve(feed.log_lines, connection, receive, send, greet)


async def _accepted(guest: _Guest, send: Send) -> Connection | None:
    """None when it has been refused: whoever has so many open leaves nobody else room."""
    crowd = current_feed().crowd
    if not crowd.let_in(guest.credential, guest.caller):
        await _accept_and_close(send, guest.answer, CLOSE_TRY_AGAIN)
        return None
    try:
        await send({"type": "websocket.accept", "subprotocol": guest.answer})
    except BaseException:
        crowd.let_out(guest.credential, guest.caller)
        raise
    task = asyncio.current_task()
    assert task is not None
    return Connection(send, guest.credential, guest.caller, interrupt=task.cancel)


def _credential(session: str | None, token: str | None) -> Credential | None:
    if session is not None:
        return Credential(session_key=session)
    return token_credential(token) if token else None


async def _accept_and_close(send: Send, subprotocol: str | None, code: int) -> None:
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    await direct.close(send, code)


class _Keeper(Protocol):
    """Who writes to the socket: the hub or a room."""

    def remove(self, connection: Connection) -> None: ...


async def _serve(
    keeper: _Keeper,
    connection: Connection,
    receive: Receive,
    send: Send,
    greet: Callable[[], Awaitable[None]],
) -> None:
    """Greet and listen until the client leaves or the keeper, who knows the socket, ends it."""
    crowd = current_feed().crowd  # where it was let in
    try:
        await greet()
        await _listen(connection, receive)
    except asyncio.CancelledError:
        # Ended by its keeper with a code, or the server is stopping.
        if connection.close_code is None:
            raise
        keeper.remove(connection)  # nothing may follow a close
        await direct.close(send, connection.close_code)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("a socket could not be told where it stands: %s", error)
        await direct.close(send, CLOSE_TRY_AGAIN)
    finally:
        keeper.remove(connection)
        crowd.let_out(connection.credential, connection.caller)


async def _greet(feed: Feed, connection: Connection, place: Place | None) -> None:
    """Say hello, then what the client missed or that it must read the snapshot again."""
    # The position first: a summary read after it can only be newer.
    position = await feed.read(queries.stream_position)
    summary = await feed.read(queries.feed_summary)
    await connection.send_text(frames.hello(position.epoch, position.sequence, summary))
    reached = position.sequence
    if place is not None:
        try:
            reached = await _catch_up(feed, connection, place, position)
        except RuntimeError as error:
            # uvloop's word for a client that has left, of whom `_listen` hears next.
            logger.info("a socket could not be told what it missed: %s", error)
            return
    feed.hub.start(connection, position.epoch, reached)


async def _catch_up(
    feed: Feed, connection: Connection, place: Place, position: queries.Position
) -> int:
    """Send what came after the place, part by part, or a reset; the event that it then stands at.

    Each part is read when the one before has been taken: a thousand tasks are a megabyte, and after
    a bulk job many come at once.
    """
    if place.since is not None and is_resumable(place, position):
        reached = place.since
        while reached < position.sequence and await _takes_more(connection):
            until = min(reached + PART_EVENTS, position.sequence)
            missed = await feed.read(tailer.read_between, reached, until)
            if missed is None:
                break
            part, payload = frames.first_part(missed)
            if len(payload) > frames.MAX_BYTES_BEHIND:
                break
            connection.write_text(payload, feed.now())
            reached = part.sequence
        else:
            # Of one that takes nothing the hub knows what to do.
            return reached
    connection.write_text(frames.reset(position.epoch, position.sequence), feed.now())
    return position.sequence


async def _takes_more(connection: Connection) -> bool:
    """Wait until it has taken enough of what it was sent, as long as the hub would.

    Neither server tells somebody beside it when a buffer has drained: one has to look.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(STUCK_AFTER_SECONDS):
            while connection.is_busy():
                await asyncio.sleep(LOOK_SECONDS)
    return not connection.is_busy()


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
