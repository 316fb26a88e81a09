"""What one planned change writes, in which order, and how it is told of.

The event number is taken last of the shared rows, because every write wants it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from execution import leases
from execution.changes import EventDraft, Plan
from execution.enums import ENDED_STATUSES, EventKind, marketplace_place
from execution.feed import doorbell, handover
from execution.feed.frames import Batch
from execution.feed.handover import Handed
from execution.queries import Position
from execution.representations import feed_event_json, task_json
from execution.rows import TARGET_COLUMNS, TargetRow, TaskRow, TaskState, merged
from execution.totals import Move
from nexo.shared.origin import current_origin
from nexo.shared.pipelines import NumberedChange, Statement, Writer

TAKE_NUMBERS = "UPDATE execution_stream SET sequence = sequence + %s WHERE id = 1"
# Every change of a task or of its targets raises its version, and nothing else does.
IF_UNCHANGED = "SELECT FROM execution_task WHERE id = %s AND version = %s FOR NO KEY UPDATE"
ADD_TO_COUNT = (
    "UPDATE execution_taskcount SET count = count + %s, progress_sum = progress_sum + %s "
    "WHERE status = %s AND marketplace_id = %s"
)
EVENT_COLUMNS = (
    "sequence, task_id, kind, from_status, to_status, progress, actor, reason, at, agent_id, "
    "attempt, failure_reason, estimated_minutes, execution_minutes, details, origin"
)
_INSERT_EVENT = f"INSERT INTO execution_taskevent ({EVENT_COLUMNS})"
_EVENT_VALUES = ", ".join(["%s"] * EVENT_COLUMNS.count(","))
INSERT_EVENT = f"{_INSERT_EVENT} VALUES (%s, {_EVENT_VALUES})"
# For a transaction that has just taken its numbers and does not know them yet.
NEWEST = "(SELECT sequence FROM execution_stream WHERE id = 1)"
INSERT_NEWEST_EVENT = f"{_INSERT_EVENT} SELECT {NEWEST} - %s, {_EVENT_VALUES} WHERE TRUE"
INSERT_TARGET = (
    f"INSERT INTO execution_tasktarget ({', '.join(TARGET_COLUMNS)}) "  # noqa: S608  # own names
    f"VALUES ({', '.join(['%s'] * len(TARGET_COLUMNS))})"
)
_TARGET_ASSIGNMENTS = ", ".join(f"{name} = %s" for name in TARGET_COLUMNS)
UPDATE_TARGET = (
    f"UPDATE execution_tasktarget SET {_TARGET_ASSIGNMENTS} "  # noqa: S608  # names of fields
    "WHERE task_id = %s AND marketplace_id = %s"
)
DELETE_TARGET = "DELETE FROM execution_tasktarget WHERE task_id = %s AND marketplace_id = %s"
# Columns that are written and that no reader of a `TaskRow` asks for.
NOT_OF_A_ROW = frozenset({"result", "search_text", "assignment"})


def next_sequence(count: int) -> int:
    """Take `count` event numbers and return the first; holds the stream's row until commit."""
    writer = Writer()
    writer.execute(f"{TAKE_NUMBERS} RETURNING sequence", (count,))
    ((last,),) = writer.fetch()
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

    def updates(self) -> list[Statement]:
        return [
            (ADD_TO_COUNT, (self.count[key], self.progress[key], *key))
            for key in sorted({*self.count, *self.progress})
            if self.count[key] or self.progress[key]
        ]


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


def tell_when_committed(handed: Handed | None = None) -> None:
    """Ring once this is committed; what is handed over spares this process's tailer the reading."""

    def ring() -> None:
        if handed is not None:
            handover.put(handed)
        doorbell.ring()

    transaction.on_commit(ring, robust=True)


def write_change(state: TaskState, plan: Plan, now: datetime) -> TaskState:
    """Write what is planned for a locked task, in the transaction that is open."""
    place = _execute(_statements(state, plan, now), plan)
    change = _Change.of(state, plan, place, now)
    tell_when_committed(change.handed)
    handover.announce(change.handed)
    return change.written


