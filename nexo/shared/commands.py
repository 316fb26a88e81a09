"""What commands ask of the database first, and of what they are given; and their end by Ctrl+C."""

import sqlite3
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils.translation import gettext as _

from nexo.shared.migrations import is_migrated

INTERRUPTED: Final = 130  # 128 and SIGINT's number, as shells tell it
UNDEFINED_TABLE: Final = "42P01"  # PostgreSQL's code


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
        raise CommandError(_not_up_to_date(), returncode=returncode)


@contextmanager
def reached_database(*, returncode: int = 1) -> Iterator[None]:
    """Around a command: a sentence instead of a traceback for a database that cannot be used.

    Raises
    ------
    CommandError: it is away, busy, damaged or not migrated, or its disk is full
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        # PostgreSQL's own words come in lines.
        values = {"cause": " ".join(str(error).split()), "file": connection.settings_dict["NAME"]}
        raise CommandError(sentence % values, returncode=returncode) from error


def _not_up_to_date() -> str:
    return _("The database is not up to date: run `manage.py migrate` first.")


def _sentence(error: Exception) -> str | None:
    """A text that takes `cause` and `file`; None for what nobody expects."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) == UNDEFINED_TABLE or "no such table" in str(error):
        return _not_up_to_date()
    # Django gives one class to errors of quite different kinds. The low byte: the rest says where
    # in the file it is.
    match getattr(cause, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return _(
                "The database's file is damaged: %(file)s (%(cause)s). Move it away and bring a "
                "backup back with `manage.py restore`."
            )
        case sqlite3.SQLITE_FULL:
            return _("There is no room left on the database's disk: %(file)s (%(cause)s).")
        case sqlite3.SQLITE_IOERR:
            return _(
                "The database's file cannot be read or written: %(file)s (%(cause)s). Is its disk "
                "full?"
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN:
            return _("The database's file cannot be opened for writing: %(file)s (%(cause)s).")
    if isinstance(error, OperationalError | InterfaceError):
        return _("The database is busy or away: %(cause)s")
    return None


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
