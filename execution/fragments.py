"""Tasks as JSON for lists, kept by version: most of a page has been told before.

What changes without a new version, which is the time an open task has taken, is put in at each
telling. The rest was half of what a list cost: rows made dicts, instants read and written, names
put to values, for tasks that nobody had touched since.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from orjson import Fragment

from execution import queries
from execution.queries import TaskKey
from execution.representations import is_overdue, task_json, time_spent, versioned_json
from execution.rows import TaskState, Times
from nexo.shared.generations import Generations
from nexo.shared.renderers import dump_json

# About 1.5 kB each, and twice as many at most.
MOST_KEPT = 5_000


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


KEPT: Generations[TaskKey, Told] = Generations(MOST_KEPT)


def of(keys: Sequence[TaskKey]) -> list[Told]:
    """Each task's JSON in the order of the keys; what is not kept is read now, and may be newer."""
    found = [KEPT.get(key) for key in keys]
    missing = {key.id: key for key, one in zip(keys, found, strict=True) if one is None}
    if not missing:
        return [one for one in found if one is not None]
    read = {state.row["id"]: Told.of(state) for state in queries.states_of(missing)}
    for pk, key in missing.items():
        # A task that changed meanwhile has another key by now.
        if read[pk].version == key.version:
            KEPT.put(key, read[pk])
    return [one or read[key.id] for key, one in zip(keys, found, strict=True)]
