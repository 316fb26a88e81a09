"""A page of tasks as the API lists them: keys from the database, JSON mostly from memory.

Most of a page has been told before, so its JSON is kept by version. What changes without a new
version, which is the time an open task has taken, is put in at each telling. The rest was half of
what a list cost: rows made dicts, instants read and written, names put to values, for tasks that
nobody had touched since.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from orjson import Fragment

from execution import queries
from execution.enums import TaskStatus
from execution.filters import TaskSelection
from execution.models import Task
from execution.queries import Position
from execution.representations import is_overdue, task_json, time_spent, versioned_json
from execution.rows import TaskState, Times
from execution.totals import Counts
from nexo.shared.generations import Generations
from nexo.shared.pipelines import bare_statements, one_round_trip
from nexo.shared.reading import Condition, TableReader
from nexo.shared.renderers import dump_json

# About 1.5 kB each, and twice as many at most.
TASKS_KEPT = 5_000
CONDITIONS_KEPT = 100

# An instant as text costs less than to read it; nothing is done with it but to compare.
KEYS: TableReader[Mapping[str, Any]] = TableReader(
    Task,
    ("id", "version"),
    joined={"changed": "execution_task.updated_at || ''"},
    literals=TaskStatus.values,
)


class TaskKey(NamedTuple):
    """What a task's row is known by: any change of it gives it another version.

    `changed` is when that was, as text: in a database that was restored, a version may come twice.
    """

    id: int
    version: int
    changed: str


class Told(NamedTuple):
    """A task's JSON: whole once it has ended, else without what the time changes and its brace."""

    id: int
    version: int
    times: Times
    json: bytes

    @classmethod
    def of(cls, state: TaskState) -> "Told":
        row, ended_at = state.row, state.row["ended_at"]
        times: Times = {
            "created_at": row["created_at"],
            "due_at": row["due_at"],
            "ended_at": ended_at,
        }
        if ended_at is not None:
            json = dump_json(task_json(row, state.targets, now=ended_at))
        else:
            json = dump_json(versioned_json(row, state.targets))[:-1]
        return cls(row["id"], row["version"], times, json)

    def at(self, now: datetime) -> Fragment:
        if self.times["ended_at"] is not None:
            return Fragment(self.json)
        spent, overdue = time_spent(self.times, now), is_overdue(self.times, now)
        return Fragment(
            b'%b,"timeSpent":%d,"overdue":%b}'
            % (self.json, spent, b"true" if overdue else b"false")
        )


@dataclass(frozen=True, slots=True)
class Page:
    """What a list answers; `tasks` and counts are as of `position` or newer."""

    position: Position
    tasks: Sequence[Told]
    has_more: bool
    counts: Counts


_KEPT: Generations[TaskKey, Told] = Generations(TASKS_KEPT)
# Django builds a condition anew at each call, which takes a quarter of a list's time.
_CONDITIONS: Generations[Hashable, Condition] = Generations(CONDITIONS_KEPT)


def read_page(
    selection: TaskSelection, *, limit: int, after: tuple[datetime, int] | None = None
) -> Page:
    """Up to `limit` tasks, the newest first; `after` is (created_at, id) of the last one known."""
    condition = _condition(selection, after)
    with bare_statements(), one_round_trip():
        # The position first: what is read after it can only be newer than the number says.
        position = queries.STREAM.ask("WHERE id = 1")
        asked = KEYS.ask_where(condition, queries.in_order(limit))
        rolled_up = queries.COUNTS.ask() if selection.is_rolled_up else None
    ((epoch, sequence),) = position.tuples()
    keys = [TaskKey(*key) for key in asked.tuples()] if asked else []
    tasks = _told(keys[:limit])
    return Page(Position(epoch, sequence), tasks, len(keys) > limit, selection.counts(rolled_up))


def forget() -> None:
    """Everything that is kept: for tests, whose tasks may have the keys of other tests' tasks."""
    _KEPT.clear()


def _condition(selection: TaskSelection, after: tuple[datetime, int] | None) -> Condition | None:
    # Which page follows is another question each time.
    asked = selection.asked() if after is None else None
    condition = _CONDITIONS.get(asked) if asked is not None else None
    if condition is None:
        condition = KEYS.condition(queries.older_than(selection.tasks(), after))
        if asked is not None and condition is not None:
            _CONDITIONS.put(asked, condition)
    return condition


def _told(keys: Sequence[TaskKey]) -> list[Told]:
    """Each task's JSON in the order of the keys; what is not kept is read now, and may be newer."""
    found = [_KEPT.get(key) for key in keys]
    missing = {key.id: key for key, one in zip(keys, found, strict=True) if one is None}
    if not missing:
        return [one for one in found if one is not None]
    read = {state.row["id"]: Told.of(state) for state in queries.states_of(missing)}
    for pk, key in missing.items():
        # A task that changed meanwhile has another key by now.
        if read[pk].version == key.version:
            _KEPT.put(key, read[pk])
    return [one or read[key.id] for key, one in zip(keys, found, strict=True)]
