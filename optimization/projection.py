"""Keeps the facts up with the event log: read on from the cursor, add, move the cursor.

One transaction does all three, so a fact is counted once whatever fails in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Subquery

from execution.enums import EventKind
from execution.models import Stream, TaskEvent
from execution.queries import Position
from optimization.counting import Tally
from optimization.models import COUNTED, AgentDay, DailyFact, FactCursor, Facts

BATCH = 10_000
EVENT_COLUMNS = (
    *("sequence", "task_id", "kind", "from_status", "actor", "at", "agent_id"),
    *("failure_reason", "estimated_minutes", "execution_minutes"),
    *("task__marketplace_id", "task__task_type"),
)
# For the restore command: the facts of a backup were counted from its own log, so they stay true
# under the new epoch.
SAME_FACTS = (
    "UPDATE optimization_factcursor SET epoch = '{epoch}' "
    "WHERE epoch = (SELECT epoch FROM execution_stream WHERE id = 1)"
)
# Every other kind adds nothing.
FACT_KINDS = (
    EventKind.CREATED,
    EventKind.APPROVED,
    EventKind.STARTED,
    EventKind.FAILED,
    EventKind.COMPLETED,
    EventKind.UNDONE,
)


def catch_up() -> Position:
    """Count every event that is committed by now; the position that the facts then include."""
    position, counted = _positions()
    while not _includes(counted, position):
        counted = _count_on(position)
    return position


def _positions() -> tuple[Position, Position]:
    """Where the log stands and how far it has been counted, in one read."""
    cursor = FactCursor.objects.filter(pk=1)
    row = (
        Stream.objects.filter(pk=1)
        .annotate(
            counted_epoch=Subquery(cursor.values("epoch")),
            counted=Subquery(cursor.values("sequence")),
        )
        .values_list("epoch", "sequence", "counted_epoch", "counted")
        .get()
    )
    return Position(row[0], row[1]), Position(row[2], row[3])


def _includes(counted: Position, position: Position) -> bool:
    return counted.epoch == position.epoch and counted.sequence >= position.sequence


def rebuild() -> Position:
    """Throw the facts away and count the whole log anew."""
    with transaction.atomic():
        _forget(FactCursor.objects.select_for_update(no_key=True).get(pk=1))
    return catch_up()


def _count_on(position: Position) -> Position:
    """Count one batch, up to `position`, from wherever the cursor stands once it is locked; where
    it then stands."""
    with transaction.atomic():
        cursor = FactCursor.objects.select_for_update(no_key=True).get(pk=1)
        if cursor.epoch != position.epoch:
            # A restored database, whose log may end before the cursor.
            _forget(cursor)
            cursor.epoch = position.epoch
        last = min(position.sequence, cursor.sequence + BATCH)
        tally = Tally()
        tell(tally, cursor.sequence, last)
        _add(tally)
        cursor.sequence = max(cursor.sequence, last)
        cursor.save(update_fields=["epoch", "sequence"])
    return Position(cursor.epoch, cursor.sequence)


def _forget(cursor: FactCursor) -> None:
    DailyFact.objects.all().delete()
    AgentDay.objects.all().delete()
    cursor.sequence = 0
    cursor.save(update_fields=["sequence"])


def _events(after: int, last: int) -> Sequence[Mapping[str, Any]]:
    events = TaskEvent.objects.filter(
        sequence__gt=after, sequence__lte=last, kind__in=FACT_KINDS
    ).order_by("sequence")
    return list(events.values(*EVENT_COLUMNS))


def tell(tally: Tally, after: int, last: int) -> None:
    """Add to the tally what the events after one number, up to another, say."""
    for event in _events(after, last):
        if event["kind"] == EventKind.UNDONE:
            tally.add(_undone_failure(event), sign=-1)
        else:
            tally.add(event)


def _add(tally: Tally) -> None:
    _upsert(
        DailyFact,
        ("day", "agent_id", "marketplace_id", "task_type"),
        (
            ((place.day, place.agent_id, place.marketplace_id, place.task_type), amounts)
            for place, amounts in tally.by_place()
        ),
    )
    _upsert(AgentDay, ("day", "agent_id"), tally.by_agent())
    _note_work(tally)


def _undone_failure(undone: Mapping[str, Any]) -> Mapping[str, Any]:
    failures = TaskEvent.objects.filter(
        task_id=undone["task_id"], sequence__lt=undone["sequence"], kind=EventKind.FAILED
    )
    return failures.order_by("-sequence").values(*EVENT_COLUMNS)[0]


def _upsert(
    model: type[Facts],
    key: tuple[str, ...],
    rows: Iterable[tuple[tuple[Any, ...], Mapping[str, float]]],
) -> None:
    """Add the amounts to the rows of those keys, making rows where there are none."""
    columns = (*key, *COUNTED)
    table = model._meta.db_table
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COUNTED)
    statement = (
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608  # names of our own
        f"VALUES ({', '.join(['%s'] * len(columns))}) "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {added}"
    )
    as_column = connection.ops.adapt_datefield_value
    values = [
        (as_column(day), *others, *(amounts.get(name, 0) for name in COUNTED))
        for (day, *others), amounts in rows
    ]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(statement, values)


def _note_work(tally: Tally) -> None:
    """Keep the latest instant of each agent's day."""
    table = AgentDay._meta.db_table
    statement = (
        f"INSERT INTO {table} (day, agent_id, worked_at, {', '.join(COUNTED)}) "  # noqa: S608  # names of our own
        f"VALUES (%s, %s, %s, {', '.join('0' for _name in COUNTED)}) "
        f"ON CONFLICT (day, agent_id) DO UPDATE SET worked_at = excluded.worked_at "
        f"WHERE {table}.worked_at IS NULL OR {table}.worked_at < excluded.worked_at"
    )
    ops = connection.ops
    values = [
        (ops.adapt_datefield_value(day), agent_id, ops.adapt_datetimefield_value(at))
        for (day, agent_id), at in tally.worked()
    ]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(statement, values)
