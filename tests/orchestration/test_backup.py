"""`backup` and `restore`, drilled: a server writes, is backed up meanwhile, and is brought back."""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from orchestration.backups import contents
from tests.execution.feed.clients import Api, api_of, connecting, heard_of, without_clock
from tests.execution.feed.people import make_people, shell
from tests.servers import (
    PROJECT,
    bare_environment,
    connected,
    manage,
    running_server,
    server_environment,
)

pytestmark = pytest.mark.integration
ON_POSTGRES = "DATABASE_URL" in os.environ
only_sqlite = pytest.mark.skipif(ON_POSTGRES, reason="of files that SQLite keeps")
only_postgres = pytest.mark.skipif(not ON_POSTGRES, reason="of PostgreSQL's programs")
_MAKE_TASKS = """
from tests.factories import make_task
for number in range({count}):
    make_task()
"""
_FUTURE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES "
                   "('execution', '9999_of_the_future', CURRENT_TIMESTAMP)")
"""
_COUNT_FACTS = """
from optimization.projection import catch_up
catch_up()
"""
_STATE = """
SELECT (SELECT count(*) FROM execution_task), (SELECT count(*) FROM execution_taskevent),
    stream.sequence, stream.epoch, cursor.epoch, (SELECT count(*) FROM django_session)
FROM execution_stream AS stream, optimization_factcursor AS cursor
"""


@dataclass(frozen=True, slots=True)
class State:
    tasks: int
    events: int
    sequence: int
    epoch: str
    facts_epoch: str
    sessions: int


def state(environment: Mapping[str, str]) -> State:
    """By the driver: to ask in a process of NEXO's own takes seconds each time."""
    if ON_POSTGRES:
        with connected(environment["DATABASE_URL"]) as postgres:
            row = postgres.execute(_STATE).fetchone()
    else:
        with closing(sqlite3.connect(Path(environment["NEXO_DATA_DIR"]) / "nexo.sqlite3")) as file:
            row = file.execute(_STATE).fetchone()
    assert row is not None
    return State(*row)


def in_database(environment: Mapping[str, str], statement: str) -> list[tuple[Any, ...]]:
    """What a statement gives, by the driver, committed."""
    if ON_POSTGRES:
        with connected(environment["DATABASE_URL"]) as postgres:
            cursor = postgres.execute(statement)
            return cursor.fetchall() if cursor.description else []
    with (
        closing(sqlite3.connect(Path(environment["NEXO_DATA_DIR"]) / "nexo.sqlite3")) as file,
        file,
    ):
        return file.execute(statement).fetchall()