def write_if_unchanged(state: TaskState, plan: Plan, now: datetime) -> TaskState:
    """Write what is planned for a task that was read without a lock: PostgreSQL's alone.

    All of it or nothing, and committed when this returns, without a transaction: one round trip
    instead of two, and no lock in between.

    Raises
    ------
    NeedsLock: nothing was written, for the task has changed since, or the plan takes something away
    """
    statements = _statements(state, plan, now)
    if statements.beside:
        raise NeedsLock
    is_as_read = (IF_UNCHANGED, (state.row["id"], state.row["version"]))
    expected = handover.expected_place()
    change = _Change.of(state, plan, expected, now) if expected else None
    if change is not None:
        handover.announce(change.handed)
    place = _execute(replace(statements, condition=is_as_read), plan)
    if change is None or place != expected:
        change = _Change.of(state, plan, place, now)
    tell_when_committed(change.handed)
    return change.written


class NeedsLock(Exception):
    """The change has to be planned and written anew, under a lock."""


def _statements(state: TaskState, plan: Plan, now: datetime) -> NumberedChange:
    task_pk = state.row["id"]
    counts = CountChanges()
    counts.add(state.row, -1)
    counts.add(merged(state.row, plan.fields), +1)
    fields = {**plan.fields, "version": state.row["version"] + 1, "updated_at": now}
    target_updates, target_moves = _target_statements(state, plan)
    lease_renewal, lease_end = _lease_statements(state, plan, now)
    return NumberedChange(
        before=[*counts.updates(), *target_updates, *lease_renewal],
        beside=[*target_moves, *lease_end],
        number=(TAKE_NUMBERS, (len(plan.events),)),
        returning="sequence, epoch",
        subquery=NEWEST,
        after=[_task_update(task_pk, fields), *_event_inserts(task_pk, plan.events)],
    )


def _execute(statements: NumberedChange, plan: Plan) -> Position:
    """Where the log stood before the plan's events.

    Raises
    ------
    NeedsLock: the statements' condition was not met
    """
    writer = Writer()
    writer.execute_numbered(statements)
    numbers = writer.fetch()
    if not numbers:
        raise NeedsLock
    ((last, epoch),) = numbers
    return Position(epoch, last - len(plan.events))


@dataclass(frozen=True, slots=True)
class _Change:
    """A task as it is once a plan is written, and what is told of it."""

    written: TaskState
    handed: Handed

    @classmethod
    def of(cls, state: TaskState, plan: Plan, place: Position, now: datetime) -> "_Change":
        """`place` is where the log stands before the plan's events."""
        made = {name: value for name, value in plan.fields.items() if name not in NOT_OF_A_ROW}
        made["version"] = state.row["version"] + 1
        made["updated_at"] = now
        made["sequence"] = reached = place.sequence + len(plan.events)
        written = TaskState(merged(state.row, made), _targets_after(state, plan))
        make_batch = partial(_batch, state.row, written, plan.events, now)
        handed = Handed(place, reached, make_batch)
        return cls(written, handed)


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


def _target_statements(state: TaskState, plan: Plan) -> tuple[list[Statement], list[Statement]]:
    """The UPDATEs, and what makes new targets or takes old ones away."""
    task_pk = state.row["id"]
    known = {target["marketplace_id"] for target in state.targets}
    updates: list[Statement] = []
    moves: list[Statement] = [(DELETE_TARGET, (task_pk, slug)) for slug in plan.removed]
    for slug, target in plan.targets.items():
        values = [target[name] for name in TARGET_COLUMNS]  # type: ignore[literal-required]  # its keys
        if slug in known:
            updates.append((UPDATE_TARGET, (*values, task_pk, slug)))
        else:
            moves.append((INSERT_TARGET, values))
    return updates, moves


def _targets_after(state: TaskState, plan: Plan) -> list[TargetRow]:
    """In the order of the marketplaces."""
    if not plan.targets and not plan.removed:
        return list(state.targets)
    after = {target["marketplace_id"]: target for target in state.targets}
    after.update(plan.targets)
    for slug in plan.removed:
        del after[slug]
    return sorted(after.values(), key=lambda t: marketplace_place(t["marketplace_id"]))


def _lease_statements(
    state: TaskState, plan: Plan, now: datetime
) -> tuple[list[Statement], list[Statement]]:
    """What renews the hold on a task, as a report of its agent does, and what ends it: the work's
    end, or another agent."""
    last = plan.events[-1]
    is_over = plan.fields.get("status") in ENDED_STATUSES or "agent_id" in plan.fields
    if is_over or last.kind == EventKind.LEASE_EXPIRED:
        return [], [leases.end(state.row["id"])]
    if state.lease is not None and last.actor.startswith("agent:"):
        return [leases.renew(state.row["id"], now=now)], []
    return [], []
