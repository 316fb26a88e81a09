"""What commands that fill the database ask of it first."""

from argparse import ArgumentTypeError

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _


def require_migrated_database() -> None:
    """A sentence instead of a traceback about a table that is not there.

    Raises
    ------
    CommandError
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError(_("The database is not up to date: run `manage.py migrate` first."))


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
