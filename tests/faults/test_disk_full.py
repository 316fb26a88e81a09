"""A full disk under the image's server: writes are refused, reads go on, nothing is lost."""

import os
import sqlite3
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.execution.feed.clients import API
from tests.execution.feed.people import make_people, shell
from tests.servers import (
    manage,
    running,
    running_server,
    server_command,
    server_environment,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif("DATABASE_URL" in os.environ, reason="PRAGMA max_page_count is SQLite's"),
]
ROOM_PAGES = 60
TITLES = """
from execution.models import Task
print(*Task.objects.values_list("title", flat=True), sep="\\n")
"""
ONE = {"taskType": "t", "channel": "amazon", "estimatedHours": 1}


def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    environment = server_environment(tmp_path / "data", API_RATE="1000000/min")
    headers = {"Authorization": f"Token {make_people(environment, helena='head').tokens['helena']}"}
    with sqlite3.connect(tmp_path / "data" / "nexo.sqlite3") as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
    small = {**environment, "NEXO_MAX_PAGES": str(pages + ROOM_PAGES)}
    command = partial(server_command, "uvicorn", application="tests.faults.small_disk:application")
    titles = []
    with running(command, small, tmp_path / "log") as server:
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
            for number in range(2_000):
                title = f"{number} " + "x" * 150
                answer = client.post(API, json={**ONE, "title": title})
                if answer.status_code != 201:
                    break
                titles.append(title)
            assert titles, answer.text + server.log()
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            # The rest goes on: reading, and refusing.
            assert client.get(API).json()["totalTasks"] == len(titles)
            assert client.post(API, json={**ONE, "title": "again"}).status_code == 503
        assert "Traceback" not in server.log()

    # With room again, as if nothing had been.
    with (
        running_server("uvicorn", environment, tmp_path / "log") as server,
        httpx.Client(base_url=server.url, headers=headers, timeout=30) as client,
    ):
        assert client.post(API, json={**ONE, "title": "after"}).status_code == 201
    assert sorted(shell(environment, TITLES).split("\n")) == sorted(["", "after", *titles])
    assert manage(environment, "check_consistency")
