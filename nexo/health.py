"""/healthz and /readyz, answered on the event loop before anything else.

Not by a Django view: those share a pool of threads, and when a slow database holds all of them
the process is still alive. Nor is the Host header looked at, for probes ask by address.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future
from typing import Any

from channels.layers import get_channel_layer
from django.db import connection

from execution.queries import stream_position
from nexo.shared.migrations import is_migrated
from nexo.shared.renderers import dump_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Message, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)
ANSWER_WITHIN_SECONDS = 2.0
GROUP_WITHOUT_MEMBERS = "nexo.ready"


class NotMigrated(Exception):
    """The database is of an earlier version."""


class DatabaseProbe:
    """Asks in a thread of its own, one question at a time: a hanging database costs one thread."""

    def __init__(self) -> None:
        # Once it is, it stays so: a database goes back only where nothing runs.
        self._is_migrated = False
        self._asked: Future[Exception | None] | None = None

    async def ask(self) -> None:
        if self._asked is None or self._asked.done():
            self._asked = Future()
            # A daemon, so that a question without an answer does not keep the process from ending.
            threading.Thread(target=self._read, args=[self._asked], daemon=True).start()
        # The question goes on when the one who asked has given up; the next one hears its answer.
        if error := await asyncio.shield(asyncio.wrap_future(self._asked)):
            raise error

    def _read(self, asked: "Future[Exception | None]") -> None:
        try:
            stream_position()
            self._is_migrated = self._is_migrated or is_migrated()
            if not self._is_migrated:
                raise NotMigrated("the database is not up to date: run `manage.py migrate`")
        except Exception as error:
            asked.set_result(error)
        else:
            asked.set_result(None)
        finally:
            connection.close()


async def ask_channel_layer() -> None:
    """With Redis this waits for its reply; in memory there is nothing that could be away."""
    layer = get_channel_layer()
    await layer.group_send(GROUP_WITHOUT_MEMBERS, {"type": "ready"})


class Health:
    """Answers the two probes and passes everything else on to `application`."""

    def __init__(self, application: AsgiApplication) -> None:
        self.application = application
        self.checks: dict[str, Callable[[], Awaitable[None]]] = {
            "database": DatabaseProbe().ask,
            "channelLayer": ask_channel_layer,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else None
        if path not in {"/healthz", "/readyz"}:
            await self.application(scope, receive, send)
        elif scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, {"status": "error"}, extra=[(b"allow", b"GET, HEAD")])
        elif path == "/healthz":
            await _answer(send, 200, {"status": "alive"}, head=scope["method"] == "HEAD")
        else:
            checks = await self.check_all()
            ready = all(checks.values())
            body = {"status": "ready" if ready else "unavailable", "checks": checks}
            await _answer(send, 200 if ready else 503, body, head=scope["method"] == "HEAD")

    async def check_all(self) -> dict[str, bool]:
        """What each part answers, in `ANSWER_WITHIN_SECONDS` at most."""
        answers = await asyncio.gather(*(_passes(*check) for check in self.checks.items()))
        return dict(zip(self.checks, answers, strict=True))


async def _passes(name: str, check: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            await check()
    except Exception as error:
        # Whatever is wrong, the one that asks must hear "not ready" and the log the cause.
        logger.warning("not ready: %s: %s", name, error or type(error).__name__)
        return False
    return True


async def _answer(
    send: Send,
    status: int,
    body: dict[str, Any],
    *,
    head: bool = False,
    extra: list[tuple[bytes, bytes]] | None = None,
) -> None:
    content = dump_json(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        *(extra or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else content})
