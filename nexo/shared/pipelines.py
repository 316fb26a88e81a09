"""Statements to the database with less between them and the driver."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.sqlite3.base import FORMAT_QMARK_REGEX


class _Here(threading.local):
    connection: Any = None


_here = _Here()


def this_connection() -> Any:
    """This thread's connection itself; `django.db.connection` looks it up at each attribute."""
    return _here.connection or connections[DEFAULT_DB_ALIAS]


class bare_statements:  # used as a function is
    """For a transaction's own statements: no layer of Django's, which runs a dozen functions each.

    Begins inside `transaction.atomic`. The driver's errors become Django's where it ends. While
    statements are counted, logged or wrapped, they go through Django's cursors after all.
    """

    def __enter__(self) -> None:
        connection = self._connection = this_connection()
        self._before = getattr(connection, "is_bare", False), _here.connection
        connection.is_bare = not (connection.queries_logged or connection.execute_wrappers)
        _here.connection = connection  # looked up once

    def __exit__(self, *error: Any) -> None:
        self._connection.is_bare, _here.connection = self._before
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


class Writer:
    """Executes one transaction's writes, each value as the driver takes it.

    The ORM compiles an UPDATE anew each time, and asks each field how its value is kept.
    """

    def __init__(self) -> None:
        connection = this_connection()
        self._cursor = statement_cursor(connection)
        self._chains = connection.vendor == "postgresql"
        self._adapted: dict[type, Callable[[Any], Any]] = {
            datetime: connection.ops.adapt_datetimefield_value,
            dict: partial(connection.ops.adapt_json_value, encoder=None),
        }

    def execute(self, statement: str, values: Iterable[Any]) -> None:
        self._cursor.execute(statement, self._kept(values))

    def execute_many(self, statement: str, rows: Iterable[Iterable[Any]]) -> None:
        self._cursor.executemany(statement, [self._kept(row) for row in rows])

    def execute_with_row(
        self, first: Statement, others: Sequence[Statement], *, column: str, subquery: str
    ) -> None:
        """Execute all of them; `fetch` gives the row of the first.

        The others have `subquery` for a column of that row. PostgreSQL takes all as one statement:
        sending each by itself takes its driver longer than it takes the server.
        """
        if not self._chains:
            self.execute(*first)
            writer = Writer()
            for statement, values in others:
                writer.execute(statement, values)
            return
        known = f"(SELECT {column} FROM step)"  # noqa: S608  # names of our own
        steps = [
            f"step_{n} AS ({text.replace(subquery, known)})" for n, (text, _) in enumerate(others)
        ]
        statement = f"WITH step AS ({first[0]}), {', '.join(steps)} TABLE step"
        self.execute(statement, chain(first[1], *(values for _, values in others)))

    def fetch(self) -> list[tuple[Any, ...]]:
        """The rows that the last statement gave."""
        rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def _kept(self, values: Iterable[Any]) -> list[Any]:
        adapted = self._adapted
        return [adapted[type(v)](v) if type(v) in adapted else v for v in values]


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
