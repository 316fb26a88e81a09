"""docs/reference/feed.md, held against the product: its client run, its codes compared."""

import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from execution import consumers
from execution.feed import callers, hub
from tests.execution.feed.people import make_people
from tests.servers import PROJECT, RunningServer, running_server, server_environment

PAGE = PROJECT / "docs/reference/feed.md"
LIST = "/api/marketplace/orchestration/task-execution"
NEW = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}


@pytest.mark.unit
def test_every_code_that_a_socket_is_closed_with_is_explained() -> None:
    closing = PAGE.read_text().partition("## Closing")[2].partition("\n## ")[0]
    named = {
        value
        for module in (consumers, callers, hub)
        for name, value in vars(module).items()
        if name.startswith("CLOSE_") and isinstance(value, int)
    }
    assert set(map(int, re.findall(r"^\| (\d+) \|", closing, re.MULTILINE))) == named


@pytest.mark.integration
@pytest.mark.one_database
def test_the_whole_client_goes_on_after_the_server_was_restarted(tmp_path: Path) -> None:
    (code,) = re.findall(
        r"## A whole client\n\n```python\n(.*?)^```", PAGE.read_text(), re.M | re.S
    )
    environment = server_environment(tmp_path / "data")
    key = make_people(environment, helena="head").tokens["helena"]
    log, output, complaints = (tmp_path / name for name in ("server", "output", "complaints"))
    with running_server("uvicorn", environment, log) as server:
        program = code.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
        with output.open("w") as out, complaints.open("w") as err:
            client = subprocess.Popen(
                [sys.executable, "-u", "-c", program],
                env={**environment, "TOKEN": key},
                stdout=out,
                stderr=err,
            )
        try:
            hear_of_a_task(server, key, output)
            server.process.terminate()
            server.process.wait()
            wait_for("again in a second", complaints)
            with running_server("uvicorn", environment, log, port=server.port) as again:
                hear_of_a_task(again, key, output)
            assert client.poll() is None
        finally:
            client.kill()
            client.wait()


def hear_of_a_task(server: RunningServer, key: str, output: Path) -> None:
    """It may not have connected yet: make tasks until it tells of one."""
    deadline = time.monotonic() + 20
    headers = {"Authorization": f"Token {key}"}
    while True:
        answer = httpx.post(f"{server.url}{LIST}", json=NEW, headers=headers)
        time.sleep(0.5)
        if answer.json()["task"]["taskId"] in output.read_text():
            return
        assert time.monotonic() < deadline, output.read_text()


def wait_for(words: str, file: Path) -> None:
    deadline = time.monotonic() + 20
    while words not in file.read_text():
        assert time.monotonic() < deadline, file.read_text()
        time.sleep(0.1)
