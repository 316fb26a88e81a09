"""docs/howto/agents.md, done as it says: each file written, each command run, in its order."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.execution.feed.people import shell
from tests.servers import PROJECT, running_server, server_environment

pytestmark = [pytest.mark.integration, pytest.mark.one_database]
PAGE = PROJECT / "docs/howto/agents.md"
_OUTCOME = """
from execution.models import Task, TaskLog
for task in Task.objects.filter(agent_id="robo").order_by("id"):
    print(task.status, task.result, TaskLog.objects.filter(task=task).count())
"""


def blocks() -> list[tuple[str, str]]:
    """The page's code in its order: `sh` or `python`, and the text."""
    return re.findall(r"^```(sh|python)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_an_agent_works_in_ten_minutes(tmp_path: Path) -> None:
    for name in (".venv", "manage.py", "nexo_agent"):
        (tmp_path / name).symlink_to(PROJECT / name)
    environment = server_environment(tmp_path / "data")
    with running_server("daphne", environment, tmp_path / "server.log") as server:
        for language, code in blocks():
            here = code.replace("http://127.0.0.1:8000", server.url)
            if language == "python":
                name = re.match(r"# (\w+\.py)\n", code)
                assert name, "Every program says what its file is called."
                (tmp_path / name[1]).write_text(here)
                continue
            done = subprocess.run(
                ["sh", "-ec", here],
                cwd=tmp_path,
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
    assert (tmp_path / "robo.token").stat().st_mode & 0o077 == 0
    outcome = shell(environment, _OUTCOME).splitlines()
    assert outcome == [
        "completed {'title': 'FOTO DA CAPA'} 1",
        "completed {'title': 'FOTO DO VERSO'} 1",
        "completed {'words': 3} 1",
        "completed {'done': True} 1",
    ]


def test_every_program_is_followed_by_its_command() -> None:
    kinds = [language for language, _code in blocks()]
    assert kinds == ["sh", "sh", "python", "sh", "python", "sh", "python", "sh"]
