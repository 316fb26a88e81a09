"""The API as a program outside sees it: one client per token."""

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from execution.simulation.decisions import Action
from nexo_agent import AsyncNexoAgent, Away, Held, LeaseLost, Moved, Refused, TokenRefused, calls
from nexo_agent.calls import Call

__all__ = ["Api", "Away", "LeaseLost", "Moved", "Refused", "TokenRefused"]

OPEN_STATUSES: Final = "pending,approved,in_progress,marketplace_sync"
NEWEST: Final = 50

Json = dict[str, Any]


class Api:
    """`keys` maps the head and each agent to its token.

    Every method may raise Away, Refused, LeaseLost, TokenRefused and Moved.
    """

    def __init__(
        self,
        url: str,
        keys: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._clients = {
            name: AsyncNexoAgent(url, name, key, transport) for name, key in keys.items()
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def open_tasks(self, agent: str) -> list[Json]:
        """The agent's newest open tasks, as its own token shows them."""
        call = calls.tasks(status=OPEN_STATUSES, agent=agent, limit=str(NEWEST))
        answer = await self._clients[agent].send_call(call)
        tasks: list[Json] = answer["tasks"]
        return tasks

    async def claim(self, agent: str) -> list[Held]:
        """One of the agent's approved tasks, whichever is the most urgent."""
        return await self._clients[agent].claim()

    async def renew(self, agent: str, lease_ids: Collection[str] | None = None) -> dict[str, str]:
        """Renew these leases, or all; those that the agent still holds, by task."""
        call = calls.heartbeat(agent, lease_ids)
        answer = await self._clients[agent].send_call(call)
        return {lease["taskId"]: lease["leaseId"] for lease in answer["leases"]}

    async def send(self, action: Action) -> Json | None:
        """Carry the action out; the task as it then is, None for what returns no task."""
        call = Call(action.method, action.path, action.body)
        answer = await self._clients[action.by].send_call(call)
        task: Json | None = answer.get("task")
        return task
