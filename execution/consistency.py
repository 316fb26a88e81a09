"""Do the numbers that are kept agree with the rows they were counted from?

Each check is a few queries over whole tables; a million tasks take seconds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection
from django.db.models import Count, Exists, F, Max, Min, OuterRef, QuerySet, Subquery, Sum
from django.utils.translation import gettext as _

from execution.enums import MarketplaceSlug, TaskStatus
from execution.models import Lease, Stream, Task, TaskCount, TaskEvent, TaskTarget

HELD_STATUSES: Final = (TaskStatus.APPROVED, TaskStatus.IN_PROGRESS, TaskStatus.MARKETPLACE_SYNC)
# Django's own transactions would take SQLite's write lock, and see each commit on PostgreSQL.
BEGIN_READING: Final = {
    "sqlite": "BEGIN DEFERRED",
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}


def differences() -> Iterator[str]:
    """A sentence for each difference, all from one instant."""
    with _one_snapshot():
        for check in _checks:
            yield from check()


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Read as of one instant without holding up writers; inside a transaction, as that does."""
    if connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(BEGIN_READING[connection.vendor])
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def roll_up() -> Iterator[str]:
    """Tasks and their progress, counted per status and marketplace."""
    counted = {
        (status, slug): (count, progress_sum)
        for status, slug, count, progress_sum in Task.objects.order_by()
        .values_list("status", "marketplace_id")
        .annotate(Count("id"), Sum("progress"))
    }
    kept = {
        (status, slug): (count, progress_sum)
        for status, slug, count, progress_sum in TaskCount.objects.values_list(
            "status", "marketplace_id", "count", "progress_sum"
        )
    }
    pairs = {(status, slug) for status in TaskStatus.values for slug in MarketplaceSlug.values}
    for key in sorted(pairs | set(counted) | set(kept)):
        values = {"status": key[0], "marketplace": key[1]}
        if key not in kept:
            yield _("TaskCount %(status)s/%(marketplace)s: there is no row.") % values
            continue
        count, progress_sum = counted.get(key, (0, 0))
        for name, is_kept, is_true in (
            ("count", kept[key][0], count),
            ("progress_sum", kept[key][1], progress_sum),
        ):
            if is_kept != is_true:
                numbers = {**values, "name": name, "kept": is_kept, "true": is_true}
                text = _(
                    "TaskCount %(status)s/%(marketplace)s: %(name)s is %(kept)d, "
                    "the tasks say %(true)d."
                )
                yield text % numbers


def event_numbers() -> Iterator[str]:
    """The stream stands at the newest event, and none is missing since the oldest one kept, or
    since those that `prune` has been through."""
    stands_at, pruned = Stream.objects.values_list("sequence", "pruned_through").get()
    events = TaskEvent.objects.aggregate(last=Max("sequence"))
    if events["last"] is None:
        return
    if events["last"] != stands_at:
        values = {"stream": stands_at, "last": events["last"]}
        yield _("Stream: it stands at %(stream)d, the newest event is %(last)d.") % values
    span = TaskEvent.objects.filter(sequence__gt=pruned).aggregate(
        first=Min("sequence"), last=Max("sequence"), all=Count("pk")
    )
    if span["all"] and span["all"] != span["last"] - span["first"] + 1:
        yield from _gaps(span["first"])


def _gaps(first: int) -> Iterator[str]:
    before = TaskEvent.objects.filter(sequence__lt=OuterRef("sequence")).order_by("-sequence")
    after_gaps = (
        TaskEvent.objects.filter(sequence__gt=first)
        .exclude(Exists(TaskEvent.objects.filter(sequence=OuterRef("sequence") - 1)))
        .annotate(before=Subquery(before.values("sequence")[:1]))
        .order_by("sequence")
    )
    for sequence, last in after_gaps.values_list("sequence", "before").iterator():
        values = {"first": last + 1, "last": sequence - 1}
        yield _("TaskEvent: numbers %(first)d to %(last)d are missing.") % values


def newest_events() -> Iterator[str]:
    """Each task is what its newest event made of it, which is never pruned."""
    own = TaskEvent.objects.filter(task=OuterRef("pk"))
    newer = Task.objects.filter(Exists(own.filter(sequence__gt=OuterRef("sequence"))))
    for task_id, sequence in _ids(newer):
        values = {"task": task_id, "sequence": sequence}
        yield _("%(task)s: its sequence is %(sequence)d, but there is a newer event.") % values
    its_event = own.filter(sequence=OuterRef("sequence"))
    for task_id, sequence in _ids(Task.objects.exclude(Exists(its_event))):
        values = {"task": task_id, "sequence": sequence}
        yield _("%(task)s: its sequence is %(sequence)d, which is no event of it.") % values
    yield from _otherwise("status", "to_status")
    yield from _otherwise("progress", "progress")


def _otherwise(field: str, event_field: str) -> Iterator[str]:
    """Tasks whose field is not what the event says that changed them last."""
    told = TaskEvent.objects.filter(sequence=OuterRef("sequence"), task=OuterRef("pk")).values(
        event_field
    )
    wrong = Task.objects.annotate(told=Subquery(told)).exclude(told=F(field)).exclude(told=None)
    for task_id, is_kept, is_true in wrong.values_list("task_id", field, "told").iterator():
        values = {"task": task_id, "field": field, "kept": is_kept, "true": is_true}
        text = _("%(task)s: its %(field)s is %(kept)s, its newest event says %(true)s.")
        yield text % values


def targets() -> Iterator[str]:
    """Each task has at least one marketplace to publish to."""
    bare = Task.objects.exclude(Exists(TaskTarget.objects.filter(task=OuterRef("pk"))))
    for task_id, _sequence in _ids(bare):
        yield _("%s: it has no target.") % task_id


def leases() -> Iterator[str]:
    """Only work that can go on is held, and by the agent that has it."""
    wrong = Lease.objects.exclude(task__status__in=HELD_STATUSES, agent_id=F("task__agent_id"))
    for task_id, agent in wrong.order_by("pk").values_list("task__task_id", "agent_id").iterator():
        values = {"task": task_id, "agent": agent}
        yield _("%(task)s: %(agent)s holds it, which has no work on it.") % values


def _ids(tasks: "QuerySet[Task]") -> Iterator[tuple[str, int]]:
    return tasks.order_by("pk").values_list("task_id", "sequence").iterator()


Check = Callable[[], Iterator[str]]
_checks: list[Check] = [roll_up, event_numbers, newest_events, targets, leases]


def register(check: Check) -> None:
    """For the apps above: what they derive from the log is recounted with the rest."""
    if check not in _checks:
        _checks.append(check)
