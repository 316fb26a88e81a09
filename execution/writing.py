"""What one planned change writes, in which order, and how it is told of.

The event number is taken last of the shared rows, because every write wants it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from execution import leases, queries
from execution.changes import EventDraft, Plan
from execution.enums import ENDED_STATUSES, EventKind
from execution.feed import doorbell, handover
from execution.feed.frames import Batch
from execution.feed.handover import Handed
from execution.queries import Position
from execution.representations import feed_event_json, task_json
from execution.rows import TARGET_COLUMNS, TargetRow, TaskRow, TaskState, merged
from execution.totals import Move
from nexo.shared.origin import current_origin
from nexo.shared.pipelines import Statement, Writer, one_round_trip

TAKE_NUMBERS = (
    "UPDATE execution_stream SET sequence = sequence + %s WHERE id = 1 RETURNING sequence, epoch"
)
ADD_TO_COUNT = (
    "UPDATE execution_taskcount SET count = count + %s, progress_sum = progress_sum + %s "
    "WHERE status = %s AND marketplace_id = %s"
)
EVENT_COLUMNS = (
    "sequence, task_id, kind, from_status, to_status, progress, actor, reason, at, agent_id, "
    "attempt, failure_reason, estimated_minutes, execution_minutes, details, origin"
)
_INSERT_EVENT = (
    f"INSERT INTO execution_taskevent ({EVENT_COLUMNS}) "  # noqa: S608  # names of our own
    f"VALUES ({{sequence}}, {', '.join(['%s'] * EVENT_COLUMNS.count(','))})"
)
INSERT_EVENT = _INSERT_EVENT.format(sequence="%s")
# For a transaction that has just taken its numbers and does not know them yet.
NEWEST = "(SELECT sequence FROM execution_stream WHERE id = 1)"
INSERT_NEWEST_EVENT = _INSERT_EVENT.format(sequence=f"{NEWEST} - %s")
INSERT_TARGET = (
    f"INSERT INTO execution_tasktarget ({', '.join(TARGET_COLUMNS)}) "  # noqa: S608  # own names
    f"VALUES ({', '.join(['%s'] * len(TARGET_COLUMNS))})"
)
DELETE_TARGET = "DELETE FROM execution_tasktarget WHERE task_id = %s AND marketplace_id = %s"
# Columns that are written and that no reader of a `TaskRow` asks for.
NOT_OF_A_ROW = frozenset({"result", "search_text", "assignment"})


def next_sequence(count: int) -> int:
    """Take `count` event numbers and return the first; holds the stream's row until commit."""
    writer = Writer()
    writer.execute(TAKE_NUMBERS, (count,))
    ((last, _epoch),) = writer.fetch()
    return int(last) - count + 1


@dataclass(slots=True)
class CountChanges:
    """Changes of the roll-up, gathered so that its rows are locked once and in a fixed order."""

    count: Counter[tuple[str, str]] = field(default_factory=Counter)
    progress: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, row: TaskRow, sign: int) -> None:
        key = (row["status"], row["marketplace_id"])
        self.count[key] += sign
        self.progress[key] += sign * row["progress"]

    def __bool__(self) -> bool:
        return any(self.count.values()) or any(self.progress.values())

    def write(self, writer: Writer) -> None:
        for key in sorted({*self.count, *self.progress}):
            if self.count[key] or self.progress[key]:
                writer.execute(ADD_TO_COUNT, (self.count[key], self.progress[key], *key))


def insert_events(drafts: Iterable[tuple[int, int, EventDraft]]) -> None:
    """Events with their numbers and their tasks' keys."""
    rows = [(sequence, *_event_values(task_pk, draft)) for sequence, task_pk, draft in drafts]
    Writer().execute_many(INSERT_EVENT, rows)


def _event_inserts(task_pk: int, drafts: Sequence[EventDraft]) -> Iterator[Statement]:
    """Events with the numbers that this transaction took last, for all of them."""
    for index, draft in enumerate(drafts, 1):
        back = len(drafts) - index
        yield INSERT_NEWEST_EVENT, (back, *_event_values(task_pk, draft))


def _event_values(task_pk: int, draft: EventDraft) -> tuple[Any, ...]:
    """In the order of EVENT_COLUMNS, after the sequence."""
    return (
        task_pk,
        draft.kind.value,
        draft.from_status,
        draft.to_status,
        draft.progress,
        draft.actor,
        draft.reason,
        draft.at,
        draft.agent_id,
        draft.attempt,
        draft.failure_reason,
        draft.estimated_minutes,
        draft.execution_minutes,
        draft.details,
        current_origin(),
    )


