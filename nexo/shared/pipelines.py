"""Statements to the database with less between them and the driver."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from itertools import chain
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.sqlite3.base import FORMAT_QMARK_REGEX


class _Here(threading.local):
    def __init__(self) -> None:
        self.connection: Any = connections[DEFAULT_DB_ALIAS]


_here = _Here()


def this_connection() -> Any:
    """This thread's connection itself, which Django looks up anew for each attribute."""
    return _here.connection


class bare_statements:  # used as a function is
    """For a transaction's own statements: no layer of Django's, which runs a dozen functions each.

    Begins inside `transaction.atomic`, or has each statement commit by itself. The driver's errors
    become Django's where it ends. While statements are counted, logged or wrapped, they go through
    Django's cursors after all.
    """

    def __enter__(self) -> None:
        connection = self._connection = this_connection()
        connection.ensure_connection()
        self._before = getattr(connection, "is_bare", False)
        connection.is_bare = not (connection.queries_logged or connection.execute_wrappers)

    def __exit__(self, *error: Any) -> None:
        self._connection.is_bare = self._before
        self._connection.wrap_database_errors.__exit__(*error)


def statement_cursor(connection: Any) -> Any:
    """A cursor for one statement: the driver's own inside `bare_statements`, else Django's."""
    if not getattr(connection, "is_bare", False):
        return connection.cursor()
    if connection.vendor == "sqlite":
        return connection.connection.cursor(factory=QmarkCursor)
    return connection.create_cursor()


class QmarkCursor(sqlite3.Cursor):
    """SQLite's driver knows `?` alone; each statement is rewritten once, not at each execution."""

    def execute(self, statement: str, values: Any = ()) -> Self:
        return super().execute(_with_qmarks(statement), values)

    def executemany(self, statement: str, rows: Any) -> Self:
        return super().executemany(_with_qmarks(statement), rows)


@lru_cache(maxsize=256)
def _with_qmarks(statement: str) -> str:
    return FORMAT_QMARK_REGEX.sub("?", statement).replace("%%", "%")


# With its values.
Statement = tuple[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class NumberedChange:
    """The statements of one change, of which one, an UPDATE, takes the number that others need.

    Rows are locked in the order of `before`, then `number`; for those of `beside` nobody waits who
    has not waited before. All but `beside` end with their WHERE clause. `after` have `subquery` for
    the first of the columns that `number` is `returning`.
    """

    number: Statement
    returning: str
    subquery: str
    after: Sequence[Statement]
    before: Sequence[Statement] = ()
    beside: Sequence[Statement] = ()
    # A SELECT. Where it finds nothing, nothing is changed, and there is no row with a number.
    condition: Statement | None = None

    def as_one(self) -> Statement:
        """As one statement of PostgreSQL. Its parts have no order of their own, so each of those
        that have one waits for the one before it."""
        condition = [self.condition] if self.condition else []
        parts = [*condition, *self.before, self.number, *self.after, *self.beside]
        shape = (len(condition), len(self.before), len(self.after))
        texts = tuple([text for text, _ in parts])
        values = chain.from_iterable([values for _, values in parts])
        return _as_one(texts, shape, self.returning, self.subquery), list(values)


@lru_cache(maxsize=256)
def _as_one(
    texts: tuple[str, ...], shape: tuple[int, int, int], returning: str, subquery: str
) -> str:
    """`shape`: how many are the condition, come before, and come after."""
    left = iter(texts)
    conditions, before, after = shape
    steps = [f"condition AS ({next(left)})" for _ in range(conditions)]
    guard = " AND EXISTS (SELECT FROM condition)" if conditions else ""
    for n in range(before):
        steps.append(f"before_{n} AS ({next(left)}{guard} RETURNING 1)")
        # True, once the row that the one before changes is locked.
        guard += f" AND (SELECT COUNT(*) FROM before_{n}) >= 0"  # noqa: S608  # own names
    steps.append(f"step AS ({next(left)}{guard} RETURNING {returning})")
    known = f"(SELECT {returning.partition(',')[0]} FROM step)"  # noqa: S608  # names of our own
    for n in range(after):
        text = next(left).replace(subquery, known)
        steps.append(f"after_{n} AS ({text} AND EXISTS (SELECT FROM step))")
    steps += [f"beside_{n} AS ({text})" for n, text in enumerate(left)]
    return f"WITH {', '.join(steps)} TABLE step"


class Writer:
    """Executes one transaction's writes, each value as the driver takes it.

    The ORM compiles an UPDATE anew each time, and asks each field how its value is kept.
    """

    def __init__(self) -> None:
        connection = this_connection()
        self._cursor = statement_cursor(connection)
        self._chains = connection.vendor == "postgresql"
        self._adapted = _adapters(connection.vendor)

    def execute(self, statement: str, values: Iterable[Any]) -> None:
        self._cursor.execute(statement, self._kept(values))

    def execute_many(self, statement: str, rows: Iterable[Iterable[Any]]) -> None:
        self._cursor.executemany(statement, [self._kept(row) for row in rows])

    def execute_numbered(self, change: "NumberedChange") -> None:
        """Execute all of it; `fetch` gives the row that has the number.

        PostgreSQL takes it as one statement: sending each by itself takes its driver longer than it
        takes the server.
        """
        if self._chains:
            self.execute(*change.as_one())
            return
        for statement, values in chain(change.before, change.beside):
            self.execute(statement, values)
        self.execute(f"{change.number[0]} RETURNING {change.returning}", change.number[1])
        writer = Writer()
        for statement, values in change.after:
            writer.execute(statement, values)

    @property
    def rows_changed(self) -> int:
        """How many rows the last statement changed."""
        count: int = self._cursor.rowcount
        return count

    def fetch(self) -> list[tuple[Any, ...]]:
        """The rows that the last statement gave."""
        rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def _kept(self, values: Iterable[Any]) -> list[Any]:
        adapted = self._adapted
        return [adapted[type(v)](v) if type(v) in adapted else v for v in values]


@cache
def _adapters(vendor: str) -> Mapping[type, Callable[[Any], Any]]:
    """What makes of a value what a database's driver takes, by the value's type."""
    adapt_json = partial(this_connection().ops.adapt_json_value, encoder=None)
    return {dict: adapt_json, datetime: _in_utc} if vendor == "sqlite" else {dict: adapt_json}


def _in_utc(instant: datetime) -> str:
    """As SQLite keeps it. Django asks three times whether it is in UTC already."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return str(instant.replace(tzinfo=None))


def one_round_trip() -> AbstractContextManager[None]:
    """What is executed inside goes to PostgreSQL together; fetch from the cursors afterwards.

    Raises
    ------
    django.db.Error: at the end of the block, whichever statement failed; those after it were not
        executed
    """
    connection = this_connection()
    return _pipeline(connection) if connection.vendor == "postgresql" else _NOTHING


def planned_by_values() -> AbstractContextManager[None]:
    """What is executed inside is planned for its very values, not prepared once for any."""
    connection = this_connection()
    return _unprepared(connection) if connection.vendor == "postgresql" else _NOTHING


_NOTHING = nullcontext()


@contextmanager
def _pipeline(connection: Any) -> Iterator[None]:
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


@contextmanager
def _unprepared(connection: Any) -> Iterator[None]:
    connection.ensure_connection()
    driver = connection.connection
    before, driver.prepare_threshold = driver.prepare_threshold, None
    try:
        yield
    finally:
        driver.prepare_threshold = before
