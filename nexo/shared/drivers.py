"""What Django has the databases' drivers do, with less of Python in between.

Instants are read by C. Django has them read by Python's own code, several microseconds each, and a
list of 50 tasks holds four hundred: a fifth of the whole request on PostgreSQL. Both ways give the
same: aware, in UTC.
"""

import sqlite3
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db.backends.signals import connection_created

from nexo.shared.turns import take_turns


def from_sqlite(text: bytes) -> datetime:
    """SQLite keeps instants as text without an offset, in UTC."""
    return datetime.fromisoformat(text.decode() + "+00:00")


def read_instants_quickly(connection: Any, **_signal: Any) -> None:
    if connection.vendor == "sqlite":
        sqlite3.register_converter("datetime", from_sqlite)
        return
    from psycopg.adapt import Loader  # where PostgreSQL is used, it is there

    class UtcLoader(Loader):
        # Django compares it with the connection's own, which settings make UTC.
        timezone = UTC

        def load(self, data: Any) -> datetime:
            return datetime.fromisoformat(bytes(data).decode())

    connection.connection.adapters.register_loader("timestamptz", UtcLoader)


def _is_watched(connection: Any) -> bool:
    return bool(connection.queries_logged or connection.execute_wrappers)


def _begin(connection: Any) -> None:
    if _is_watched(connection):
        type(connection)._start_transaction_under_autocommit(connection)
        return
    with connection.wrap_database_errors:
        connection.connection.execute(f"BEGIN {connection.transaction_mode}")


def _commit(connection: Any) -> None:
    if _is_watched(connection) or connection.connection is None:
        type(connection)._commit(connection)
        return
    with connection.wrap_database_errors:
        connection.connection.commit()


def begin_and_commit_quickly(connection: Any, **_signal: Any) -> None:
    """Where nobody counts, logs or wraps statements, these two go to the driver directly."""
    if connection.vendor == "sqlite":
        take_turns(connection, begin=_begin, commit=_commit)
    else:
        connection._commit = partial(_commit, connection)


def install() -> None:
    """For every connection from now on; rows read without the ORM rely on it."""
    connection_created.connect(read_instants_quickly)
    connection_created.connect(begin_and_commit_quickly)
