"""Write the whole database to one file: docs/operations.md, "Backup and restore"."""

import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from nexo.shared.commands import reached_database
from orchestration.backups import postgres, sqlite
from orchestration.backups.contents import Contents, described_database, unknown_migrations
from orchestration.backups.exceptions import BackupFailed
from orchestration.backups.files import cannot_be_written


class Command(BaseCommand):
    help = _("Write the database to FILE as of one instant, while the product goes on working.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help=_("the backup's file"))
        parser.add_argument("--force", action="store_true", help=_("replace FILE if it exists"))

    @reached_database()
    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["file"]
        # First, so that a failure has it too: a schedule easily runs without the site's settings.
        self.stdout.write(_("Database: %s") % described_database())
        try:
            contents = _back_up(target, force=options["force"])
        except BackupFailed as error:
            raise CommandError(str(error)) from error
        size = target.stat().st_size / 1e6
        told = {"file": target, "size": number_format(size, decimal_pos=1)}
        self.stdout.write(_("Backed up to %(file)s (%(size)s MB):") % told)
        for line in contents.lines():
            self.stdout.write(line)
        if contents.is_empty:
            self.stderr.write(_("It holds nothing. Is this the database that you mean?"))
        if unknown := unknown_migrations(MigrationRecorder(connection).applied_migrations()):
            newer = _("It is of a newer version, which knows %s: restore it with that version.")
            self.stdout.write(newer % unknown[-1])


def _back_up(target: Path, *, force: bool) -> Contents:
    try:
        _check_target(target)
    except OSError as error:
        # A folder that nobody else may enter, a name that is too long.
        raise cannot_be_written(target, error) from error
    if connection.vendor == "sqlite":
        return sqlite.back_up(Path(connection.settings_dict["NAME"]), target, force=force)
    return postgres.back_up(target, force=force)


def _check_target(target: Path) -> None:
    if not target.parent.is_dir():
        raise BackupFailed(_("%s is no folder.") % target.parent)
    # Asked for at all: `is_dir` takes what may not be looked at for something else.
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(target.stat().st_mode):
            raise BackupFailed(_("%s is a folder.") % target)
