"""docs/operations.md, done as it says: its commands run, its names and its examples compared."""

import json
import os
import re
import secrets
import subprocess
from pathlib import Path

import environ
import httpx
import pytest

from tests.execution.feed.people import shell
from tests.servers import PROJECT, manage, running_server, server_environment
from tests.test_guides import carry_out, commands

pytestmark = pytest.mark.integration
MANUAL = PROJECT / "docs/operations.md"
# Containers do not run everywhere: tests/test_image.py and test_nginx.py do their steps without.
# And the tests' own packages and files are not to be touched while they run.
NOT_HERE = re.compile(
    r"^(docker |git |cp .*\.env\.example|bin/rolling-restart|install .* -o 10001|bin/install |"
    r"NEXO_COLLECTSTATIC=1 |.*manage\.py createsuperuser)"
)
# A line of cron: when, and what; % is a new line to it.
CRON = re.compile(r"^\d+ \d+ \* \* \*  (.*)$", re.MULTILINE)
DRILL = re.compile(r"^export DRILL_URL=.*$", re.MULTILINE)
TOKEN = "a-token-of-the-operators"
_WORK = """
from tests.factories import make_task
for _ in range(3):
    make_task()
"""


def test_every_command_does_what_it_says(tmp_path: Path) -> None:
    drill = server_environment(tmp_path / "drill")
    # Emptied, so that the restore need not be told to replace it.
    manage(drill, "migrate", "--verbosity", "0")
    environment = server_environment(tmp_path / "data", METRICS_TOKEN=TOKEN)
    shell(environment, _WORK)
    page = tmp_path / "page.md"
    text = DRILL.sub(f"export DRILL_URL={url_of(drill)}", MANUAL.read_text())
    page.write_text("".join(line for line in text.splitlines(True) if not NOT_HERE.match(line)))
    for name in (".venv", "manage.py"):
        (tmp_path / name).symlink_to(PROJECT / name)
    write_settings(tmp_path, environment)
    with running_server("uvicorn", environment, tmp_path / "server.log") as server:
        done = carry_out(page, server.url, environment, tmp_path)
        assert server.is_ready()
        check_metrics(server.url)
        check_log(server.log())
    assert done.stdout.count("tarefas: 3") == 4  # backed up twice, drilled, restored
    assert done.stdout.count("último evento: 3, em ") == 4
    # After the drill and after pruning, and as each restore ends.
    assert done.stdout.count("Tudo confere.") == 4
    assert "nexo_database_up 1.0" in done.stdout


def write_settings(folder: Path, environment: dict[str, str]) -> None:
    """The file of the manual: a site in production."""
    names = ("DATABASE_URL", "NEXO_DATA_DIR", "PG_BIN", "METRICS_TOKEN")
    given = {name: environment[name] for name in names if name in environment}
    given |= {"NEXO_PRODUCTION": "1", "NEXO_TESTING": "0", "ALLOWED_HOSTS": "nexo.example"}
    given["SECRET_KEY"] = secrets.token_urlsafe(64)
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))


def test_cron_knows_nothing_but_what_its_lines_load(tmp_path: Path) -> None:
    environment = server_environment(tmp_path / "data")
    shell(environment, _WORK)
    for name in (".venv", "manage.py"):
        (tmp_path / name).symlink_to(PROJECT / name)
    write_settings(tmp_path, environment)
    lines = [line for line in CRON.findall(MANUAL.read_text()) if "docker" not in line]
    assert [line.partition("manage.py ")[2].split()[0] for line in lines] == ["backup", "prune"]
    told = [by_cron(line, tmp_path) for line in lines]
    assert told[0][0] == f"Banco de dados: {place_of(environment)}"
    assert "tarefas: 3" in told[0]
    assert not (tmp_path / "var").exists()


def by_cron(line: str, folder: Path) -> list[str]:
    """What it prints."""
    command = line.replace("\\%", "%").replace("/srv/nexo", str(folder))
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("/mnt/backups", str(folder))],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def place_of(environment: dict[str, str]) -> str:
    if "DATABASE_URL" not in os.environ:
        return f"SQLite, {environment['NEXO_DATA_DIR']}/nexo.sqlite3"
    place = environ.Env.db_url_config(environment["DATABASE_URL"])
    return f"PostgreSQL, {place['HOST']}, {place['NAME']}"


def url_of(environment: dict[str, str]) -> str:
    if "DATABASE_URL" in os.environ:
        return environment["DATABASE_URL"]
    return f"sqlite:///{environment['NEXO_DATA_DIR']}/nexo.sqlite3"


def check_metrics(url: str) -> None:
    """What the manual names is there; also in alerts."""
    text = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    named = set(re.findall(r"\bnexo_\w+", MANUAL.read_text())) - {"nexo_drill"}
    assert {name for name in named if name not in text} == set()
    known = set(re.findall(r"^# TYPE (nexo_\w+)", text, re.MULTILINE))
    assert {name for name in known - named if not name.endswith("_created")} == set()


def check_log(log: str) -> None:
    (example,) = re.findall(r"^```json\n(.*?)\n```", MANUAL.read_text(), re.MULTILINE | re.DOTALL)
    lines = [json.loads(line) for line in log.splitlines()]
    of_requests = [line for line in lines if line["logger"] == "nexo.access"]
    assert list(json.loads(example)) == list(of_requests[-1])


@pytest.mark.unit
def test_only_what_needs_containers_is_left_out() -> None:
    left_out = [line for line in "\n".join(commands(MANUAL)).splitlines() if line]
    left_out = [line for line in left_out if NOT_HERE.match(line)]
    assert len(left_out) == 22


@pytest.mark.unit
def test_an_upgrade_that_is_done_again_replaces_no_way_back() -> None:
    upgrades = [block for block in commands(MANUAL) if "git pull" in block]
    assert len(upgrades) == 2
    for block in upgrades:
        (backup,) = [line for line in block.splitlines() if "manage.py backup" in line]
        assert "--force" not in backup
        assert block.index(backup) < block.index("git pull") < block.index("migrate")
