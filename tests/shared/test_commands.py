"""Commands say in one sentence what is wrong with the database, and that Ctrl+C ended them."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.management import CommandError
from django.db import OperationalError

from nexo.shared.commands import reached_database
from tests.servers import PROJECT, bare_environment, server_environment

pytestmark = pytest.mark.integration
FILE = "PGDMP.backup"
COMMANDS = [
    ["set_role", "ana", "qa"],
    ["reset_second_factor", "ana"],
    ["create_agent_token", "alex"],
    ["import_tasks", FILE],
    ["seed_demo"],
    ["simulate", "--duration", "1"],
    ["prune"],
    ["rebuild_metrics"],
    ["check_consistency"],
]
# They take a database as it is.
OF_ANY_VERSION = [["restore", FILE]]
RUN = """
import json, os, sys, io
os.environ["DJANGO_SETTINGS_MODULE"] = "nexo.settings"
import django
django.setup()
from django.core.management import CommandError, call_command
def said(command):
    try:
        call_command(*command, stdout=io.StringIO(), stderr=io.StringIO())
    except CommandError as error:
        return [str(error), error.returncode]
    except Exception as error:
        return [repr(error), None]
    return ["", 0]
print(json.dumps([said(command) for command in json.loads(sys.argv[1])]))
"""

# As if it came while the command asks the database, or while one copies it.
INTERRUPT = """
import json, os, runpy, sys
from contextlib import redirect_stderr
from io import StringIO
os.environ["DJANGO_SETTINGS_MODULE"] = "nexo.settings"
import django
django.setup()
from django.db.backends.base.base import BaseDatabaseWrapper
from orchestration.backups import sqlite
def interrupt(*given, **options):
    raise KeyboardInterrupt
BaseDatabaseWrapper.ensure_connection = interrupt
sqlite.back_up = sqlite.restore = interrupt
def said(command):
    sys.argv = ["manage.py", *command]
    with redirect_stderr(StringIO()) as told:
        try:
            runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as end:
            return [told.getvalue(), end.code]
        except BaseException as error:
            return [repr(error), None]
    return ["", 0]
print(json.dumps([said(command) for command in json.loads(sys.argv[1])]))
"""


class Said(NamedTuple):
    sentence: str
    exit_code: int | None


def run(
    environment: Mapping[str, str], folder: Path, commands: list[list[str]], *, script: str = RUN
) -> dict[str, Said]:
    """Each command's answer, from one process, for to start one takes a second."""
    file = folder / FILE
    file.write_bytes(b"PGDMP" if environment.get("DATABASE_URL") else b"SQLite format 3\0")
    given = [[str(file) if word == FILE else word for word in command] for command in commands]
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(given)],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [Said(*answer) for answer in json.loads(done.stdout.splitlines()[-1])]
    return {command[0]: answer for command, answer in zip(commands, answers, strict=True)}


def exit_code(command: str) -> int:
    """That of a failure; of `check_consistency` 1 would say that there is a difference."""
    return 2 if command == "check_consistency" else 1


def test_a_database_without_tables_is_told_of(tmp_path: Path) -> None:
    answers = run(bare_environment(tmp_path / "data"), tmp_path, COMMANDS)
    told = "O banco de dados não está atualizado: execute `manage.py migrate` antes."
    assert answers == {name: (told, exit_code(name)) for name in answers}


@pytest.mark.one_database
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_that_is_away_is_told_of(tmp_path: Path, kind: str) -> None:
    environment = bare_environment(tmp_path / "data", DATABASE_URL="")
    if kind == "postgresql":
        environment["DATABASE_URL"] = "postgres://nexo:secret@127.0.0.1:1/nexo"
        told = "O banco de dados está ocupado ou fora do ar: "
    else:
        (tmp_path / "data/nexo.sqlite3").mkdir()
        told = "Não é possível abrir o arquivo do banco de dados para gravar: "
    for name, said in run(environment, tmp_path, COMMANDS + OF_ANY_VERSION).items():
        assert said.exit_code == exit_code(name), (name, said)
        assert said.sentence.startswith(told)
        assert "\n" not in said.sentence
        assert "secret" not in said.sentence


