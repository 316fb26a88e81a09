"""Play step after step at a steady rate; wait patiently while the server is away."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

from execution.simulation.board import Board
from execution.simulation.client import Api, Away, Refused
from execution.simulation.decisions import Action, start_action

logger = logging.getLogger(__name__)

# Each agent in turn looks for work given to it by others.
LOOK_EVERY_SECONDS: Final = 4.0
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 15.0
SOMEBODY_WAS_FASTER: Final = ("version_conflict", "lease_lost")

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Driver:
    """`rate` is in steps per second; `sleep` and `now` (seconds) are given by tests."""

    api: Api
    board: Board
    rate: float
    sleep: Sleep = asyncio.sleep
    now: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    counts: Counter[str] = field(default_factory=Counter)
    _failures: int = field(init=False, default=0)

    async def run(self, until: float) -> None:
        """
        Raises
        ------
        TokenRefused, Moved
        """
        agents = cycle(self.board.agents)
        known = 0
        look_at = step_at = self.now()
        while self.now() < until:
            if known < len(self.board.agents) or self.now() >= look_at:
                if await self._patiently(self._look(next(agents))):
                    known += 1
                look_at = self.now() + LOOK_EVERY_SECONDS
                continue
            # After a pause the rate goes on from now: steps that were missed are not made up for.
            step_at = max(step_at + 1 / self.rate, self.now())
            await self.sleep(max(0.0, min(step_at, until) - self.now()))
            await self._patiently(self._step())

    async def _look(self, agent: str) -> None:
        """Renew the agent's leases, which last longer than the round, and see its open tasks."""
        held = await self.api.renew(agent, self.board.leases_of(agent))
        self.board.replace(agent, await self.api.open_tasks(agent))
        self.board.keep_leases(agent, held)

    async def _step(self) -> None:
        action = self.board.next_action()
        if action is None:
            return
        try:
            if action.is_claim:
                started = await self._claim(action)
                if started is None:
                    return
                action = started
            task = await self.api.send(action)
        except Refused as refusal:
            self.counts["refused"] += 1
            self.board.rest(action)
            if refusal.code not in SOMEBODY_WAS_FASTER:
                logger.warning("%s %s: %s", action.method, action.path, refusal)
            return
        self.counts["steps"] += 1
        if task is not None:
            self.board.update(task)

    async def _claim(self, action: Action) -> Action | None:
        """Take what the server gives, and begin it in the same step: only that is seen."""
        for held in await self.api.claim(action.by):
            return start_action(self.board.hold(held.task, str(held.lease_id)))
        self.board.rest(action)
        return None

    async def _patiently(self, request: Awaitable[None]) -> bool:
        """Whether the server answered; if not, wait, longer each time, before the next request."""
        try:
            await request
        except Away as away:
            self.counts["away"] += 1
            if self._failures == 0:
                logger.warning("The server is away (%s); waiting for it.", away)
            grown = FIRST_WAIT_SECONDS * 2.0 ** min(self._failures, 10)
            wait = min(max(grown, away.retry_after or 0.0), LONGEST_WAIT_SECONDS)
            self._failures += 1
            await self.sleep(wait)
            return False
        if self._failures:
            logger.warning("The server is back.")
        self._failures = 0
        return True
