"""What commands ask of the database first, and of what they are given; and their end by Ctrl+C."""

import sqlite3
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils.translation import gettext as _

from nexo.shared.migrations import is_migrated

INTERRUPTED: Final = 130  # 128 and SIGINT's number, as shells tell it


@contextmanager
def interruptible() -> Iterator[None]:
    """Around the whole command line: a sentence instead of a traceback after Ctrl+C.

    Not around each command, for what calls one from Python has an end of its own.

    Raises
    ------
    SystemExit
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("\n" + _("Stopped before it was done.") + "\n")
        raise SystemExit(INTERRUPTED) from None


def require_migrated_database(*, returncode: int = 1) -> None:
    """A sentence instead of a traceback about a table that is not there.

    Raises
    ------
    CommandError
    """
    if not is_migrated():
        raise CommandError(
            _("The database is not up to date: run `manage.py migrate` first."),
            returncode=returncode,
        )


@contextmanager
def reached_database(*, returncode: int = 1) -> Iterator[None]:
    """Around a command: a sentence instead of a traceback for a database that cannot be used.

    Raises
    ------
    CommandError: it is away, busy or damaged
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        if _is_damage(error):
            sentence = _(
                "The database's file is damaged: %s. Move it away and bring a backup back with "
                "`manage.py restore`."
            )
        elif isinstance(error, OperationalError | InterfaceError):
            sentence = _("The database is busy or away: %s")
        else:
            raise
        # PostgreSQL's own words come in lines.
        cause = " ".join(str(error).split())
        raise CommandError(sentence % cause, returncode=returncode) from error


def _is_damage(error: Exception) -> bool:
    """Of SQLite's file; Django gives the same class to errors of quite other kinds."""
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    # The low byte: the rest says where in the file it is.
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


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