def refused(environment: Mapping[str, str], *arguments: str) -> str:
    """What a command says that does nothing; a sentence, not a traceback."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("CommandError: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("CommandError: ").strip()


# -- The drill -------------------------------------------------------------------------------------


class Writers:
    """Tasks that were acknowledged, in their order, until told to stop."""

    def __init__(self) -> None:
        self.acknowledged: list[dict[str, Any]] = []
        self._working = True

    async def work(self, api: Api) -> None:
        while self._working:
            self.acknowledged.append(await api.create())

    def stop(self) -> None:
        self._working = False


async def test_a_restored_server_holds_every_acknowledged_change_and_resets_its_clients(
    tmp_path: Path,
) -> None:
    environment = server_environment(tmp_path / "data")
    people = make_people(environment, helena="head")
    backup = tmp_path / "nexo.backup"
    with running_server("daphne", environment, tmp_path / "first.log") as server:
        async with api_of(server, people.tokens["helena"]) as api:
            written, told = await backed_up_while_writing(api, environment, backup)
            lost = [await api.create() for _ in range(5)]
            last_seen = await api.snapshot()
    saved = int(re.findall(r"^último evento: (\d+)", told, re.MULTILINE)[0])
    kept = [task for task in written if task["sequence"] <= saved]
    lost += [task for task in written if task["sequence"] > saved]

    restored = manage(environment, "restore", str(backup), "--force").splitlines()
    assert restored[0].startswith(f"Restaurado de {backup}")
    assert restored[1:] == [*told.splitlines()[2:], "Tudo confere."]

    with running_server("daphne", environment, tmp_path / "second.log") as server:
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(api_of(server, people.tokens["helena"]))
            place = f"since={last_seen['sequence']}&epoch={last_seen['epoch']}"
            socket = await stack.enter_async_context(
                connecting(server, token=people.tokens["helena"], query=place)
            )
            hello = await heard_of(socket, "hello")
            assert hello["epoch"] != last_seen["epoch"]
            reset = await heard_of(socket, "reset")
            assert (reset["epoch"], reset["sequence"]) == (hello["epoch"], saved)
            # What a client does then: read the snapshot again, and follow from it.
            tasks, snapshot = await read_all(api)
            assert (snapshot["epoch"], snapshot["sequence"]) == (reset["epoch"], saved)
            assert tasks == {task["taskId"]: without_clock(task) for task in kept}
            assert tasks.keys().isdisjoint(task["taskId"] for task in lost)
            changed = await api.change(kept[0]["taskId"], "in_progress")
            frame = await heard_of(socket, "changes")
            assert frame["previous"] == saved
            assert [without_clock(task) for task in frame["tasks"]] == [without_clock(changed)]
            # Without its epoch a client is told as well: it has seen what is no more.
            ahead = await stack.enter_async_context(
                connecting(server, token=people.tokens["helena"], query="since=999999")
            )
            await heard_of(ahead, "hello")
            assert (await heard_of(ahead, "reset"))["epoch"] == reset["epoch"]
    manage(environment, "check_consistency")


async def backed_up_while_writing(
    api: Api, environment: Mapping[str, str], backup: Path
) -> tuple[list[dict[str, Any]], str]:
    """Back up among writes: all that were acknowledged, and what the command told.

    Every write that was acknowledged before the backup began is in it.
    """
    writers = Writers()
    working = [asyncio.create_task(writers.work(api)) for _ in range(3)]
    while len(writers.acknowledged) < 10:
        await asyncio.sleep(0.02)
    before = max(task["sequence"] for task in writers.acknowledged)
    told = await asyncio.to_thread(manage, environment, "backup", str(backup))
    meanwhile = max(task["sequence"] for task in writers.acknowledged)
    writers.stop()
    await asyncio.gather(*working)
    saved = int(re.findall(r"^último evento: (\d+)", told, re.MULTILINE)[0])
    assert before <= saved <= max(task["sequence"] for task in writers.acknowledged)
    assert meanwhile > before, "nothing was written while the backup was made"
    return writers.acknowledged, told


async def read_all(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
    """All tasks by their ids, and the first page."""
    first = page = await api.snapshot(limit=100)
    tasks = page["tasks"]
    while page["nextCursor"]:
        page = await api.snapshot(limit=100, cursor=page["nextCursor"])
        tasks += page["tasks"]
    return {task["taskId"]: without_clock(task) for task in tasks}, first


# -- What they refuse ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With two tasks, which no test here changes."""
    made = server_environment(tmp_path_factory.mktemp("backups") / "data")
    shell(made, _MAKE_TASKS.format(count=2))
    return made


@pytest.fixture(scope="module")
def backup(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "nexo.backup"
    manage(environment, "backup", str(made))
    return made


def test_a_backup_is_private_and_alone(backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]


def test_a_backup_replaces_nothing_unless_told_to(
    environment: dict[str, str], tmp_path: Path
) -> None:
    target = tmp_path / "kept"
    target.write_text("precious")
    assert "--force" in refused(environment, "backup", str(target))
    assert target.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]
    manage(environment, "backup", str(target), "--force")
    assert target.stat().st_size > 1000


def test_a_backup_clears_away_what_killed_ones_left(
    environment: dict[str, str], tmp_path: Path
) -> None:
    abandoned, under_way = (tmp_path / f".b[1].{pid}.part" for pid in (4_000_001, 4_000_002))
    for part in (abandoned, under_way):
        part.write_text("half")
    os.utime(abandoned, (0, 0))
    manage(environment, "backup", str(tmp_path / "b[1]"))
    assert {path.name for path in tmp_path.iterdir()} == {"b[1]", under_way.name}


def test_a_backup_names_its_database_and_says_when_it_holds_nothing(tmp_path: Path) -> None:
    environment = server_environment(tmp_path / "data")
    done = subprocess.run(
        [sys.executable, "manage.py", "backup", str(tmp_path / "nexo.backup")],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    first = done.stdout.splitlines()[0]
    kind = "PostgreSQL" if ON_POSTGRES else "SQLite"
    name = environment.get("DATABASE_URL", "/nexo.sqlite3").rpartition("/")[2]
    assert first.startswith(f"Banco de dados: {kind}, ") and first.endswith(name)
    assert "Não há nada nele." in done.stderr


def test_the_named_database_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"HOST": "db.example", "PORT": 5433, "NAME": "nexo", "PASSWORD": "secret"}
    monkeypatch.setattr(contents, "connection", SimpleNamespace(vendor="x", settings_dict=place))
    assert contents.described_database() == "PostgreSQL, db.example:5433, nexo"


@pytest.mark.parametrize("place", ["", "no/such/folder/file"])
def test_a_backup_needs_a_place(environment: dict[str, str], tmp_path: Path, place: str) -> None:
    assert str(tmp_path) in refused(environment, "backup", str(tmp_path / place))


