"""The audit: what happened to tasks and what was done to everything else, as one stream.

Two tables, each read in its own keyset order and merged. No query counts, and each looks at a
bounded number of rows: where a filter that no index serves finds too little among them, the page
ends early and goes on from there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from accounts.models import AuditEntry
from execution import queries as tasks
from execution.enums import REPORT_KINDS, EventKind, FailureReason
from execution.models import Agent, Task, TaskEvent

SCAN: Final = 10_000
"""Rows of one table that a page looks at, at most."""
TASK: Final = "task"
ROLE: Final = "role"
OF_AGENTS: Final = ("agent", "weight")
"""Kinds of which an agent's id says which one."""
FAILURES: Final = (FailureReason.REJECTED, FailureReason.CANCELLED, FailureReason.TIMEOUT)
EVENT_COLUMNS: Final = (*tasks.EVENT_COLUMNS, "origin", "task__task_id", "task__title")
ENTRY_COLUMNS: Final = (
    *("id", "at", "actor", "origin", "action", "object_kind", "object_id", "reason", "details"),
)


class Source(IntEnum):
    """Of two rows of one instant the higher comes first."""

    EVENT = 0
    ENTRY = 1


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A row's place in the stream, which is read from the highest to the lowest."""

    at: datetime
    source: Source
    row_id: int