def announce(handed: Handed | None = None) -> None:
    """Ring once this is committed; what is handed over spares this process's tailer the reading."""

    def ring() -> None:
        if handed is not None:
            handover.put(handed)
        doorbell.ring()

    transaction.on_commit(ring, robust=True)
    if handed is not None:
        handover.announce(handed)


def write_change(state: TaskState, plan: Plan, now: datetime) -> TaskState:
    before = state.row
    fields = {**plan.fields, "version": before["version"] + 1, "updated_at": now}
    counts = CountChanges()
    counts.add(before, -1)
    counts.add(merged(before, plan.fields), +1)
    writer, numbers = Writer(), Writer()
    has_more = counts or plan.targets or plan.removed or state.lease
    with one_round_trip() if has_more else nullcontext():
        counts.write(writer)
        _write_targets(writer, state, plan)
        _write_lease(writer, state, plan, now)
        numbers.execute_with_row(
            (TAKE_NUMBERS, (len(plan.events),)),
            [_task_update(before["id"], fields), *_event_inserts(before["id"], plan.events)],
            column="sequence",
            subquery=NEWEST,
        )
    ((last, epoch),) = numbers.fetch()
    for column in NOT_OF_A_ROW & fields.keys():
        del fields[column]
    written = TaskState(merged(before, {**fields, "sequence": last}), _targets_after(state, plan))
    if handover.is_wanted():
        place = Position(epoch, last - len(plan.events))
        announce(Handed(place, partial(_batch, before, written, plan.events, now)))
    else:
        announce()
    return written


def _batch(
    before: TaskRow, written: TaskState, drafts: Sequence[EventDraft], now: datetime
) -> Batch:
    """The change as the live feed sends it."""
    row = written.row
    task = task_json(row, written.targets, now=now)
    last = row["sequence"]
    previous = last - len(drafts)
    events = [
        feed_event_json(
            {
                "sequence": sequence,
                "task__task_id": task["taskId"],
                "kind": draft.kind.value,
                "from_status": draft.from_status,
                "to_status": draft.to_status,
                "progress": draft.progress,
                "actor": draft.actor,
                "at": draft.at,
            }
        )
        for sequence, draft in enumerate(drafts, previous + 1)
    ]
    gained = row["progress"] - before["progress"]
    move = Move(last, row["marketplace_id"], before["status"], row["status"], gained)
    return Batch(previous, last, events, {task["taskId"]: task}, summary={}, moves=[move])


def _task_update(task_pk: int, fields: Mapping[str, Any]) -> Statement:
    """UPDATE of the named fields and of the event number that was just taken."""
    assignments = ", ".join([f"{name} = %s" for name in fields])
    return (
        f"UPDATE execution_task SET {assignments}, sequence = {NEWEST} WHERE id = %s",  # noqa: S608  # names of fields
        (*fields.values(), task_pk),
    )


def _write_targets(writer: Writer, state: TaskState, plan: Plan) -> None:
    known = {target["marketplace_id"] for target in state.targets}
    for slug, target in plan.targets.items():
        if slug in known:
            _update_target(writer, state.row["id"], slug, target)
        else:
            writer.execute(INSERT_TARGET, [target[name] for name in TARGET_COLUMNS])  # type: ignore[literal-required]
    for slug in plan.removed:
        writer.execute(DELETE_TARGET, (state.row["id"], slug))


def _targets_after(state: TaskState, plan: Plan) -> list[TargetRow]:
    """In the order of the marketplaces."""
    if not plan.targets and not plan.removed:
        return list(state.targets)
    after = {target["marketplace_id"]: target for target in state.targets}
    after.update(plan.targets)
    for slug in plan.removed:
        del after[slug]
    return sorted(after.values(), key=lambda t: queries.MARKETPLACE_ORDER[t["marketplace_id"]])


def _write_lease(writer: Writer, state: TaskState, plan: Plan, now: datetime) -> None:
    """The hold on a task ends with the work or its agent; a report of its agent renews it."""
    last = plan.events[-1]
    is_over = plan.fields.get("status") in ENDED_STATUSES or "agent_id" in plan.fields
    if is_over or last.kind == EventKind.LEASE_EXPIRED:
        leases.end(writer, state.row["id"])
    elif state.lease is not None and last.actor.startswith("agent:"):
        leases.renew(writer, state.row["id"], now=now)


_TARGET_ASSIGNMENTS = ", ".join(f"{name} = %s" for name in TARGET_COLUMNS)


def _update_target(writer: Writer, task_pk: int, slug: str, target: Mapping[str, Any]) -> None:
    writer.execute(
        f"UPDATE execution_tasktarget SET {_TARGET_ASSIGNMENTS} "  # noqa: S608  # names of fields
        "WHERE task_id = %s AND marketplace_id = %s",
        (*(target[name] for name in TARGET_COLUMNS), task_pk, slug),
    )
