"""Several statements for one round trip to the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def one_round_trip() -> Iterator[None]:
    """What is executed inside goes to PostgreSQL together; fetch from the cursors afterwards.

    Raises
    ------
    django.db.Error: at the end of the block, whichever statement failed; those after it were not
        executed
    """
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield
