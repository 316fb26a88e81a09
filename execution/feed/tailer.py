"""Follows the event log: one reader per process, whatever the number of sockets."""

from dataclasses import dataclass

from execution import queries
from execution.feed.frames import MAX_EVENTS_BEHIND, Batch
from execution.queries import Position
from execution.representations import feed_event_json, task_json
from nexo.shared import clock

BATCH_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Restart:
    """The log cannot be followed from where the reader stood: go on from here."""

    position: Position


def read_after(known: Position, *, look_at_epoch: bool) -> Batch | Restart | None:
    """The next events after a position; None when there are none.

    `look_at_epoch` asks besides whether it is still the same log; at each ring that would be one
    query too many.
    """
    if look_at_epoch:
        present = queries.stream_position()
        behind = present.sequence - known.sequence
        if present.epoch != known.epoch or behind < 0 or behind > MAX_EVENTS_BEHIND:
            return Restart(present)
        if behind == 0:
            return None
    events = queries.events_after(known.sequence, limit=BATCH_EVENTS)
    if not events:
        return None
    if events[-1]["sequence"] != known.sequence + len(events):
        # Some are no longer kept.
        return Restart(queries.stream_position())
    return _batch(known.sequence, events)


def read_between(since: int, until: int) -> Batch | None:
    """Everything after `since` up to `until`; None when some of it is no longer kept."""
    events = queries.events_after(since, limit=until - since)
    if len(events) != until - since or events[-1]["sequence"] != until:
        return None
    return _batch(since, events)


def _batch(previous: int, events: list[queries.EventRow]) -> Batch:
    # Tasks and summary are read after the events, so they can only be newer than those.
    states, totals = queries.states_and_totals({event["task_id"] for event in events})
    now = clock.now()
    return Batch(
        previous=previous,
        sequence=events[-1]["sequence"],
        events=[feed_event_json(event) for event in events],
        tasks={
            state.row["task_id"]: task_json(state.row, state.targets, now=now) for state in states
        },
        summary=totals.summary(),
        totals=totals,
    )
