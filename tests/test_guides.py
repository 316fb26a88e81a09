"""The guides of docs/, done as they say: each command run, in its order, against a server."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.execution.feed.people import shell
from tests.servers import PROJECT, manage, running_server, server_environment

pytestmark = [pytest.mark.integration, pytest.mark.one_database]
PHASE_2 = PROJECT / "docs/NEXO-DASHBOARD-PHASE2.md"
TESTING = PROJECT / "docs/NEXO-TESTING-GUIDE.md"
ADDRESS = "http://127.0.0.1:8000"
# Tried by others: tests/test_run.py starts the one, the build itself is the other, and it lints.
RUN_BY_OTHERS = {"DEMO=0 make run", "make test", "make lint"}
_TOKEN = """
from django.contrib.auth.models import User
from accounts.tokens import issue_token
print(issue_token(name="guide", by="user:test", user=User.objects.get(username="head"))[1])
"""
_OUTCOME = """
from execution.models import Task, TaskLog
print(sorted(Task.objects.values_list("agent_id", "status")), TaskLog.objects.count())
"""


def commands(page: Path) -> list[str]:
    """The page's shell blocks in their order, also those inside lists; without what others run."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in blocks]
    return [
        "\n".join(line for line in code.splitlines() if line not in RUN_BY_OTHERS) for code in lines
    ]


def carry_out(
    page: Path, address: str, environment: Mapping[str, str], folder: Path
) -> "subprocess.CompletedProcess[str]":
    """All commands in one shell, as a reader's terminal keeps its variables."""
    script = "\n".join(commands(page)).replace(ADDRESS, address)
    done = subprocess.run(
        ["bash", "-exo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


def test_phase_2_from_an_empty_database_to_a_report(tmp_path: Path) -> None:
    environment = server_environment(tmp_path / "data", NEXO_DEMO_PASSWORD="ensaio-do-guia")
    for name in (".venv", "manage.py", "nexo_agent"):
        (tmp_path / name).symlink_to(PROJECT / name)
    manage(environment, "seed_demo", "--tasks", "0")  # for the token; the guide does it again
    token = shell(environment, _TOKEN).splitlines()[-1]
    with running_server("daphne", environment, tmp_path / "server.log") as server:
        done = carry_out(PHASE_2, server.url, {**environment, "TOKEN": token}, tmp_path)
    outcome = shell(environment, _OUTCOME).splitlines()[-1]
    tasks = [("alex", "completed")] * 6 + [("marina", "completed")] * 2
    assert outcome == f"{tasks} 8"
    # What status, metrics and the report say of it.
    assert '"generated":8' in done.stdout
    assert '"completed":8' in done.stdout
    assert (tmp_path / "alex.token").stat().st_mode & 0o077 == 0
    assert (tmp_path / "report.csv").read_text().count("\n") > 6


@pytest.mark.skipif("DATABASE_URL" in os.environ, reason="once is enough: it names both databases")
def test_the_testing_guide(tmp_path: Path) -> None:
    environment = server_environment(tmp_path / "data")
    with running_server("daphne", environment, tmp_path / "server.log") as server:
        carry_out(TESTING, server.url, environment, PROJECT)
