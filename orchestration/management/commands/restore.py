"""Bring a backup back: docs/operations.md, "Backup and restore"."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from execution.consistency import differences
from nexo.shared.commands import reached_database
from orchestration.backups import postgres, sqlite
from orchestration.backups.contents import Afterwards, present_contents
from orchestration.backups.exceptions import BackupFailed


class Command(BaseCommand):
    help = _(
        "Replace the database by the backup in FILE, under a new epoch, so that every client reads "
        "anew. Stop web and worker processes first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help=_("the backup's file"))
        parser.add_argument(
            "--force", action="store_true", help=_("replace a database that holds something")
        )
        parser.add_argument(
            "--sign-out",
            action="store_true",
            help=_("end all sessions, also those that had ended after the backup was made"),
        )

    @reached_database()
    def handle(self, *args: Any, **options: Any) -> None:
        source: Path = options["file"]
        try:
            _check_source(source)
            _check_present(force=options["force"])
            _restore(source, Afterwards.new(sign_out=options["sign_out"]))
        except BackupFailed as error:
            raise CommandError(str(error)) from error
        self._tell(source)
        self._verify()

    def _tell(self, source: Path) -> None:
        contents = present_contents()
        assert contents is not None
        self.stdout.write(_("Restored from %s, under a new epoch:") % source)
        for line in contents.lines():
            self.stdout.write(line)

    def _verify(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write(
                _(
                    "It is of an earlier version: run `manage.py migrate`, then "
                    "`manage.py check_consistency`."
                )
            )
            return
        found = list(differences())
        for difference in found:
            self.stdout.write(difference)
        if found:
            raise CommandError(_("It is restored, but what it keeps does not agree."))
        self.stdout.write(_("Everything agrees."))


def _check_source(source: Path) -> None:
    try:
        with source.open("rb") as opened:
            start = opened.read(16)
    except OSError as error:
        values = {"file": source, "cause": error.strerror or error}
        raise BackupFailed(_("%(file)s cannot be read: %(cause)s.") % values) from error
    kinds = {"sqlite": b"SQLite format 3\0", "postgresql": b"PGDMP"}
    if not start.startswith(kinds[connection.vendor]):
        other = any(start.startswith(kind) for kind in kinds.values())
        values = {"file": source, "kind": connection.vendor}
        raise BackupFailed(
            _("%(file)s is of the other kind of database; this one is %(kind)s.") % values
            if other
            else _("%(file)s is no backup of %(kind)s, which this database is.") % values
        )


def _check_present(*, force: bool) -> None:
    """Whatever is not NEXO's, nobody meant; what is, needs `--force`."""
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return
    try:
        tables = connection.introspection.table_names()
        present = present_contents()
    except DatabaseError:
        if force:
            return  # damaged, which may be why it is to be replaced
        raise
    if present is None and tables:
        raise BackupFailed(
            _(
                "The database holds tables of another program (%s): name another one, or empty it "
                "yourself."
            )
            % ", ".join(tables[:3])
        )
    if present is not None and not present.is_empty and not force:
        values = {"tasks": present.tasks, "events": present.events, "people": present.people}
        raise BackupFailed(
            _(
                "The database holds something (tasks: %(tasks)d, events: %(events)d, people: "
                "%(people)d); --force replaces it. Back it up first."
            )
            % values
        )


def _restore(source: Path, afterwards: Afterwards) -> None:
    connections.close_all()
    if connection.vendor == "sqlite":
        sqlite.restore(source, Path(connection.settings_dict["NAME"]), afterwards)
    else:
        postgres.restore(source, afterwards)
