"""The API as a program outside sees it."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from execution.simulation.decisions import TASKS, Action

BASE: Final = "/api/marketplace/orchestration/"
OPEN_STATUSES: Final = "pending,approved,in_progress,marketplace_sync"
NEWEST: Final = 50
TIMEOUT_SECONDS: Final = 10.0

Json = dict[str, Any]


class Away(Exception):
    """The server cannot answer now; `retry_after` in seconds when it said so."""

    def __init__(self, cause: str, retry_after: float | None = None) -> None:
        super().__init__(cause)
        self.retry_after = retry_after


class Refused(Exception):
    """The server does not want this request; `code` is the API's own."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class TokenRefused(Exception):
    """The token has expired or was revoked."""


class Api:
    """`keys` maps the head and each agent to its token."""

    def __init__(
        self,
        url: str,
        keys: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._keys = keys
        # Proxies of the environment are not meant for a server beside us.
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/") + BASE,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def open_tasks(self, agent: str) -> list[Json]:
        """The agent's newest open tasks, as its own token shows them.

        Raises
        ------
        Away, Refused, TokenRefused
        """
        query = {"status": OPEN_STATUSES, "agent": agent, "limit": str(NEWEST)}
        answer = await self._request(agent, "GET", TASKS, params=query)
        tasks: list[Json] = answer["tasks"]
        return tasks

    async def send(self, action: Action) -> Json | None:
        """Carry the action out; the task as it then is, None for what returns no task.

        Raises
        ------
        Away, Refused, TokenRefused
        """
        answer = await self._request(action.by, action.method, action.path, json=action.body)
        task: Json | None = answer.get("task")
        return task

    async def _request(self, by: str, method: str, path: str, **content: Any) -> Json:
        headers = {"Authorization": f"Token {self._keys[by]}"}
        try:
            answer = await self._http.request(method, path, headers=headers, **content)
        except httpx.TransportError as error:
            raise Away(str(error) or type(error).__name__) from error
        try:
            body = answer.json()
        except ValueError as error:
            raise Away(f"HTTP {answer.status_code} without JSON") from error
        if answer.is_success:
            return dict(body)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise TokenRefused
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Away(f"HTTP {answer.status_code}", _seconds(answer.headers.get("Retry-After")))
        raise Refused(body.get("code", ""), body.get("error", ""))


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
