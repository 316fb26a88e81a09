"""SQLite by its online backup: a copy as of one instant, while writers go on writing.

Back it goes the same way, as one transaction of the database that is there: whoever has it open
sees the old one or the new one, and an old write-ahead log can never be taken for the new one's.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nexo.shared.private import make_private_file
from orchestration.backups.contents import (
    Afterwards,
    Contents,
    read_contents,
    require_tables,
    unknown_migrations,
)
from orchestration.backups.exceptions import BackupFailed
from orchestration.backups.files import cannot_be_written, discard, written_whole

BUSY_SECONDS = 10.0
_OF_WHAT_IS_WRITTEN = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY})


def back_up(database: Path, target: Path, *, force: bool) -> Contents:
    """Copy the database to a file that needs nothing beside it; what it holds.

    Raises
    ------
    BackupFailed
    """
    if not database.is_file():
        raise BackupFailed(_("There is no database at %s.") % database)
    require_tables()
    if target.exists() and target.samefile(database):
        raise BackupFailed(_("%s is the database itself.") % target)
    with (
        written_whole(target, force=force) as part,
        _sentences(database, target),
        _opened(database) as source,
        _opened(part) as copy,
    ):
        _copy(source, copy)
        _into_one_file(copy)
        _check(copy, target)
        return read_contents(_asking(copy))


def restore(source: Path, database: Path, afterwards: Afterwards) -> None:
    """Replace the database by what a backup holds.

    Raises
    ------
    BackupFailed: nothing has been changed
    """
    if database.exists() and source.samefile(database):
        raise BackupFailed(_("%s is the database itself.") % source)
    # Beside the database, where there is room for it or the restore would fail anyway.
    prepared = database.with_name(f".{database.name}.restore")
    discard(prepared)
    try:
        prepared.touch(mode=0o600)
        with (
            _sentences(source, database),
            _opened(source, "ro") as backup,
            _opened(prepared) as copy,
        ):
            _copy(backup, copy)
            _into_one_file(copy)
            _prepare(copy, source, afterwards)
        make_private_file(database)
        with (
            _sentences(database, database),
            _opened(prepared) as copy,
            _opened(database) as present,
        ):
            _copy(copy, present)
    except OSError as error:
        raise cannot_be_written(database, error) from error
    finally:
        discard(prepared)


def _prepare(copy: sqlite3.Connection, source: Path, afterwards: Afterwards) -> None:
    _check(copy, source)
    tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if not {"execution_stream", "execution_task", "django_migrations"} <= tables:
        raise BackupFailed(_("%s is a database, but none of NEXO.") % source)
    check_version(source, copy.execute("SELECT app, name FROM django_migrations"))
    with copy:
        for statement in afterwards.statements(tables):
            copy.execute(statement)


def check_version(source: Path, applied: Any) -> None:
    """
    Raises
    ------
    BackupFailed: this version would not know what to do with it
    """
    if unknown := unknown_migrations(applied):
        values = {"file": source, "step": unknown[-1]}
        raise BackupFailed(
            _(
                "%(file)s was made by a newer version, which knows %(step)s: restore it with that "
                "version."
            )
            % values
        )


@contextmanager
def _opened(database: Path, mode: str = "rw") -> Iterator[sqlite3.Connection]:
    address = f"file:{quote(str(database.absolute()))}?mode={mode}"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as opened:
        yield opened


@contextmanager
def _sentences(read: Path, written: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        # The low byte: the rest says what it was about.
        is_of_target = error.sqlite_errorcode & 0xFF in _OF_WHAT_IS_WRITTEN
        raise BackupFailed(f"{written if is_of_target else read}: {error}.") from error


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """All pages in one step: in several, each write in between would start it anew."""
    deadline = time.monotonic() + BUSY_SECONDS

    def give_up(status: int, _remaining: int, _total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise BackupFailed(_("The database is in use: stop what writes to it and try again."))

    source.backup(target, progress=give_up)


def _into_one_file(copy: sqlite3.Connection) -> None:
    copy.execute("PRAGMA journal_mode=DELETE")


def _check(copy: sqlite3.Connection, named: Path) -> None:
    found = [text for (text,) in copy.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        raise BackupFailed(
            _("%(file)s is damaged: %(cause)s.") % {"file": named, "cause": found[0]}
        )
    if strays := copy.execute("PRAGMA foreign_key_check").fetchall():
        text = ngettext(
            "%(file)s is damaged: %(count)d row points at none.",
            "%(file)s is damaged: %(count)d rows point at none.",
            len(strays),
        )
        raise BackupFailed(text % {"file": named, "count": len(strays)})


def _asking(database: sqlite3.Connection) -> Callable[[str], Any]:
    return lambda statement: database.execute(statement).fetchone()
