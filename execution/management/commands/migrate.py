"""Django's own; where it makes SQLite's file, that is its owner's alone."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from nexo.shared.private import make_private_file


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        # Before its checks, which open the database.
        connection = connections[options["database"]]
        if connection.vendor == "sqlite":
            # Where there is no folder or no right, Django says so when it opens it.
            with suppress(OSError):
                make_private_file(Path(connection.settings_dict["NAME"]))
        return super().execute(*args, **options)
