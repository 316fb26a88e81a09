"""The product's own ASGI application, with a slow page and a socket that echoes.

The page goes the way of every other: middleware, sign-in, a thread, a database connection. Where
the database has no function that waits, it is given one.
"""

import time
from typing import Any

from nexo.asgi import application as product

# isort: split
# Django is set up from here on.
from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

from nexo import urls
from nexo.health import Message, Receive, Send

SLOW, COMPUTING, ECHO = "benchmark/slow", "benchmark/computing", "/benchmark/echo"
SLOW_SECONDS = 0.05
# So many rows as the database counts in about that time, which is looked up at the first request.
COUNT = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s) "
    "SELECT max(i) FROM n"
)
_rows: list[int] = []


@login_required
def slow(request: HttpRequest) -> HttpResponse:
    """The database waits, as for a lock, a disk or another machine."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            connection.connection.create_function("pg_sleep", 1, time.sleep)
        cursor.execute("SELECT pg_sleep(%s)", [SLOW_SECONDS])
        cursor.fetchall()
    return HttpResponse("slow\n")


@login_required
def computing(request: HttpRequest) -> HttpResponse:
    """The database works: in SQLite's case on the very core that the loop is on."""
    with connection.cursor() as cursor:
        if not _rows:
            began = time.perf_counter()
            cursor.execute(COUNT, [100_000])
            cursor.fetchall()
            _rows.append(int(100_000 * SLOW_SECONDS / (time.perf_counter() - began)))
        cursor.execute(COUNT, [_rows[0]])
        cursor.fetchall()
    return HttpResponse("slow\n")


urls.urlpatterns += [path(SLOW, slow), path(COMPUTING, computing)]


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and scope["path"] == ECHO:
        await _echo(receive, send)
    else:
        await product(scope, receive, send)


async def _echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message: Any = await receive()
        if message["type"] == "websocket.disconnect":
            return
        await send({"type": "websocket.send", "text": message["text"]})