def test_a_restore_replaces_no_data_unless_told_to(
    environment: dict[str, str], backup: Path
) -> None:
    before = state(environment)
    told = refused(environment, "restore", str(backup))
    assert "tarefas: 2, eventos: 2" in told and "--force" in told
    assert state(environment) == before


def test_a_restore_fills_a_database_without_tables_and_one_without_rows(
    backup: Path, tmp_path: Path
) -> None:
    bare = bare_environment(tmp_path / "data")
    told = manage(bare, "restore", str(backup)).splitlines()
    assert told[1:3] == ["tarefas: 2", "eventos: 2"]
    assert re.fullmatch(r"último evento: 2, em 20\d\d-\S+T\S+\+00:00", told[3])
    manage(bare, "flush", "--no-input", "--verbosity", "0")
    shell(bare, "from execution.models import Stream; Stream(pk=1, epoch='none').save()")
    manage(bare, "restore", str(backup))
    assert state(bare).tasks == 2


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_restore_never_replaces_what_is_another_programs(
    backup: Path, tmp_path: Path, force: tuple[str, ...]
) -> None:
    foreign = bare_environment(tmp_path / "data")
    in_database(foreign, "CREATE TABLE invoices (id integer)")
    in_database(foreign, "INSERT INTO invoices VALUES (7)")
    assert "(invoices)" in refused(foreign, "restore", str(backup), *force)
    assert in_database(foreign, "SELECT id FROM invoices") == [(7,)]


@pytest.mark.proof
def test_epoch_facts_and_sessions_and_backups_of_other_versions(tmp_path: Path) -> None:
    environment = server_environment(tmp_path / "data")
    make_people(environment, helena="head", quim="qa")
    shell(environment, _MAKE_TASKS.format(count=3) + _COUNT_FACTS)
    before = state(environment)
    assert (before.facts_epoch, before.sessions) == (before.epoch, 2)
    backup = str(tmp_path / "backup")
    manage(environment, "backup", backup)
    manage(environment, "restore", backup, "--force")
    after = state(environment)
    assert after.epoch == after.facts_epoch != before.epoch
    assert replace(after, epoch=before.epoch, facts_epoch=before.epoch) == before
    manage(environment, "restore", backup, "--force", "--sign-out")
    again = state(environment)
    assert again.epoch not in (before.epoch, after.epoch)
    assert (again.facts_epoch, again.sessions) == (again.epoch, 0)

    shell(environment, _FUTURE)
    newer = str(tmp_path / "newer")
    assert "execution.9999_of_the_future" in manage(environment, "backup", newer)
    assert "execution.9999_of_the_future" in refused(environment, "restore", newer, "--force")
    assert state(environment) == again
    manage(environment, "restore", backup, "--force")

    manage(environment, "migrate", "execution", "0007", "--verbosity", "0")
    older = str(tmp_path / "older")
    manage(environment, "backup", older)
    assert "manage.py migrate" in manage(environment, "restore", older, "--force")
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "check_consistency")


@pytest.mark.parametrize("content", [b"", b"nothing of ours", b"SQLite format 3\0 and then?"])
def test_a_restore_takes_no_other_file(
    environment: dict[str, str], tmp_path: Path, content: bytes
) -> None:
    before = state(environment)
    other = tmp_path / "other"
    other.write_bytes(content)
    assert str(other) in refused(environment, "restore", str(other), "--force")
    assert str(tmp_path / "none") in refused(
        environment, "restore", str(tmp_path / "none"), "--force"
    )
    assert state(environment) == before