@pytest.mark.one_database
def test_ctrl_c_ends_every_command_with_one_sentence(tmp_path: Path) -> None:
    commands = [*COMMANDS, *OF_ANY_VERSION, ["backup", str(tmp_path / "new")], ["run_worker"]]
    environment = bare_environment(tmp_path / "data", DATABASE_URL="")
    answers = run(environment, tmp_path, commands, script=INTERRUPT)
    # What came before is imported, which is worth saying.
    imported = answers.pop("import_tasks")
    assert (imported.exit_code, "Traceback" in imported.sentence) == (130, False)
    told = "\nInterrompido antes de terminar.\n"
    assert answers == dict.fromkeys(answers, (told, 130))


# What a shell starts in the background, as a build server may start the tests, ignores Ctrl+C.
HEEDING_CTRL_C = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.one_database
def test_a_signal_ends_a_command_in_the_middle(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDING_CTRL_C, "manage.py", "seed_demo", "--tasks", "1000000"],
        env=server_environment(tmp_path),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Adicionado a este banco de dados:\n"
        process.send_signal(signal.SIGINT)
        try:
            _out, told = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (told, process.returncode) == ("\nInterrompido antes de terminar.\n", 130)


@pytest.mark.one_database
@pytest.mark.parametrize("content", [b"no database" * 1000, None], ids=["noise", "torn"])
def test_a_database_whose_file_is_damaged_is_told_of(tmp_path: Path, content: bytes | None) -> None:
    environment = server_environment(tmp_path / "data", DATABASE_URL="")
    database = tmp_path / "data/nexo.sqlite3"
    # Torn: its first page is whole, what that points at is not.
    whole = database.read_bytes()
    database.write_bytes(content or whole[:4096] + b"\xff" * (len(whole) - 4096))
    for name, said in run(environment, tmp_path, COMMANDS).items():
        assert said.exit_code == exit_code(name), (name, said)
        assert said.sentence.startswith("O arquivo do banco de dados está danificado: "), said


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_FULL, "Não há mais espaço no disco do banco de dados: "),
        (sqlite3.SQLITE_IOERR_WRITE, "Não é possível ler ou gravar o arquivo do banco de dados: "),
        (sqlite3.SQLITE_READONLY, "Não é possível abrir o arquivo do banco de dados para gravar: "),
        (sqlite3.SQLITE_BUSY, "O banco de dados está ocupado ou fora do ar: "),
    ],
)
def test_what_keeps_sqlite_from_writing_is_told_apart(code: int, said: str) -> None:
    cause = sqlite3.OperationalError("in SQLite's words")
    cause.sqlite_errorcode = code
    with pytest.raises(CommandError) as told, reached_database():
        raise OperationalError("in SQLite's words") from cause
    assert str(told.value).startswith(said)
    assert "in SQLite's words" in str(told.value)


# -- Whole processes -----------------------------------------------------------------------------


def manage(*command: str, **values: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": "", **values}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.one_database
def test_djangos_own_commands_tell_of_it_too(tmp_path: Path) -> None:
    (tmp_path / "nexo.sqlite3").write_bytes(b"no database" * 1000)
    done = manage("migrate", NEXO_DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("O arquivo do banco de dados está danificado: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.one_database
def test_a_librarys_command_tells_of_a_missing_table(tmp_path: Path) -> None:
    done = manage("axes_reset_username", "ana", NEXO_DATA_DIR=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "execute `manage.py migrate` antes" in done.stderr


@pytest.mark.one_database
def test_migrate_makes_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert manage("migrate", "--verbosity", "0", NEXO_DATA_DIR=str(tmp_path)).returncode == 0
    files = [file for file in tmp_path.iterdir() if file.name.startswith("nexo.sqlite3")]
    assert files
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.one_database
@pytest.mark.parametrize(("command", "code"), [("prune", 1), ("check_consistency", 2)])
def test_a_setting_that_cannot_be_meant_is_no_difference(command: str, code: int) -> None:
    done = manage(command, NEXO_DATA_DIR="/dev/null")
    assert done.returncode == code
    assert done.stderr.startswith("NEXO_DATA_DIR must be a folder that can be written, ")
    assert done.stderr.count("\n") == 1
