"""The stream of the audit: a walk by pages is the whole, whatever the filters and the data."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from execution.enums import EventKind
from execution.models import TaskEvent
from orchestration import audit
from orchestration.audit import AuditQuery, Line, Place, Source, audit_lines, audit_page, resolved
from orchestration.audit_filters import decode_place, encode_place
from tests.factories import make_agent, make_task, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
START = datetime(2026, 2, 1, tzinfo=UTC)
ACTORS = ("user:ana", "user:bia", "agent:alex", "system:import")
ORIGINS = (None, "203.0.113.7", "command")
KINDS = ("agent", "role", "user", "token", "task")
ACTIONS = ("created", "changed", "roles_changed", "approved")


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def add_event(task: int, number: int, **fields: Any) -> None:
    values = {"kind": "approved", "to_status": "approved", "progress": 25, "actor": "user:ana"}
    values |= {"estimated_minutes": 60, "at": at(number), **fields}
    TaskEvent.objects.create(sequence=1000 + number, task_id=task, **values)


def add_entry(**fields: Any) -> AuditEntry:
    values = {"at": START, "actor": "user:ana", "action": "changed", "object_kind": "agent"}
    return AuditEntry.objects.create(**{**values, "object_id": "alex", **fields})


def fill(random: Random) -> list[str]:
    """Events and entries at few instants, so that many share one; the tasks' ids."""
    tasks = [make_task() for _ in range(3)]
    TaskEvent.objects.update(at=START)
    for number in range(60):
        kind = random.choice(EventKind.values)
        reason = random.choice(["error", "rejected", "cancelled"]) if kind == "failed" else None
        add_event(
            random.choice(tasks).row["id"],
            number,
            kind=kind,
            failure_reason=reason,
            actor=random.choice(ACTORS),
            origin=random.choice(ORIGINS),
            at=at(random.randrange(12)),
        )
        add_entry(
            at=at(random.randrange(12)),
            actor=random.choice(ACTORS),
            origin=random.choice(ORIGINS),
            action=random.choice(ACTIONS),
            object_kind=random.choice(KINDS),
            object_id=random.choice(("alex", tasks[0].row["task_id"])),
        )
    return [str(task.row["task_id"]) for task in tasks]


def some_query(random: Random, task_ids: Sequence[str]) -> AuditQuery:
    def maybe(values: Sequence[Any]) -> Any:
        return random.choice(values) if random.random() < 0.35 else None

    return AuditQuery(
        actor=maybe(ACTORS) or "",
        kind=maybe(KINDS) or "",
        object_id=maybe(("alex", task_ids[0], "nobody")) or "",
        action=maybe((*ACTIONS, "rejected", "progress", "failed")) or "",
        origin=maybe(ORIGINS[1:]) or "",
        since=maybe((at(3), at(6))),
        until=maybe((at(9), at(6))),
        reports=random.random() < 0.5,
    )


# -- The same, told once more, row by row ----------------------------------------------------------


def expected(query: AuditQuery) -> list[Place]:
    found = []
    for event in TaskEvent.objects.select_related("task"):
        deed = event.kind not in ("progress", "sync", "result", "error")
        deed = deed or event.actor.startswith("user:")
        names = {event.kind}
        if event.kind == "failed" and event.failure_reason != "error":
            names.add(str(event.failure_reason))
        if (
            query.kind in ("", "task")
            and query.object_id in ("", event.task.task_id)
            and (not query.action or query.action in names)
            and (deed or query.reports or query.action == event.kind)
            and _shared(query, event)
        ):
            found.append(Place(event.at, Source.EVENT, event.sequence))
    for entry in AuditEntry.objects.all():
        about_roles = query.kind == "role" and entry.action == "roles_changed"
        if (
            (query.kind in ("", entry.object_kind) or about_roles)
            and query.object_id in ("", entry.object_id)
            and query.action in ("", entry.action)
            and _shared(query, entry)
        ):
            found.append(Place(entry.at, Source.ENTRY, entry.pk))
    return sorted(found, reverse=True)


def _shared(query: AuditQuery, row: Any) -> bool:
    return (
        query.actor in ("", row.actor)
        and query.origin in ("", row.origin)
        and (query.since is None or row.at >= query.since)
        and (query.until is None or row.at < query.until)
    )


