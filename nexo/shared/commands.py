"""What commands ask of the database first, and of what they are given."""

from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _


def require_migrated_database(*, returncode: int = 1) -> None:
    """A sentence instead of a traceback about a table that is not there.

    Raises
    ------
    CommandError
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError(
            _("The database is not up to date: run `manage.py migrate` first."),
            returncode=returncode,
        )


@contextmanager
def reached_database(*, returncode: int = 1) -> Iterator[None]:
    """Around a command: a sentence instead of a traceback for a database that is away or busy.

    Raises
    ------
    CommandError
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        # PostgreSQL's own words come in lines.
        cause = " ".join(str(error).split())
        raise CommandError(
            _("The database is busy or away: %s") % cause, returncode=returncode
        ) from error


@contextmanager
def migrated_database(*, returncode: int = 1) -> Iterator[None]:
    """Around a command that needs all tables: a sentence also where they are not there.

    Raises
    ------
    CommandError
    """
    with reached_database(returncode=returncode):
        require_migrated_database(returncode=returncode)
        yield


def text(argument: str) -> str:
    """For an argument that is looked up or kept: bytes that are no UTF-8 arrive as surrogates.

    Raises
    ------
    ArgumentTypeError
    """
    try:
        argument.encode()
    except UnicodeEncodeError as error:
        raise ArgumentTypeError(_("It is not UTF-8.")) from error
    return argument
