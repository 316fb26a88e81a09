"""The least that lists tasks and changes one, live: SQL, orjson and a prepared frame.

GET answers the list, PATCH writes one row, sends it to every open socket and answers with it. No
sign-in, no permissions, no checks, no events, no counters. It reads
and writes the product's own database.
"""

import os
import sqlite3
import struct
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import orjson
from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.limits import DATABASE_VARIABLE

POOL_SIZE = 8

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Row = Mapping[str, Any]

COLUMNS = """
    t.task_id AS "taskId", t.external_id AS "externalId", t.title, t.task_type AS "taskType",
    t.priority, t.status, t.progress, t.created_at AS "createdAt", t.approved_at AS "approvedAt",
    t.started_at AS "startedAt", t.ended_at AS "completedAt", t.ended_at AS "endedAt",
    t.marketplace_id AS marketplace, t.marketplace_id AS channel, t.agent_id AS "agentId",
    t.estimated_minutes AS "timeEstimate", t.updated_at AS "lastUpdate", t.error,
    t.failure_reason AS "failureReason", t.progress_at_failure AS "progressAtFailure",
    t.attempt, t.version, t.sequence
"""
TARGETS = {
    "sqlite": """
        (SELECT json_group_object(g.marketplace_id, json_object(
             'state', g.state, 'attempts', g.attempts, 'error', g.error,
             'retryable', g.retryable, 'syncedAt', g.synced_at, 'updatedAt', g.updated_at))
         FROM execution_tasktarget g WHERE g.task_id = t.id) AS "syncDetail"
    """,
    "postgres": """
        (SELECT json_object_agg(g.marketplace_id, json_build_object(
             'state', g.state, 'attempts', g.attempts, 'error', g.error,
             'retryable', g.retryable, 'syncedAt', g.synced_at, 'updatedAt', g.updated_at))::text
         FROM execution_tasktarget g WHERE g.task_id = t.id) AS "syncDetail"
    """,
}
LIST = """
    SELECT {columns}, {targets} FROM execution_task t
    WHERE t.status = 'completed' AND t.marketplace_id = 'amazon'
    ORDER BY t.created_at DESC, t.id DESC LIMIT 50
"""
UPDATE = """
    UPDATE execution_task SET error = {error} WHERE task_id = {task_id}
    RETURNING {columns}
"""


class Database(Protocol):
    async def tasks(self) -> Sequence[Row]: ...

    async def change(self, task_id: str, error: str) -> Row: ...


class SqliteDatabase:
    """One connection, and no thread between it and the loop; durable as the product is."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=20)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(
            "PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; PRAGMA mmap_size=268435456;"
        )
        self._list = LIST.format(columns=COLUMNS, targets=TARGETS["sqlite"])
        columns = COLUMNS.replace("t.", "")
        self._update = UPDATE.format(columns=columns, error=":error", task_id=":task_id")

    async def tasks(self) -> Sequence[Row]:
        return [dict(row) for row in self._connection.execute(self._list)]

    async def change(self, task_id: str, error: str) -> Row:
        self._connection.execute("BEGIN IMMEDIATE")
        cursor = self._connection.execute(self._update, {"task_id": task_id, "error": error})
        row = dict(cursor.fetchone())
        self._connection.execute("COMMIT")
        return row


class PostgresDatabase:
    def __init__(self, url: str) -> None:
        self._pool = AsyncConnectionPool(
            url,
            min_size=POOL_SIZE,
            max_size=POOL_SIZE,
            open=False,
            kwargs={"autocommit": True, "row_factory": dict_row},
        )
        self._list = sql.SQL(LIST).format(
            columns=sql.SQL(COLUMNS), targets=sql.SQL(TARGETS["postgres"])
        )
        self._update = sql.SQL(UPDATE.replace("execution_task SET", "execution_task t SET")).format(
            columns=sql.SQL(COLUMNS),
            error=sql.Placeholder("error"),
            task_id=sql.Placeholder("task_id"),
        )
        self._opened = False

    async def _execute(self, query: sql.Composed, values: Mapping[str, str]) -> list[Row]:
        if not self._opened:
            self._opened = True
            await self._pool.open(wait=True)
        async with self._pool.connection() as connection:
            cursor = await connection.execute(query, values)
            return await cursor.fetchall()  # type: ignore[return-value]  # rows of tuples

    async def tasks(self) -> Sequence[Row]:
        return await self._execute(self._list, {})

    async def change(self, task_id: str, error: str) -> Row:
        (row,) = await self._execute(self._update, {"task_id": task_id, "error": error})
        return row


class LimitServer:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._transports: set[Any] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._listen(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _listen(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        transport = send.__self__.transport  # type: ignore[attr-defined]  # uvicorn's
        self._transports.add(transport)
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self._transports.discard(transport)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] == "PATCH":
            body = await self._change(orjson.loads(await _read_body(receive)))
        elif scope["path"] == "/readyz":
            body = b""
        else:
            tasks = [_with_fragment(row) for row in await self._database.tasks()]
            body = _dump({"status": "success", "tasks": tasks})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _change(self, wanted: Mapping[str, str]) -> bytes:
        task = await self._database.change(wanted["taskId"], wanted["error"])
        frame = text_frame(_dump({"type": "changes", "tasks": [task]}))
        for transport in self._transports:
            transport.write(frame)
        return _dump({"status": "success", "task": task})


def text_frame(payload: bytes) -> bytes:
    """Unmasked and final, for payloads of 126 to 65,535 bytes (RFC 6455, 5.2)."""
    return struct.pack("!BBH", 0x81, 126, len(payload)) + payload


def _with_fragment(row: Row) -> Row:
    """The targets are JSON already."""
    return {**row, "syncDetail": orjson.Fragment(row["syncDetail"] or "{}")}


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


async def _read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def database_at(place: str) -> Database:
    return PostgresDatabase(place) if place.startswith("postgres") else SqliteDatabase(place)


application = LimitServer(database_at(os.environ[DATABASE_VARIABLE]))
