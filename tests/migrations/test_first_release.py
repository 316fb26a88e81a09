"""A database of the first release, brought up to date with all it holds: docs/decisions.md."""

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from psycopg.sql import SQL, Identifier

from tests.execution.feed.people import shell
from tests.servers import bare_environment, manage

pytestmark = pytest.mark.integration
DUMP = Path(__file__).with_name("first_release.sql")
_MIGRATE_TO = """
from django.core.management import call_command
for app, name in {steps}:
    call_command("migrate", app, name, verbosity=0)
"""
_LOOK = """
import json
from django.contrib.auth.models import User
from django.test import Client
from execution.consistency import differences
from execution.models import HistoricalMarketplace, Stream, Task, TaskEvent, TaskLog
from optimization import projection
from optimization.models import AgentDay, DailyFact, FactCursor
from orchestration.models import TaskTemplate

PAGES = [
    "/marketplace/tasks/execution", "/marketplace/tasks/execution?status=completed&q=Pre%C3%A7o",
    *(f"/marketplace/tasks/{task}" for task in Task.objects.values_list("task_id", flat=True)),
    "/marketplace/tasks/approvals", "/marketplace/orchestration",
    "/marketplace/orchestration/optimization", "/marketplace/audit", "/admin/",
    "/admin/execution/agent/alex/change/", "/admin/execution/marketplace/amazon/change/",
    "/api/marketplace/orchestration/task-execution", "/api/marketplace/orchestration/optimization",
]
FACTS = ("day", "agent_id", "created", "approved", "rejected", "completed", "failed_error",
         "failed_timeout", "cancelled", "timed", "estimated_minutes", "executed_minutes")

def facts():
    return [sorted(map(str, model.objects.values_list(*FACTS, *more)))
            for model, more in ((DailyFact, ("marketplace_id", "task_type")),
                                (AgentDay, ("worked_at",)))]

projection.catch_up()
counted = facts()
projection.rebuild()
ana = Client(headers={"host": "localhost"})
ana.force_login(User.objects.get(username="ana"))
User.objects.filter(username="ana").update(is_superuser=True)
stream = Stream.objects.get()
print(json.dumps({
    "tasks": Task.objects.count(), "events": TaskEvent.objects.count(),
    "logs": TaskLog.objects.count(), "sequence": stream.sequence, "epoch": stream.epoch,
    "differences": list(differences()), "facts": len(counted[0]), "rebuilt": facts() == counted,
    "origins": TaskEvent.objects.exclude(origin=None).count(),
    "history": HistoricalMarketplace.objects.count(), "templates": TaskTemplate.objects.exists(),
    "roles": sorted(User.objects.get(username="helena").groups.values_list("name", flat=True)),
    "unaccented": Task.objects.filter(search_text__contains="preco").count(),
    "accented": Task.objects.filter(search_text__contains="preço").count(),
    "pages": {path: status for path in PAGES if (status := ana.get(path).status_code) != 200},
}))
"""


@pytest.fixture
def first_release() -> sqlite3.Connection:
    with closing(sqlite3.connect(":memory:")) as kept:
        kept.executescript(DUMP.read_text())
        yield kept


def test_everything_of_the_first_release_is_there_and_true(
    first_release: sqlite3.Connection, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    environment = bare_environment(data_dir)
    if "DATABASE_URL" in os.environ:
        fill_postgres(environment, first_release)
    else:
        with closing(sqlite3.connect(data_dir / "nexo.sqlite3")) as made:
            first_release.backup(made)
    manage(environment, "migrate", "--verbosity", "0")
    found: dict[str, Any] = json.loads(shell(environment, _LOOK).splitlines()[-1])
    with_price = "SELECT count(*) FROM execution_task WHERE title LIKE '%Preço%'"
    (priced,) = first_release.execute(with_price).fetchone()
    (epoch,) = first_release.execute("SELECT epoch FROM execution_stream").fetchone()
    assert found.pop("facts") > 20
    assert found == {
        "tasks": 30,
        "events": 88,
        "logs": 6,
        "sequence": 88,
        "epoch": epoch,
        "differences": [],
        "rebuilt": True,
        # Nobody kept them then.
        "origins": 0,
        # The state before the first change, of each of the six.
        "history": 6,
        "templates": True,
        "roles": ["head"],
        # Found without its accent too.
        "unaccented": priced,
        "accented": 0,
        "pages": {},
    }


def fill_postgres(environment: Mapping[str, str], first: sqlite3.Connection) -> None:
    """The old schema by the migrations of that time, then the same rows, cast column by column."""
    steps = first.execute("SELECT app, max(name) FROM django_migrations GROUP BY app").fetchall()
    shell(environment, _MIGRATE_TO.format(steps=steps))
    beside = settings.DATABASES["default"]
    name = environment["DATABASE_URL"].rpartition("/")[2]
    with psycopg.connect(host=beside["HOST"], user=beside["USER"], dbname=name) as connection:
        # Foreign keys and their order, for this connection alone.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET TimeZone = 'UTC'")
        for (table,) in first.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            if table not in ("django_migrations", "sqlite_sequence"):
                copy_rows(connection, first, table)


def copy_rows(connection: "psycopg.Connection[Any]", first: sqlite3.Connection, table: str) -> None:
    types = dict(
        connection.execute(
            "SELECT column_name::text, data_type::text FROM information_schema.columns"
            " WHERE table_name = %s",
            [table],
        ).fetchall()
    )
    rows = first.execute(f'SELECT * FROM "{table}"')
    columns = [column[0] for column in rows.description]
    assert types.keys() == set(columns), table
    insert = SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
        Identifier(table),
        SQL(", ").join(map(Identifier, columns)),
        SQL(", ").join(SQL(f"%s::text::{types[column]}") for column in columns),
    )
    connection.execute(SQL("DELETE FROM {}").format(Identifier(table)))
    with connection.cursor() as cursor:
        for row in rows:
            cursor.execute(insert, [None if value is None else str(value) for value in row])
    if "id" in columns and types["id"] in ("integer", "bigint"):
        connection.execute(
            SQL(
                "SELECT setval(pg_get_serial_sequence({}, 'id'), coalesce(max(id), 0) + 1, false)"
                " FROM {}"
            ).format(table, Identifier(table))
        )
