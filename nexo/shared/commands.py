"""What commands that fill the database ask of it first."""

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
