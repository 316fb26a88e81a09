"""A committed change as one process tells the others of it over Redis: pure.

Whoever cannot use it (it came late, doubled, from another database or another release) has lost
nothing: the log has the change too.
"""

from typing import Any

import orjson

from execution.enums import MarketplaceSlug, TaskStatus
from execution.feed.frames import Batch
from execution.queries import Position
from execution.totals import Move
from nexo.shared.renderers import dump_json

MARKETPLACES = frozenset(MarketplaceSlug.values)
STATUSES = frozenset(TaskStatus.values)


def packed(place: Position, batch: Batch) -> bytes:
    """A batch that was handed over, and where it follows on."""
    return dump_json(
        {
            "epoch": place.epoch,
            "previous": batch.previous,
            "sequence": batch.sequence,
            "events": batch.events,
            "tasks": batch.tasks,
            # orjson takes no named tuples.
            "moves": [tuple(move) for move in batch.moves],
        }
    )


def unpacked(data: Any) -> tuple[Position, Batch]:
    """What `packed` made.

    Raises
    ------
    ValueError: it is something else, perhaps another release's
    """
    try:
        told = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ValueError("no JSON") from error
    match told:
        case {
            "epoch": str(epoch),
            "previous": int(previous),
            "sequence": int(sequence),
            "events": list(events),
            "tasks": dict(tasks),
            "moves": list(moves),
        }:
            made = [_move(move) for move in moves]
            numbers = [_number(event) for event in events]
        case _:
            raise ValueError("no change")
    # As many numbers are counted as there are events, whatever `sequence` claims.
    follow_on = range(previous + 1, previous + 1 + len(numbers))
    if not numbers or numbers[-1] != sequence or numbers != list(follow_on):
        raise ValueError("events are missing")
    if not all(isinstance(task, dict) for task in tasks.values()):
        raise ValueError("no tasks")
    return Position(epoch, previous), Batch(previous, sequence, events, tasks, {}, made)


def _number(event: Any) -> int:
    match event:
        case {"sequence": int(number), "taskId": str()}:
            return number
    raise ValueError("no event")


def _move(move: Any) -> Move:
    match move:
        case [int(sequence), str(marketplace), str(old), str(new), int(progress)] if (
            marketplace in MARKETPLACES and old in STATUSES and new in STATUSES
        ):
            return Move(sequence, marketplace, old, new, progress)
    raise ValueError("no move")
