"""What an attack must not leave: another state, or the program's insides in an answer or log."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.db import connection

from tests.envelope import INSIDES

# Who is signed in, failed attempts at it, and answers kept under a key: no state of the product's,
# and written by refusals and reading too.
MAY_CHANGE: Final = frozenset(
    {
        "django_session",
        "accounts_signin",
        "axes_accessattempt",
        "axes_accessattemptexpiration",
        "axes_accessfailurelog",
        "axes_accesslog",
        "execution_idempotencykey",
    }
)
# What no page and no answer shows, whatever it is about.
ALWAYS_INSIDE: Final = re.compile(
    r"Traceback|File \"|site-packages|object at 0x|<class '|\bSELECT \"|\bINSERT INTO\b|psycopg"
    r"|OperationalError|IntegrityError|DataError|ProgrammingError|pbkdf2_sha256|SECRET_KEY"
    r"|DJANGO_SETTINGS|/etc/passwd:|root:x:0",
)


def fingerprint(cursor: Any = None, tables: Iterable[str] | None = None) -> dict[str, str]:
    """A digest of the rows of every table, by any cursor on the database."""
    if tables is None:
        tables = connection.introspection.table_names()
    if cursor is None:
        with connection.cursor() as own:
            return dict(_digests(own, tables))
    return dict(_digests(cursor, tables))


def _digests(cursor: Any, tables: Iterable[str]) -> Iterator[tuple[str, str]]:
    for table in sorted(set(tables) - MAY_CHANGE):
        cursor.execute(f'SELECT * FROM "{table}"')
        rows = sorted(map(repr, cursor.fetchall()))
        yield table, hashlib.sha256("\n".join(rows).encode()).hexdigest()


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """The tables that are no longer what they were."""
    return {
        table for table in before.keys() | after.keys() if before.get(table) != after.get(table)
    }


def leaks(text: str, *, is_refusal: bool, secrets: Iterable[str] = ()) -> list[str]:
    """What an answer tells that it must not; a refusal by the API tells less than a page may."""
    found = [match.group() for match in ALWAYS_INSIDE.finditer(text)]
    if is_refusal:
        found += [match.group() for match in INSIDES.finditer(text)]
    return found + [f"the secret {secret[:9]}…" for secret in secrets if secret in text]


def log_faults(log: str, *, secrets: Iterable[str] = ()) -> list[str]:
    """Lines of a log that are forged, drive a terminal, or tell of an error or a secret."""
    faults = []
    # Only a line feed ends a line here; what other readers take for one must be escaped.
    for line in log.split("\n"):
        if not line:
            continue
        try:
            told = json.loads(line)
        except ValueError:
            faults.append(f"no JSON: {line[:300]!r}")
            continue
        is_plain = line.isascii() and line.isprintable()
        if not (isinstance(told, dict) and is_plain and {"at", "level", "message"} <= told.keys()):
            faults.append(f"no line of ours: {line[:300]!r}")
        elif told.get("logger", "").startswith("django.security."):
            continue  # who asks for another host is refused, and Django calls that an error
        elif "exception" in told or told["level"] in ("error", "critical"):
            faults.append(f"an error: {line[:3000]}")
    return faults + [f"the secret {secret[:9]}…" for secret in secrets if secret in log]