def walk(query: AuditQuery, limit: int) -> Iterator[Line]:
    after = None
    for _ in range(1000):
        page = audit_page(query, after=after, limit=limit)
        assert len(page.lines) <= limit
        yield from page.lines
        if page.after is None:
            return
        assert after is None or page.after < after
        after = decode_place(encode_place(page.after))
        assert after == page.after
    raise AssertionError("the walk has no end")


@pytest.mark.parametrize("seed", range(4))
def test_a_walk_is_the_whole(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    task_ids = fill(random)
    for _ in range(40):
        query = some_query(random, task_ids)
        monkeypatch.setattr(audit, "SCAN", random.choice((1, 4, 25, 10_000)))
        places = [line.place for line in walk(query, random.choice((1, 3, 10, 200)))]
        assert places == expected(query), query


def test_a_walk_goes_on_before_1970() -> None:
    task = make_task().row["id"]
    for number, year in enumerate((1969, 1931, 1900)):
        add_event(task, number, at=datetime(year, 1, 1, tzinfo=UTC))
        add_entry(at=datetime(year, 6, 1, tzinfo=UTC))
    years = [line.place.at.year for line in walk(AuditQuery(), 1)]
    assert years[1:] == [1969, 1969, 1931, 1931, 1900, 1900]


def test_what_comes_in_between_shifts_nothing() -> None:
    task = make_task().row["id"]
    for number in range(10):
        add_event(task, number)
    first = audit_page(AuditQuery(kind="task"), after=None, limit=5)
    add_event(task, 50)
    add_entry(at=at(60))
    second = audit_page(AuditQuery(kind="task"), after=first.after, limit=4)
    numbers = [line.place.row_id for line in [*first.lines, *second.lines]]
    assert numbers[1:] == [1000 + number for number in reversed(range(2, 10))]


def test_a_search_says_how_far_back_it_went(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "SCAN", 5)
    task = make_task().row["id"]
    for number in range(20):
        add_event(task, number, origin="command" if number == 2 else None)
    page = audit_page(AuditQuery(kind="task", origin="command"), after=None, limit=5)
    assert page.lines == []
    # The task's own creation, which is newer, is among the five.
    assert page.searched_to == at(16)
    assert [line.place.row_id for line in walk(AuditQuery(origin="command"), 5)] == [1002]


def test_the_whole_stream_ends_where_it_is_told_to() -> None:
    task = make_task().row["id"]
    for number in range(7):
        add_event(task, number)
    lines = list(audit_lines(AuditQuery(), limit=3))
    assert [line.place.row_id if line else None for line in lines[1:]] == [1006, 1005, None]
    assert None not in list(audit_lines(AuditQuery(), limit=8))


def test_a_name_is_enough() -> None:
    make_user(username="ana")
    make_agent("alex")
    add_entry(actor="system:import")
    query = AuditQuery()
    names = {name: resolved(replace(query, actor=name)).actor for name in ("ana", "alex", "import")}
    assert names == {"ana": "user:ana", "alex": "agent:alex", "import": "system:import"}
    assert resolved(replace(query, actor="former")).actor == "user:former"
    assert resolved(replace(query, actor="agent:ana")).actor == "agent:ana"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (AuditQuery(), "event_by_time"),
        (AuditQuery(origin="command", since=at(0), until=at(9)), "event_by_time"),
        (AuditQuery(actor="user:ana"), "event_by_actor"),
        (AuditQuery(actor="user:ana", action="approved", until=at(9)), "event_by_actor"),
    ],
)
def test_events_are_found_by_an_index(
    query: AuditQuery, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement about events seeks, and sorts nothing."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads a table this small as it stands")
    # With one row to look at, the second statement has the end of the search in it.
    monkeypatch.setattr(audit, "SCAN", 1)
    add_event(make_task().row["id"], 1)
    after = Place(at(8), Source.ENTRY, 3)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        audit_page(query, after=after, limit=50)
    plans = []
    for statement in asked.captured_queries:
        if 'FROM "execution_taskevent"' in statement["sql"]:
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN QUERY PLAN " + statement["sql"].replace("%", "%%"))
                plans.append(" | ".join(row[-1] for row in cursor.fetchall()))
    assert len(plans) == 2
    for plan in plans:
        assert index in plan and "TEMP B-TREE" not in plan, plan