@dataclass(frozen=True, slots=True)
class Line:
    """A row of one of the two tables, by its columns."""

    place: Place
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """`since` is inclusive, `until` exclusive; None and "" select everything."""

    actor: str = ""
    kind: str = ""
    object_id: str = ""
    action: str = ""
    origin: str = ""
    since: datetime | None = None
    until: datetime | None = None
    reports: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is where the next page starts, None at the end; `searched_to` how far back was looked
    when that ended this page, rather than its length."""

    lines: Sequence[Line]
    after: Place | None = None
    searched_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """What one table gives to a page: rows up to one too many, and where the search ended."""

    lines: Sequence[Line] = ()
    horizon: Place | None = None


# -- One page --------------------------------------------------------------------------------------


def audit_page(query: AuditQuery, *, after: Place | None, limit: int) -> Page:
    """Up to `limit` lines, the newest first."""
    parts = (_events(query, after, limit), _entries(query, after, limit))
    lines = sorted(
        (line for part in parts for line in part.lines), key=lambda line: line.place, reverse=True
    )
    horizon = max((part.horizon for part in parts if part.horizon), default=None)
    if horizon is not None:
        # Below it one of the tables has not been looked at.
        lines = [line for line in lines if line.place >= horizon]
    if len(lines) > limit:
        return Page(lines[:limit], after=lines[limit - 1].place)
    return Page(lines, after=horizon, searched_to=horizon.at if horizon else None)


def audit_lines(query: AuditQuery, *, limit: int) -> Iterator[Line | None]:
    """The whole stream, page by page; None at last when `limit` ended it before its end.

    Of what no index serves, as many rows are looked at as in a thousand pages.
    """
    after: Place | None = None
    left = limit
    for _page in range(1000):
        page = audit_page(query, after=after, limit=min(left, 500))
        yield from page.lines
        left -= len(page.lines)
        after = page.after
        if after is None:
            return
        if left <= 0:
            break
    yield None


def _events(query: AuditQuery, after: Place | None, limit: int) -> _Part:
    if query.kind not in ("", TASK):
        return _Part()
    rows = TaskEvent.objects.all()
    if query.object_id:
        task = Task.objects.filter(task_id=query.object_id).values_list("pk", flat=True).first()
        if task is None:
            return _Part()
        rows = rows.filter(task_id=task)
    if query.actor:
        rows = rows.filter(actor=query.actor)
    return _scan(rows, _event_filter(query), query, Source.EVENT, after, limit)


def _entries(query: AuditQuery, after: Place | None, limit: int) -> _Part:
    rows = AuditEntry.objects.all()
    if query.actor:
        rows = rows.filter(actor=query.actor)
    return _scan(rows, _entry_filter(query), query, Source.ENTRY, after, limit)


def _event_filter(query: AuditQuery) -> Q:
    """What no index of the events serves."""
    wanted = Q()
    if query.action in FailureReason.values and query.action in FAILURES:
        wanted &= Q(kind=EventKind.FAILED, failure_reason=query.action)
    elif query.action:
        wanted &= Q(kind=query.action)
    if query.origin:
        wanted &= Q(origin=query.origin)
    if not query.reports and query.action not in REPORT_KINDS:
        # A person's are deeds like any other.
        wanted &= ~Q(kind__in=REPORT_KINDS) | Q(actor__startswith="user:")
    return wanted


def _entry_filter(query: AuditQuery) -> Q:
    wanted = Q()
    if query.kind == ROLE:
        # Whoever asks about roles asks about who got one, too.
        wanted &= Q(object_kind=ROLE) | Q(action="roles_changed")
    elif query.kind:
        wanted &= Q(object_kind=query.kind)
    if query.object_id:
        wanted &= Q(object_id=query.object_id)
    if query.action:
        wanted &= Q(action=query.action)
    if query.origin:
        wanted &= Q(origin=query.origin)
    return wanted


def _scan(
    rows: QuerySet[Any],
    wanted: Q,
    query: AuditQuery,
    source: Source,
    after: Place | None,
    limit: int,
) -> _Part:
    """The wanted ones among the next `SCAN` rows, by an index that has them in order."""
    key = "sequence" if source == Source.EVENT else "id"
    columns = EVENT_COLUMNS if source == Source.EVENT else ENTRY_COLUMNS
    if query.since is not None:
        rows = rows.filter(at__gte=query.since)
    if query.until is not None:
        rows = rows.filter(at__lt=query.until)
    if after is not None:
        rows = _below(rows, key, after, source)
    rows = rows.order_by("-at", f"-{key}")
    horizon = None
    if wanted:
        last = rows.values_list("at", key)[SCAN - 1 : SCAN].first()
        if last is not None:
            horizon = Place(last[0], source, last[1])
            rows = rows.filter(Q(at__gt=last[0]) | Q(at=last[0], **{f"{key}__gte": last[1]}))
            rows = rows.filter(at__gte=last[0])
    found = rows.filter(wanted).values(*columns)[: limit + 1]
    lines = [Line(Place(row["at"], source, row[key]), row) for row in found]
    return _Part(lines, horizon)


def _below(rows: QuerySet[Any], key: str, after: Place, source: Source) -> QuerySet[Any]:
    """Rows of `source` after a place of either; the first condition lets the index seek."""
    if source > after.source:
        return rows.filter(at__lt=after.at)
    rows = rows.filter(at__lte=after.at)
    if source < after.source:
        return rows
    return rows.filter(Q(at__lt=after.at) | Q(**{f"{key}__lt": after.row_id}))


# -- Names that a filter takes ---------------------------------------------------------------------


def resolved(query: AuditQuery) -> AuditQuery:
    """With the actor as the logs name it: a person's name, an agent's id or a part of the system
    is enough. A person goes before an agent of the same name."""
    name = query.actor
    if not name or ":" in name:
        return query
    kind = "user"
    if not User.objects.filter(username=name).exists():
        if Agent.objects.filter(slug=name).exists():
            kind = "agent"
        elif AuditEntry.objects.filter(actor=f"system:{name}").exists() or (
            TaskEvent.objects.filter(actor=f"system:{name}").exists()
        ):
            kind = "system"
    return replace(query, actor=f"{kind}:{name}")


def is_known(actor: str) -> bool:
    """Whether somebody has, or had, this name as the logs have it."""
    kind, _colon, name = actor.partition(":")
    return (
        (kind == "user" and User.objects.filter(username=name).exists())
        or (kind == "agent" and Agent.objects.filter(slug=name).exists())
        or AuditEntry.objects.filter(actor=actor).exists()
        or TaskEvent.objects.filter(actor=actor).exists()
    )


def known_actors(*, limit: int) -> list[str]:
    """Names that the filter can suggest."""
    people = User.objects.order_by("username").values_list("username", flat=True)[:limit]
    agents = Agent.objects.order_by("slug").values_list("slug", flat=True)[:limit]
    return [*people, *agents]
