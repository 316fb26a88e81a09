"""Reads of bulk jobs, and of the tasks that an order would meet."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.callers import Caller
from accounts.permissions import RUN_ORCHESTRATION
from execution import queries as tasks
from execution.changes import RESENDABLE, RESYNC_STATUSES
from execution.filters import TaskSelection
from execution.models import Task, TaskEvent, TaskTarget
from orchestration.bulk.enums import JobState, Outcome
from orchestration.bulk.models import BulkItem, BulkJob, BulkSelection

# Of the statements that name tasks; SQLite takes 250,000 values, PostgreSQL 65,535.
BATCH = 1_000


def visible_jobs(caller: Caller) -> QuerySet[BulkJob]:
    """All to those who run the orchestration, their own to other people."""
    if caller.agent_id is not None:
        return BulkJob.objects.none()
    if caller.may(RUN_ORCHESTRATION):
        return BulkJob.objects.all()
    return BulkJob.objects.filter(user_id=caller.user_id or 0)


def waiting_jobs(now: datetime) -> QuerySet[BulkJob]:
    """Jobs with something left to do that nobody is at."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    return BulkJob.objects.filter(free, ~Q(state=JobState.DONE)).order_by()


def items_after(
    job: BulkJob, *, after: int, limit: int, outcome: Outcome | None = None
) -> list[BulkItem]:
    """Up to `limit` tasks of a job in their order, after a position; all, or with one outcome."""
    items = job.items.filter(position__gt=after).order_by("position")
    if outcome is not None:
        items = items.filter(outcome=outcome)
    return list(items[:limit])


def steps_made(items: Collection[BulkItem]) -> dict[int, tuple[str, str]]:
    """From which status to which the events of these tasks led, by the events' numbers."""
    made = [item.sequence for item in items if item.sequence is not None]
    events = TaskEvent.objects.filter(sequence__in=made)
    rows = events.values_list("sequence", "from_status", "to_status")
    return {sequence: (old or "", new) for sequence, old, new in rows}


def pending_items(job: BulkJob, *, limit: int) -> list[BulkItem]:
    # The literal, so that the partial index serves it.
    return list(job.items.filter(outcome="pending").order_by("position")[:limit])


# -- Tasks ---------------------------------------------------------------------------------------


def matching(values: Mapping[str, Any]) -> QuerySet[Task]:
    """The tasks that checked filters of the list select."""
    return TaskSelection(values, Task.objects.all(), sees_all=True).tasks()


def named(task_ids: Sequence[str]) -> Iterator[QuerySet[Task]]:
    """The tasks with these ids, in as many selections as the database wants."""
    for some in _batches(task_ids):
        yield Task.objects.filter(task_id__in=some)


def _batches(task_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (task_ids[place : place + BATCH] for place in range(0, len(task_ids), BATCH))


def own_tasks(selected: QuerySet[Task], actor: str) -> QuerySet[Task]:
    """Those of `selected` that `actor` created or edited, as `queries.is_touched_by` has it."""
    return selected.filter(Exists(tasks.touches(actor).filter(task_id=OuterRef("pk"))))


def without_resendable(selected: QuerySet[Task]) -> QuerySet[Task]:
    """Those of `selected` of which nothing can be queued again."""
    targets = TaskTarget.objects.filter(task=OuterRef("pk"), state__in=RESENDABLE)
    return selected.filter(status__in=RESYNC_STATUSES).filter(~Exists(targets))


def statuses_in_order(selected: QuerySet[Task], *, limit: int) -> dict[str, str]:
    """The status of each task by its id, in the list's order."""
    rows = selected.order_by("-created_at", "-id").values_list("task_id", "status")
    return dict(rows[:limit])


def kept_selection(selection_id: str, *, actor: str, since: datetime) -> BulkSelection | None:
    """What this person was shown under that id; without the tasks, which can be many."""
    kept = BulkSelection.objects.defer("task_ids")
    return kept.filter(selection_id=selection_id, actor=actor, created_at__gt=since).first()


def sequences_locked(task_ids: Sequence[str]) -> dict[str, int]:
    """Lock these tasks until the transaction ends, and say which event changed each last.

    In the order of their keys, and before any of them is written: a write holds the counters that
    every other write wants, and whoever then waited for a task would wait for a waiter.
    """
    found: dict[str, int] = {}
    for selected in named(task_ids):
        rows = selected.order_by("pk").select_for_update(of=("self",), no_key=True)
        found.update(rows.values_list("task_id", "sequence"))
    return found


# -- Freezing ------------------------------------------------------------------------------------

FREEZE = """
INSERT INTO orchestration_bulkitem (job_id, position, task_id, outcome, code)
SELECT %s, ROW_NUMBER() OVER (ORDER BY created_at DESC, id DESC), task_id, 'pending', ''
FROM ({selected}) AS selected
"""
_FREEZE_SELECTION = """
INSERT INTO orchestration_bulkitem (job_id, position, task_id, outcome, code)
SELECT %s, {place}, given.value, 'pending', '' FROM orchestration_bulkselection kept, {given}
WHERE kept.id = %s
"""
FREEZE_SELECTION = {
    "sqlite": _FREEZE_SELECTION.format(
        place="given.key + 1", given="json_each(kept.task_ids) given"
    ),
    "postgresql": _FREEZE_SELECTION.format(
        place="given.place",
        given="jsonb_array_elements_text(kept.task_ids) WITH ORDINALITY AS given(value, place)",
    ),
}
FREEZE_UNDO = """
INSERT INTO orchestration_bulkitem (job_id, position, task_id, outcome, code, undoes)
SELECT %s, ROW_NUMBER() OVER (ORDER BY position), task_id, 'pending', '', sequence
FROM orchestration_bulkitem WHERE job_id = %s AND outcome = 'done' AND sequence IS NOT NULL
"""


def freeze_matching(job: BulkJob, selected: QuerySet[Task], *, limit: int) -> int:
    """Keep the tasks that match now, in the list's order, up to `limit`; one statement."""
    rows = selected.order_by().values("id", "created_at", "task_id")[:limit]
    statement, values = rows.query.get_compiler(connection=connection).as_sql()
    return _insert(FREEZE.format(selected=statement), [job.pk, *values])


def freeze_named(job: BulkJob, task_ids: Sequence[str]) -> int:
    items = (
        BulkItem(job=job, position=position, task_id=task_id)
        for position, task_id in enumerate(task_ids, 1)
    )
    return len(BulkItem.objects.bulk_create(items, batch_size=BATCH))


def freeze_selection(job: BulkJob, selection: BulkSelection) -> int:
    """Keep the tasks that somebody was shown, in one statement."""
    return _insert(FREEZE_SELECTION[connection.vendor], [job.pk, selection.pk])


def freeze_undo(job: BulkJob, undone: BulkJob) -> int:
    """Keep what the other job did."""
    return _insert(FREEZE_UNDO, [job.pk, undone.pk])


def _insert(statement: str, values: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
