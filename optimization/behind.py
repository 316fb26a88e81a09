"""What an agent's numbers were counted from: the events of each kind, and its late tasks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.db.models import Q, QuerySet, Sum

from execution.enums import EventKind, FailureReason, TaskStatus
from execution.models import Task, TaskEvent
from nexo.shared import clock
from optimization import projection, queries
from optimization.counting import PLAYBOOK_ACTOR
from optimization.models import AgentDay
from optimization.queries import Window

PAGE_SIZE: Final = 50


class Fact(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"
    COMPLETED = "completed"
    FAILED = "failed"
    LATE = "late"
    CANCELLED = "cancelled"


# The columns of a day that hold it, and the events that it is; late is what is not in the log.
COLUMNS: Final[Mapping[Fact, tuple[str, ...]]] = {
    Fact.APPROVED: ("approved",),
    Fact.REJECTED: ("rejected",),
    Fact.COMPLETED: ("completed",),
    Fact.FAILED: ("failed_error", "failed_timeout"),
    Fact.CANCELLED: ("cancelled",),
}
_FAILED: Final = Q(kind=EventKind.FAILED)
EVENTS: Final[Mapping[Fact, Q]] = {
    Fact.APPROVED: Q(kind=EventKind.APPROVED) & ~Q(actor=PLAYBOOK_ACTOR)
    | Q(kind=EventKind.STARTED, from_status=TaskStatus.PENDING),
    Fact.REJECTED: _FAILED & Q(failure_reason=FailureReason.REJECTED),
    Fact.COMPLETED: Q(kind=EventKind.COMPLETED),
    Fact.FAILED: _FAILED & Q(failure_reason__in=(FailureReason.ERROR, FailureReason.TIMEOUT)),
    Fact.CANCELLED: _FAILED & Q(failure_reason=FailureReason.CANCELLED),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One fact: `at` is when it was counted; `place` orders those of one instant."""

    at: datetime
    place: int
    task_id: str
    title: str
    marketplace_id: str
    actor: str
    reason: str  # a person's words, else the agent's error
    failure_reason: str | None
    estimated_minutes: float
    execution_minutes: float | None


@dataclass(frozen=True, slots=True)
class Behind:
    """How many facts of each kind there are in the window, and a page of one kind's."""

    counts: Mapping[Fact, int]
    lines: Sequence[Line]
    after: tuple[datetime, int] | None


def read_behind(
    agent_id: str, fact: Fact, *, now: datetime, after: tuple[datetime, int] | None = None
) -> Behind:
    """The newest of these facts, or those older than the place `after`."""
    projection.catch_up()
    window = Window(now)
    late = queries.late_tasks_of(agent_id, window)
    days = AgentDay.objects.filter(agent_id=agent_id, day__gte=window.first, day__lte=window.today)
    counts = {**_counts(days), Fact.LATE: len(late)}
    if fact == Fact.LATE:
        older = [one for one in late if after is None or (one.late_at, one.task_pk) < after]
        lines = _late_lines(older[: PAGE_SIZE + 1])
    else:
        lines = _event_lines(agent_id, fact, days, after)
    page: list[Line] = []
    for line in lines:
        if after is not None and (line.at, line.place) >= after:
            continue
        if len(page) == PAGE_SIZE:
            return Behind(counts, page, (page[-1].at, page[-1].place))
        page.append(line)
    return Behind(counts, page, None)


def _counts(days: QuerySet[AgentDay]) -> dict[Fact, int]:
    names = [name for columns in COLUMNS.values() for name in columns]
    sums = days.aggregate(**{f"all_{name}": Sum(name, default=0) for name in names})
    return {
        fact: sum(int(sums[f"all_{name}"]) for name in columns) for fact, columns in COLUMNS.items()
    }


def _event_lines(
    agent_id: str, fact: Fact, days: QuerySet[AgentDay], after: tuple[datetime, int] | None
) -> Iterator[Line]:
    """Day by day, for the log has no index by agent: only days that have such facts are read."""
    has_some = Q()
    for name in COLUMNS[fact]:
        has_some |= Q(**{f"{name}__gt": 0})
    if after is not None:
        days = days.filter(day__lte=clock.business_day(after[0]))
    for day in days.filter(has_some).order_by("-day").values_list("day", flat=True):
        yield from _lines_of_day(agent_id, fact, day)


def _lines_of_day(agent_id: str, fact: Fact, day: date) -> Iterator[Line]:
    events = list(
        TaskEvent.objects.filter(
            EVENTS[fact],
            agent_id=agent_id,
            at__gte=clock.start_of_business_day(day),
            at__lt=clock.start_of_business_day(day + timedelta(days=1)),
        )
        .order_by("-at", "-sequence")
        .values(
            *("at", "sequence", "actor", "reason", "failure_reason", "details", "task_id"),
            *("task__task_id", "task__title", "task__marketplace_id"),
            *("estimated_minutes", "execution_minutes"),
        )
    )
    undone = _undone(events)
    for event in events:
        if event["sequence"] not in undone:
            yield Line(
                at=event["at"],
                place=event["sequence"],
                task_id=event["task__task_id"],
                title=event["task__title"],
                marketplace_id=event["task__marketplace_id"],
                actor=event["actor"],
                reason=event["reason"] or (event["details"] or {}).get("error", ""),
                failure_reason=event["failure_reason"],
                estimated_minutes=event["estimated_minutes"],
                execution_minutes=event["execution_minutes"],
            )


def _undone(events: Sequence[Mapping[str, Any]]) -> set[int]:
    """The numbers of those failures that were taken back: they count no longer."""
    tasks = {event["task_id"] for event in events if event["failure_reason"]}
    turns = TaskEvent.objects.filter(
        task_id__in=tasks, kind__in=(EventKind.FAILED, EventKind.UNDONE)
    ).order_by("sequence")
    latest: dict[int, int] = {}
    undone = set()
    for task_pk, kind, sequence in turns.values_list("task_id", "kind", "sequence"):
        if kind == EventKind.FAILED:
            latest[task_pk] = sequence
        elif task_pk in latest:
            undone.add(latest[task_pk])
    return undone


def _late_lines(late: Sequence[queries.LateTask]) -> Iterator[Line]:
    rows = Task.objects.in_bulk([one.task_pk for one in late])
    for one in late:
        task = rows[one.task_pk]
        yield Line(
            at=one.late_at,
            place=one.task_pk,
            task_id=task.task_id,
            title=task.title,
            marketplace_id=str(task.marketplace_id),
            actor="",
            reason="",
            failure_reason=None,
            estimated_minutes=task.estimated_minutes,
            execution_minutes=None,
        )