def test_a_damaged_backup_changes_nothing(
    environment: dict[str, str], backup: Path, tmp_path: Path
) -> None:
    before = state(environment)
    damaged = tmp_path / "damaged"
    content = backup.read_bytes()
    # Its middle and its end are missing.
    damaged.write_bytes(content[: len(content) * 2 // 3])
    refused(environment, "restore", str(damaged), "--force")
    assert state(environment) == before


def test_a_database_without_tables_is_not_backed_up(tmp_path: Path) -> None:
    foreign, target = bare_environment(tmp_path / "data"), tmp_path / "backup"
    in_database(foreign, "CREATE TABLE invoices (id integer)")
    assert "nenhuma tabela do NEXO" in refused(foreign, "backup", str(target))
    assert not target.exists()


def test_a_name_that_no_disk_takes_is_a_sentence(
    environment: dict[str, str], tmp_path: Path
) -> None:
    target = str(tmp_path / ("x" * 300))
    assert "não pode ser gravado" in refused(environment, "backup", target)


@only_sqlite
def test_a_database_is_no_backup_of_itself(environment: dict[str, str]) -> None:
    database = str(Path(environment["NEXO_DATA_DIR"]) / "nexo.sqlite3")
    assert "próprio banco" in refused(environment, "backup", database, "--force")
    assert "próprio banco" in refused(environment, "restore", database, "--force")


@only_sqlite
def test_rows_that_point_at_none_are_found_before_anything_is_replaced(
    environment: dict[str, str], backup: Path, tmp_path: Path
) -> None:
    before = state(environment)
    torn = tmp_path / "torn"
    torn.write_bytes(backup.read_bytes())
    with closing(sqlite3.connect(torn)) as opened, opened:
        opened.execute("DELETE FROM execution_task WHERE id = 1")
    assert "danificado" in refused(environment, "restore", str(torn), "--force")
    assert state(environment) == before


@only_sqlite
def test_a_database_that_is_being_written_to_is_left_alone(
    environment: dict[str, str], backup: Path
) -> None:
    before = state(environment)
    with closing(sqlite3.connect(Path(environment["NEXO_DATA_DIR"]) / "nexo.sqlite3")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        told = refused(environment, "restore", str(backup), "--force")
        writer.rollback()
    assert "em uso" in told or "locked" in told
    assert state(environment) == before


@only_sqlite
def test_a_restored_file_is_its_owners_alone(backup: Path, tmp_path: Path) -> None:
    bare = bare_environment(tmp_path / "data")
    manage(bare, "restore", str(backup))
    assert (tmp_path / "data" / "nexo.sqlite3").stat().st_mode & 0o777 == 0o600


@only_postgres
def test_without_postgres_programs_it_says_what_to_install(
    environment: dict[str, str], tmp_path: Path
) -> None:
    nowhere = {**environment, "PG_BIN": str(tmp_path)}
    told = refused(nowhere, "backup", str(tmp_path / "b"))
    assert "pg_dump não está em" in told and "PG_BIN" in told
    assert list(tmp_path.iterdir()) == []


# It gives whole statements, and blank lines until what reads them has passed all of those on.
_DIES_HALFWAY = """#!/bin/sh
case " $* " in
*" --exit-on-error "*)
    "$REAL/pg_restore" --section=pre-data "$@"
    yes "" | head -c 1000000
    kill -9 "$PPID" ;;
*) exec "$REAL/pg_restore" "$@" ;;
esac
"""
_OF_A_NEWER_SERVER = """#!/bin/sh
case " $* " in
*" --exit-on-error "*) echo "SET setting_of_the_future = 0;" ;;
esac
exec "$REAL/pg_restore" "$@"
"""


def with_pg_restore(environment: Mapping[str, str], folder: Path, script: str) -> dict[str, str]:
    """PostgreSQL's programs, of which one is replaced by a script that finds the others in REAL."""
    real = Path(environment["PG_BIN"])
    folder.mkdir()
    for name in ("psql", "pg_dump"):
        (folder / name).symlink_to(real / name)
    (folder / "pg_restore").write_text(script)
    (folder / "pg_restore").chmod(0o700)
    return {**environment, "PG_BIN": str(folder), "REAL": str(real)}


@only_postgres
def test_a_restore_that_is_killed_leaves_the_database_as_it_was(
    environment: dict[str, str], backup: Path, tmp_path: Path
) -> None:
    before = state(environment)
    done = subprocess.run(
        [sys.executable, "manage.py", "restore", str(backup), "--force"],
        env=with_pg_restore(environment, tmp_path / "bin", _DIES_HALFWAY),
        cwd=PROJECT,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    busy = "SELECT FROM pg_stat_activity WHERE application_name = 'nexo backup'"
    while in_database(environment, busy):
        time.sleep(0.05)
    assert state(environment) == before


@only_postgres
def test_a_restore_by_programs_newer_than_the_server(
    environment: dict[str, str], backup: Path, tmp_path: Path
) -> None:
    before = state(environment)
    newer = with_pg_restore(environment, tmp_path / "bin", _OF_A_NEWER_SERVER)
    manage(newer, "restore", str(backup), "--force")
    assert state(environment).tasks == before.tasks


@only_postgres
def test_a_restore_where_the_extension_is_somebody_elses(backup: Path, tmp_path: Path) -> None:
    """As where an administrator made the database, and its owner may do no more than own it."""
    bare = bare_environment(tmp_path / "data")
    place = urlsplit(bare["DATABASE_URL"])
    role, name = f"owner_{uuid4().hex}", place.path.removeprefix("/").rpartition("/")[2]
    in_database(bare, f"CREATE ROLE {role} LOGIN")
    in_database(bare, f"ALTER DATABASE {name} OWNER TO {role}")
    in_database(bare, "CREATE EXTENSION pg_trgm")
    owned = {**bare, "DATABASE_URL": bare["DATABASE_URL"].replace("//postgres@", f"//{role}@")}
    assert owned != bare
    manage(owned, "restore", str(backup))
    assert state(owned).tasks == 2
    manage(owned, "restore", str(backup), "--force")
