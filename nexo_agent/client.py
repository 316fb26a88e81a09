"""One agent's calls, waiting for the answer or awaiting it."""

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final, Self

import httpx

from nexo_agent import calls
from nexo_agent.backoff import seconds_before
from nexo_agent.calls import BASE, Call, Held, Json
from nexo_agent.errors import Away, LeaseLost, Refused

TIMEOUT_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 60.0
# A hundred tasks, each with the largest result, are a tenth of it.
MOST_BYTES: Final = 64 * 1024 * 1024

logger = logging.getLogger(__name__)


def _options(url: str, token: str, transport: Any) -> dict[str, Any]:
    # Proxies of the environment are not meant for a server beside us.
    return {
        "base_url": url.rstrip("/") + BASE,
        # Compressed, a few kilobytes may become more than there is memory.
        "headers": {"Authorization": f"Token {token}", "Accept-Encoding": "identity"},
        "timeout": TIMEOUT_SECONDS,
        "trust_env": False,
        "transport": transport,
    }


def _request(call: Call, key: str | None = None) -> dict[str, Any]:
    """What httpx is told; with a key, a write that is sent again is done once."""
    content: dict[str, Any] = {"method": call.method, "url": call.path}
    if call.query:
        content["params"] = call.query
    if call.body is not None:
        content["json"] = call.body
    if call.once and key:
        content["headers"] = {"Idempotency-Key": key}
    return content


class _Body:
    """An answer's bytes as they come, no more of them than an answer of NEXO has."""

    def __init__(self, answer: httpx.Response) -> None:
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise Away("a compressed answer")
        self._parts: list[bytes] = []
        self._room = MOST_BYTES

    def add(self, part: bytes) -> None:
        self._room -= len(part)
        if self._room < 0:
            raise Away("an answer that does not end")
        self._parts.append(part)

    def whole(self) -> bytes:
        return b"".join(self._parts)


def _understood(answer: httpx.Response, text: bytes) -> Json:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    known = body if isinstance(body, dict) else None
    return calls.understood(answer.status_code, known, answer.headers)


class NexoAgent:
    """An agent's calls; any thread may make them.

    A server that is away is waited for up to `patience` seconds, then `Away` is raised. Every
    method may also raise Refused, LeaseLost, TokenRefused and Moved.
    """

    def __init__(
        self,
        url: str,
        agent: str,
        token: str,
        *,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], object] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.agent = agent
        self._patience = patience
        self._sleep = sleep
        self._http = httpx.Client(**_options(url, token, transport))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # -- taking work -----------------------------------------------------------------------------

    def claim(self, limit: int = 1, task_types: Iterable[str] = ()) -> list[Held]:
        """Take up to `limit` approved tasks, for 60 seconds at a time."""
        return calls.held_in(self.send_call(calls.claim(self.agent, limit, task_types)))

    def heartbeat(self, held: Iterable[Held] | None = None) -> set[str]:
        """Renew these leases, or all; the lease ids that are still held."""
        ids = None if held is None else [one.lease_id for one in held if one.lease_id]
        answer = self.send_call(calls.heartbeat(self.agent, ids), patience=0)
        return calls.leases_in(answer)

    # -- reporting -------------------------------------------------------------------------------

    def start(self, held: Held) -> None:
        self._update(held, "in_progress")

    def progress(self, held: Held, percent: int) -> None:
        """50–74 while in progress, 75–99 while it is sent to the marketplaces."""
        self._update(held, progress=percent)

    def send(self, held: Held) -> None:
        """The work is done and goes to its marketplaces."""
        self._update(held, "marketplace_sync")

    def synced(self, held: Held, *channels: str) -> None:
        """These marketplaces have it; with the last one the task is completed."""
        self._update(held, syncStatus=dict.fromkeys(channels, True))

    def result(self, held: Held, value: Json) -> None:
        """Keep a JSON object of up to 64 kB with the task."""
        self._update(held, result=value)

    def complete(self, held: Held, result: Json | None = None) -> None:
        self._update(held, "completed", result=result)

    def fail(self, held: Held, error: str, *, timeout: bool = False) -> None:
        reason = "timeout" if timeout else "error"
        words = calls.clean(error)[: calls.MAX_ERROR]
        self._update(held, "failed", error=words, failureReason=reason)

    def log(self, held: Held, *lines: str, level: str = "info") -> None:
        for start in range(0, len(lines), calls.MAX_LINES):
            part = lines[start : start + calls.MAX_LINES]
            self._report(calls.log(held, part, level))

    def _update(self, held: Held, status: str | None = None, **fields: Any) -> None:
        held.task = calls.task_in(self._report(calls.update(held, status, **fields)))

    def _report(self, call: Call) -> Json:
        """A task that was given to somebody else does not exist for this agent any more."""
        try:
            return self.send_call(call)
        except Refused as refusal:
            if refusal.code != "not_found":
                raise
            raise LeaseLost(refusal.code, str(refusal), refusal.details) from refusal

    # -- sending ---------------------------------------------------------------------------------

    def send_call(self, call: Call, *, patience: float | None = None) -> Json:
        """Send a call until it is answered or patience ends; a write is done once."""
        key = uuid.uuid4().hex
        give_up_at = time.monotonic() + (self._patience if patience is None else patience)
        attempt = 0
        while True:
            try:
                return _understood(*self._answer(call, key))
            except Away as away:
                attempt += 1
                wait = seconds_before(attempt, away.retry_after)
                if time.monotonic() + wait > give_up_at:
                    raise
                if attempt == 1:
                    logger.warning("The server is away (%s); waiting for it.", away)
                self._sleep(wait)

    def _answer(self, call: Call, key: str) -> tuple[httpx.Response, bytes]:
        try:
            with self._http.stream(**_request(call, key)) as answer:
                body = _Body(answer)
                for part in answer.iter_bytes():
                    body.add(part)
                return answer, body.whole()
        except httpx.TransportError as error:
            raise Away(str(error) or type(error).__name__) from error


class AsyncNexoAgent:
    """The same for an event loop: each call is sent once; what then is for the caller to say."""

    def __init__(
        self, url: str, agent: str, token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.agent = agent
        self._http = httpx.AsyncClient(**_options(url, token, transport))

    async def aclose(self) -> None:
        await self._http.aclose()

    async def claim(self, limit: int = 1, task_types: Iterable[str] = ()) -> list[Held]:
        return calls.held_in(await self.send_call(calls.claim(self.agent, limit, task_types)))

    async def heartbeat(self, held: Iterable[Held] | None = None) -> set[str]:
        ids = None if held is None else [one.lease_id for one in held if one.lease_id]
        answer = await self.send_call(calls.heartbeat(self.agent, ids))
        return calls.leases_in(answer)

    async def send_call(self, call: Call) -> Json:
        """
        Raises
        ------
        Away, Refused, LeaseLost, TokenRefused, Moved
        """
        try:
            async with self._http.stream(**_request(call)) as answer:
                body = _Body(answer)
                async for part in answer.aiter_bytes():
                    body.add(part)
        except httpx.TransportError as error:
            raise Away(str(error) or type(error).__name__) from error
        return _understood(answer, body.whole())
