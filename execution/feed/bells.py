"""Rings for agents that wait for work: one look at the log for all of them, none while idle."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from execution import claim_queries, queries
from execution.feed import frames
from execution.feed.connection import Connection
from execution.feed.room import Feed, Room, open_ones
from execution.queries import Position

# Finds what leaves no event: an agent that was resumed, or has room again.
SLOW_LOOK_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Counted:
    """What each agent could claim, as of a position or newer, and who was given something."""

    position: Position
    counts: Mapping[str, int]
    given: Collection[str] = ()


def count_for(agent_ids: Collection[str], since: Position | None, *, always: bool) -> Counted:
    """Count for all of them, or for those alone whom the log names since `since`."""
    # The position first: what is counted after it can only be newer.
    position = queries.stream_position()
    given: Collection[str] = ()
    if since is not None and position.epoch == since.epoch:
        if position != since:
            given = claim_queries.agents_given_between(since.sequence, position.sequence, agent_ids)
    else:
        always = True
    asked = agent_ids if always else given
    return Counted(position, claim_queries.claimable_counts(asked) if asked else {}, given)


class Bells(Room):
    """Each socket's caller is the agent for whom it rings."""

    name = "the agents' bells"

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._position: Position | None = None
        self._slow_look_at = 0.0
        self._told: dict[Connection, int] = {}

    def add(self, connection: Connection) -> None:
        if not self.connections:
            # What the log had for an empty room is in the first count.
            self._position = None
        super().add(connection)

    def remove(self, connection: Connection) -> None:
        super().remove(connection)
        self._told.pop(connection, None)

    async def greet(self, connection: Connection) -> None:
        agent_id = str(connection.caller.agent_id)
        counted: Counted = await self.feed.read(_count_one, agent_id)
        await connection.send_text(frames.work(counted.counts[agent_id]))
        self._told[connection] = counted.counts[agent_id]
        self._position = self._position or counted.position
        self._start(connection, counted.position.sequence)
        # What happened since it was counted is found by counting again.
        self._slow_look_at = 0.0
        self.wake()

    async def look(self) -> None:
        if self.feed.now() >= self._slow_look_at:
            self._slow_look_at = self.feed.now() + SLOW_LOOK_SECONDS
            always = True
        else:
            always = False
        agents = {str(connection.caller.agent_id) for connection in self.connections}
        since = self._position
        counted: Counted = await self.feed.read(_count, agents, since, always)
        if since is None and self._position is not None:
            # Somebody was greeted meanwhile, and this look does not tell what they were given
            # since: the next, for which the greeting has rung, goes on from there.
            return
        self._position = counted.position
        self._ring(counted)

    def _ring(self, counted: Counted) -> None:
        """Ring where there is more than was told, or something else instead."""
        now = self.feed.now()
        for connection in open_ones(self.connections):
            connection.position = counted.position.sequence
            agent_id = str(connection.caller.agent_id)
            count = counted.counts.get(agent_id)
            if count is None:
                continue
            told, self._told[connection] = self._told.get(connection, 0), count
            if count > told or (count and agent_id in counted.given):
                connection.write_text(frames.work(count), now)

    def ping(self, position: int) -> bytes:
        return frames.ping(position)


def _count(agent_ids: Collection[str], since: Position | None, always: bool) -> Counted:
    return count_for(agent_ids, since, always=always)


def _count_one(agent_id: str) -> Counted:
    return count_for([agent_id], None, always=True)
