"""Bring a task log in: agents first, then its tasks in batches, each batch whole or not at all."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

from django.db import IntegrityError, transaction

from accounts import audit
from execution import queries
from execution.importing.past import ACTOR, history_of
from execution.importing.records import Problem
from execution.importing.rows import BadRow, LogRow
from execution.models import Agent, Marketplace
from execution.services import record_histories
from nexo.shared import clock

# Large enough that a transaction's own cost does not count, short enough that the live system
# waits for the event counter for a fraction of a second only.
BATCH: Final = 1000
AGENT_BATCH: Final = 100

Rows = Iterable[LogRow | Problem]
T = TypeVar("T")


@dataclass(slots=True)
class Survey:
    """What must be known of a log before its first task can be written."""

    latest: datetime | None = None
    agents: set[str] = field(default_factory=set)
    marketplaces: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def new_agents(self) -> dict[str, set[str]]:
        """Agents that do not exist yet with the marketplaces they have a new row for."""
        known = queries.known_agents(self.agents)
        return {slug: self.marketplaces[slug] for slug in sorted(self.agents - known)}


@dataclass(slots=True)
class Counts:
    imported: int = 0
    known: int = 0
    bad: int = 0


def survey(rows: Rows) -> Survey:
    found = Survey()
    for batch in _batches(rows, size=BATCH):
        good = [row for row in batch if isinstance(row, LogRow)]
        for row in good:
            for instant in row.instants():
                found.latest = max(found.latest or instant, instant)
        for row in _new(good):
            if row.agent_id:
                found.agents.add(row.agent_id)
                found.marketplaces[row.agent_id].add(row.marketplace_id)
    return found


def whole_days_to(end: date, latest: datetime | None) -> timedelta:
    """The shift by whole days that puts `latest` on the business day `end`."""
    if latest is None:
        return timedelta()
    shift = timedelta(days=(end - clock.business_day(latest)).days)
    # Summer time of the past can carry an instant near midnight over to the day beside it.
    return shift + timedelta(days=(end - clock.business_day(latest + shift)).days)


def create_agents(marketplaces: Mapping[str, Iterable[str]]) -> None:
    """Active agents that work on the given marketplaces and are special at nothing."""
    for slugs in _batches(marketplaces, size=AGENT_BATCH):
        with transaction.atomic():
            for slug in slugs:
                agent = Agent.objects.create(slug=slug, name=slug)
                agent.marketplaces.set(Marketplace.objects.filter(slug__in=marketplaces[slug]))
                audit.record("created", actor=ACTOR, object_kind="agent", object_id=slug)


def import_rows(
    rows: Rows,
    *,
    shift: timedelta,
    now: datetime,
    dry_run: bool,
    on_problem: Callable[[Problem], None],
) -> Counts:
    """Write the tasks that are not known yet, or only count them; go on past whatever is bad.

    The agents they name must exist.

    Raises
    ------
    IntegrityError: an agent does not
    """
    counts = Counts()
    # Only a dry run has to remember ids: otherwise the database knows them.
    counted: set[str] = set()
    for batch in _batches(rows, size=BATCH):
        moved = [_moved(row, shift) for row in batch]
        good = [row for row in moved if isinstance(row, LogRow)]
        for row in moved:
            if isinstance(row, Problem):
                counts.bad += 1
                on_problem(row)
        new = [row for row in _new(good) if row.external_id not in counted]
        if dry_run:
            counted.update(row.external_id for row in new)
        written = len(new) if dry_run else _write(new, now)
        counts.imported += written
        counts.known += len(good) - written
    return counts


def _moved(row: LogRow | Problem, shift: timedelta) -> LogRow | Problem:
    if isinstance(row, Problem) or not shift:
        return row
    try:
        return row.moved(shift)
    except BadRow as cause:
        return Problem(row.line, row.line, str(cause))


def _new(rows: Iterable[LogRow]) -> list[LogRow]:
    """The first row of each external id that no task has yet."""
    first: dict[str, LogRow] = {}
    for row in rows:
        first.setdefault(row.external_id, row)
    known = queries.known_external_ids(list(first))
    return [row for external_id, row in first.items() if external_id not in known]


def _write(rows: list[LogRow], now: datetime) -> int:
    """Write the batch; the number of tasks written."""
    if not rows:
        return 0
    try:
        record_histories([history_of(row, now=now) for row in rows])
    except IntegrityError:
        # Another writer may have taken an external id since we looked.
        left = _new(rows)
        if len(left) == len(rows):
            raise
        return _write(left, now)
    return len(rows)


def _batches(items: Iterable[T], *, size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
