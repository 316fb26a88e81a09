"""Seconds per write, the product's and the bare one in turns. Runs where Django is set up."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import count, cycle
from typing import Any

from django.db import connection

from accounts.callers import Caller
from benchmarks.measures import interleave
from execution import services
from execution.changes import TaskChange
from execution.enums import EventKind, TaskStatus
from execution.models import Task
from nexo.shared import clock

OPERATOR = Caller(actor="user:head", is_superuser=True)
STEPS = (TaskStatus.FAILED, TaskStatus.PENDING, TaskStatus.APPROVED, TaskStatus.IN_PROGRESS)
KINDS = {
    TaskStatus.FAILED: EventKind.FAILED,
    TaskStatus.PENDING: EventKind.RETRIED,
    TaskStatus.APPROVED: EventKind.APPROVED,
    TaskStatus.IN_PROGRESS: EventKind.STARTED,
}
PROGRESS = {
    TaskStatus.FAILED: 0,
    TaskStatus.PENDING: 0,
    TaskStatus.APPROVED: 25,
    TaskStatus.IN_PROGRESS: 50,
}
# Numbers that no stream reaches: the bare write has no counter to take them from.
BARE_NUMBERS = 10**12
UPDATE = """
    UPDATE execution_task SET status = %s, progress = %s, approved_at = %s, started_at = %s,
        ended_at = %s, failure_reason = %s, updated_at = %s, version = version + 1
    WHERE id = %s
"""
INSERT = """
    INSERT INTO execution_taskevent (sequence, task_id, kind, from_status, to_status, progress,
        actor, reason, at, agent_id, attempt, failure_reason, estimated_minutes,
        execution_minutes, details)
    VALUES (%s, %s, %s, %s, %s, %s, %s, NULL, %s, %s, %s, %s, %s, NULL, NULL)
"""


class Product:
    def __init__(self, task_id: str) -> None:
        self._task_id = task_id
        self._steps = cycle(STEPS)

    def write(self) -> None:
        services.update_task(self._task_id, TaskChange(next(self._steps)), caller=OPERATOR)


class Bare:
    """Knows the task by heart and asks for nothing."""

    def __init__(self, task_id: str) -> None:
        self._task = Task.objects.get(task_id=task_id)
        self._steps = cycle(zip(STEPS, (STEPS[-1], *STEPS[:-1]), strict=True))
        self._numbers = count(BARE_NUMBERS)
        # SQLite's driver has no type for instants, and marks values otherwise.
        is_sqlite = connection.vendor == "sqlite"
        self._instant: Callable[[Any], Any] = str if is_sqlite else lambda instant: instant
        self._begin = "BEGIN IMMEDIATE" if is_sqlite else "BEGIN"
        self._update = UPDATE.replace("%s", "?") if is_sqlite else UPDATE
        self._insert = INSERT.replace("%s", "?") if is_sqlite else INSERT
        self._cursor = connection.connection.cursor()

    def write(self) -> None:
        new, old = next(self._steps)
        task, now = self._task, self._instant(clock.now())
        failure = "error" if new == TaskStatus.FAILED else None
        progress = PROGRESS[new]
        execute = self._cursor.execute
        execute(self._begin)
        ended = now if failure else None
        # The order of the columns in UPDATE and INSERT.
        execute(self._update, (new.value, progress, now, now, ended, failure, now, task.pk))
        event = (next(self._numbers), task.pk, KINDS[new].value, old.value, new.value, progress)
        facts = (task.agent_id, task.attempt, failure, task.estimated_minutes)
        execute(self._insert, (*event, OPERATOR.actor, now, *facts))
        execute("COMMIT")


def timed(write: Callable[[], None], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        write()
    return (time.perf_counter() - began) / times


def main(rounds: int, writes: int, product_task: str, bare_task: str) -> None:
    """Print the rounds as JSON."""
    connection.ensure_connection()
    product, bare = Product(product_task), Bare(bare_task)
    kept = interleave(
        rounds, lambda: timed(product.write, writes), lambda: timed(bare.write, writes)
    )
    sys.stdout.write(json.dumps(asdict(kept)))
