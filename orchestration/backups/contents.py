"""What a database holds, told in a few figures; and what a restored one must forget."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from execution.services import NEW_EPOCH
from optimization.projection import SAME_FACTS
from orchestration.backups.exceptions import BackupFailed

FACTS = "optimization_factcursor"
END_SESSIONS = (
    ("accounts_signin", "DELETE FROM accounts_signin"),
    ("django_session", "DELETE FROM django_session"),
)
Ask = Callable[[str], Any]
"""The first row that a query gives, or None."""


@dataclass(frozen=True, slots=True)
class Contents:
    tasks: int
    events: int
    sequence: int
    """Of the newest event."""
    newest_at: datetime | None
    people: int

    @property
    def is_empty(self) -> bool:
        """As `migrate` leaves it."""
        return not (self.tasks or self.events or self.sequence or self.people)

    def lines(self) -> Iterable[str]:
        yield _("tasks: %d") % self.tasks
        yield _("events: %d") % self.events
        if self.newest_at is None:
            yield _("last event: %d") % self.sequence
        else:
            at = self.newest_at.isoformat(timespec="seconds")
            yield _("last event: %(number)d, at %(at)s") % {"number": self.sequence, "at": at}


def read_contents(ask: Ask) -> Contents:
    """By statements that every version's tables answer."""
    newest = ask("SELECT at FROM execution_taskevent ORDER BY sequence DESC LIMIT 1")
    stream = ask("SELECT sequence FROM execution_stream WHERE id = 1")
    return Contents(
        tasks=ask("SELECT count(*) FROM execution_task")[0],
        events=ask("SELECT count(*) FROM execution_taskevent")[0],
        sequence=stream[0] if stream else 0,
        newest_at=_instant(newest[0]) if newest else None,
        people=ask("SELECT count(*) FROM auth_user")[0],
    )


def _instant(value: datetime | str) -> datetime:
    # SQLite keeps text, without an offset because all of it is UTC.
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)


def described_database() -> str:
    """The one that the settings name: its kind, where it is, and no password."""
    named = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"SQLite, {named['NAME']}"
    place = ":".join(str(named[part]) for part in ("HOST", "PORT") if named[part])
    return ", ".join(part for part in ("PostgreSQL", place, str(named["NAME"])) if part)


def ask_present(statement: str) -> Any:
    """Of the database that the settings name."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


def present_contents() -> Contents | None:
    """None where there are no tables yet."""
    return read_contents(ask_present) if _has_tables() else None


def require_tables() -> None:
    """
    Raises
    ------
    BackupFailed: nobody means to back this up
    """
    if not _has_tables():
        told = _("%s holds no tables of NEXO. Is this the database that you mean?")
        raise BackupFailed(told % described_database())


def _has_tables() -> bool:
    return "execution_stream" in connection.introspection.table_names()


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What is changed in a restored database, in the same transaction that brings it back."""

    epoch: str
    sign_out: bool

    @classmethod
    def new(cls, *, sign_out: bool) -> "Afterwards":
        return cls(epoch=str(uuid4()), sign_out=sign_out)

    def statements(self, tables: Collection[str]) -> Sequence[str]:
        """`tables`: those of the backup, whose version may not have all of today's."""
        facts = [SAME_FACTS.format(epoch=self.epoch)] if FACTS in tables else []
        # What points to a session goes before it.
        sessions = [
            statement for name, statement in END_SESSIONS if self.sign_out and name in tables
        ]
        # The facts first, for they are told apart by the epoch that the stream then has no more.
        return [*facts, NEW_EPOCH.format(epoch=self.epoch), *sessions]


def unknown_migrations(applied: Iterable[tuple[str, str]]) -> list[str]:
    """Steps that made a database and that this version has not: it comes from a newer one."""
    loader = MigrationLoader(None)
    known = {*loader.disk_migrations}
    for key, migration in loader.disk_migrations.items():
        known |= {(key[0], name) for _app, name in migration.replaces}
    return [
        f"{app}.{name}"
        for app, name in applied
        if app in loader.migrated_apps and (app, name) not in known
    ]
