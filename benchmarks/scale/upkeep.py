"""Retention and changes of the schema while somebody writes. Runs where Django is set up.

A writer beside changes a task and creates one, again and again, by the product's own service; how
long its longest write took is told for each step. The steps are the project's own: the `prune`
command, and the operations that its migrations are made of (nexo/shared/online.py), with the short
patience for locks that `migrate` has.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final

from django.core.management import call_command
from django.db import OperationalError, connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import Q

from accounts.callers import Caller
from benchmarks.dialects import note
from execution import services
from execution.changes import TaskChange
from execution.enums import TaskStatus
from execution.models import Task
from nexo.shared import online

OPERATOR: Final = Caller(actor="user:head", is_superuser=True)
GAP_SECONDS: Final = 0.01
AFTERWARDS_SECONDS: Final = 0.5
TRIES: Final = 30
# So much of the table is filled in; the rest would take as long again, piece by piece.
FILLED_IN, FILLED_AT_ONCE = 200_000, 2_000

INDEX: Final = online.AddIndexOnline(
    "taskevent", models.Index(fields=["kind", "at"], name="event_by_kind_tried")
)
CHECK: Final = models.CheckConstraint(condition=Q(attempt__lte=10**6), name="event_attempt_tried")
FORWARDS: Final[tuple[tuple[str, Any], ...]] = (
    ("column that may be null", migrations.AddField("task", "tried", models.TextField(null=True))),
    (
        "column with a default, not null",
        migrations.AddField(
            "taskevent", "tried", models.BooleanField(default=False, db_default=False)
        ),
    ),
    ("index", INDEX),
    ("check", online.AddCheckOnline("taskevent", CHECK)),
    ("check of the old rows", online.ValidateOnline("taskevent", CHECK.name)),
)


@dataclass(slots=True)
class Step:
    """Seconds that a step took, and the longest and the middle write meanwhile."""

    name: str
    seconds: float
    longest_write: float
    middle_write: float
    writes: int
    tries: int = 1


@dataclass(slots=True)
class Bystander:
    """Writes on and on in a thread of its own."""

    task_ids: Sequence[str]
    _seconds: list[float] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _began_at: float | None = None
    failure: BaseException | None = None

    def work(self) -> None:
        try:
            for number in range(10**9):
                if self._over.wait(GAP_SECONDS):
                    return
                self._began_at = time.monotonic()
                self._write(number)
                self._seconds.append(time.monotonic() - self._began_at)
                self._began_at = None
        except Exception as error:
            self.failure = error
        finally:
            connection.close()

    def _write(self, number: int) -> None:
        if number % 2:
            new = services.NewTask("photo", "Foto", "amazon", 60.0, agent_id=None)
            services.create_tasks([new], caller=OPERATOR)
            return
        task_id = self.task_ids[number // 2 % len(self.task_ids)]
        change = TaskChange(TaskStatus.IN_PROGRESS, error=note(number))
        services.update_task(task_id, change, caller=OPERATOR)

    def taken(self) -> list[float]:
        """What writes took since this was last asked; the one under way counts with them."""
        taken, self._seconds = self._seconds, []
        if self._began_at is not None:
            taken = [*taken, time.monotonic() - self._began_at]
        return taken

    def end(self) -> None:
        self._over.set()


@contextmanager
def bystander(task_ids: Sequence[str]) -> Iterator[Bystander]:
    beside = Bystander(task_ids)
    thread = threading.Thread(target=beside.work)
    thread.start()
    try:
        time.sleep(1.0)  # until it writes at its pace: the first are slower
        yield beside
    finally:
        beside.end()
        thread.join()
    if beside.failure is not None:
        raise beside.failure


def main(task_ids: Sequence[str], seconds: float) -> None:
    """Print each step as JSON; the first is nothing at all, for that many seconds."""
    steps: list[Step] = []
    with bystander(task_ids) as beside:
        beside.taken()

        def step(name: str, do: Callable[[], object], tries: int = 1) -> None:
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {name} …\n")
            beside.taken()
            began = time.monotonic()
            for left in reversed(range(tries)):
                try:
                    do()
                    break
                except OperationalError:
                    # It did not have its lock at once, gave up, and is tried again.
                    if not left:
                        raise
                    time.sleep(0.2)
            took = time.monotonic() - began
            time.sleep(AFTERWARDS_SECONDS)  # who waited for it ends after it
            writes = sorted(beside.taken())
            steps.append(
                Step(name, took, writes[-1], writes[len(writes) // 2], len(writes), tries - left)
            )

        step("nothing", lambda: time.sleep(seconds))
        step("prune", lambda: call_command("prune", stdout=sys.stderr))
        change_schema(step)
    sys.stdout.write(json.dumps([asdict(one) for one in steps]))


def change_schema(step: Callable[..., None]) -> None:
    """Each operation forwards, then all of them backwards: the database is as it was."""
    online.wait_briefly(using="default")
    states = [MigrationLoader(connection).project_state()]
    try:
        for name, operation in FORWARDS:
            after = states[-1].clone()
            operation.state_forwards("execution", after)
            step(f"add {name}", partial(_run, operation, states[-1], after), TRIES)
            states.append(after)
        step(f"fill in the column, {FILLED_IN:,} tasks", fill_in)
    finally:
        for name, operation in reversed(FORWARDS[: len(states) - 1]):
            after = states.pop()
            if name != "check of the old rows":
                step(f"remove {name}", partial(_undo, operation, after, states[-1]), TRIES)
        online.wait_as_usual(using="default")


def _run(operation: Any, before: ProjectState, after: ProjectState) -> None:
    with connection.schema_editor(atomic=operation is not INDEX) as editor:
        operation.database_forwards("execution", editor, before, after)


def _undo(operation: Any, after: ProjectState, before: ProjectState) -> None:
    with connection.schema_editor(atomic=operation is not INDEX) as editor:
        operation.database_backwards("execution", editor, after, before)


def fill_in() -> None:
    last = Task.objects.order_by("-pk").values_list("pk", flat=True)[0]
    with connection.cursor() as cursor:
        for until in range(last, max(0, last - FILLED_IN), -FILLED_AT_ONCE):
            cursor.execute(
                "UPDATE execution_task SET tried = '' WHERE id > %s AND id <= %s",
                [until - FILLED_AT_ONCE, until],
            )
