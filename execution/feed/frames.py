"""What a frame of the live feed holds, and how changes that wait together become one frame.

Pure: values in, bytes out. docs/reference/feed.md has the messages.
"""

import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from execution.representations import log_json
from execution.totals import Move, Totals
from nexo.shared.renderers import dump_json

MAX_EVENTS_BEHIND = 1_000
MAX_BYTES_BEHIND = 512 * 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """Committed changes: all events of previous + 1 … sequence, in order.

    `tasks` maps ids to their newest JSON; it and `summary` may be newer than `sequence`, never
    older. A batch that was read has its `totals`; one that was handed over has `moves` instead and
    gets totals and summary from who follows them. `payload` is the message, where it is made.
    """

    previous: int
    sequence: int
    events: Sequence[Mapping[str, Any]]
    tasks: Mapping[str, Mapping[str, Any]]
    summary: Mapping[str, Any]
    moves: Sequence[Move] = ()
    totals: Totals | None = None
    payload: bytes | None = None


def merged(batches: Sequence[Batch], after: int) -> Batch:
    """One batch with the events after `after`; the batches follow one another without a gap."""
    if len(batches) == 1 and batches[0].previous == after:
        return batches[0]
    tasks: dict[str, Mapping[str, Any]] = {}
    events: list[Mapping[str, Any]] = []
    for batch in batches:
        tasks.update(batch.tasks)
        events += batch.events
    if batches[0].previous < after:
        events = [event for event in events if event["sequence"] > after]
        touched = {event["taskId"] for event in events}
        tasks = {task_id: task for task_id, task in tasks.items() if task_id in touched}
    moves = [move for batch in batches for move in batch.moves]
    return Batch(after, batches[-1].sequence, events, tasks, batches[-1].summary, moves)


def beginning(batch: Batch, events: int) -> Batch:
    """The first `events` of a batch, and the tasks that they touch."""
    first = batch.events[:events]
    touched = {event["taskId"] for event in first}
    tasks = {task_id: task for task_id, task in batch.tasks.items() if task_id in touched}
    return Batch(batch.previous, first[-1]["sequence"], first, tasks, batch.summary)


def first_part(batch: Batch) -> tuple[Batch, bytes]:
    """What one frame tells of a batch, and its message: of very much, what makes about half of
    `MAX_BYTES_BEHIND`. The message of what cannot be parted may still be longer than that."""
    payload = changes(batch)
    if len(payload) > MAX_BYTES_BEHIND and len(batch.events) > 1:
        few = len(batch.events) * MAX_BYTES_BEHIND // 2 // len(payload)
        batch = beginning(batch, max(1, few))
        payload = changes(batch)
    return batch, payload


class RecentBatches:
    """The newest batches, as many as a socket may be behind; kept once for all sockets."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()

    @property
    def sequence(self) -> int | None:
        """The newest event; None before the first batch."""
        return self._batches[-1].sequence if self._batches else None

    def add(self, batch: Batch) -> None:
        if self._batches and self._batches[-1].sequence != batch.previous:
            self._batches.clear()
        self._batches.append(batch)
        while batch.sequence - self._batches[0].sequence >= MAX_EVENTS_BEHIND:
            self._batches.popleft()

    def clear(self) -> None:
        self._batches.clear()

    def after(self, sequence: int) -> Batch | None:
        """Everything after `sequence` in one batch; None when it is too far back."""
        if not self._batches or self._batches[0].previous > sequence:
            return None
        if self._batches[-1].sequence - sequence > MAX_EVENTS_BEHIND:
            return None
        # From the newest: most lack the last alone.
        missed = [*takewhile(lambda batch: batch.sequence > sequence, reversed(self._batches))]
        return merged(missed[::-1], sequence)


# -- Messages ------------------------------------------------------------------------------------


def hello(epoch: str, sequence: int, summary: Mapping[str, Any]) -> bytes:
    return dump_json({"type": "hello", "epoch": epoch, "sequence": sequence, "summary": summary})


def changes(batch: Batch) -> bytes:
    if batch.payload is not None:
        return batch.payload
    return dump_json(
        {
            "type": "changes",
            "previous": batch.previous,
            "sequence": batch.sequence,
            "tasks": list(batch.tasks.values()),
            "events": batch.events,
            "summary": batch.summary,
        }
    )


def reset(epoch: str, sequence: int) -> bytes:
    return dump_json({"type": "reset", "epoch": epoch, "sequence": sequence})


def ping(sequence: int) -> bytes:
    return dump_json({"type": "ping", "sequence": sequence})


def work(count: int) -> bytes:
    return dump_json({"type": "work", "open": count})


def logs(lines: Sequence[Mapping[str, Any]], cursor: int) -> bytes:
    told = [{"id": line["id"], **log_json(line)} for line in lines]
    return dump_json({"type": "logs", "logs": told, "cursor": cursor})


def log_ping(cursor: int) -> bytes:
    return dump_json({"type": "ping", "cursor": cursor})


ERROR = dump_json({"type": "error"})


def text_frame(payload: bytes) -> bytes:
    """An unmasked, final WebSocket text frame, as a server sends it (RFC 6455, 5.2)."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", 0x81, length)
    elif length < 65536:
        head = struct.pack("!BBH", 0x81, 126, length)
    else:
        head = struct.pack("!BBQ", 0x81, 127, length)
    return head + payload
