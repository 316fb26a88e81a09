"""The benchmarks measure what they say: their limits answer, and a run prints its ratios.

No time is asserted: that is what the benchmarks are for.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import websockets
from django.db import connection

from benchmarks import report
from benchmarks.limits import DATABASE_VARIABLE
from benchmarks.limits.raw_websockets import SPEAKER_PATH
from benchmarks.measures import Measure, Rounds, interleave
from execution.enums import TaskStatus
from execution.models import Task
from tests.factories import make_agent, make_task, make_task_in
from tests.servers import PROJECT, RunningServer, running, server_command

unit = pytest.mark.unit
integration = pytest.mark.integration
API = "/api/marketplace/orchestration/task-execution"


@unit
def test_a_ratio_is_taken_between_neighbours() -> None:
    """The machine grew slower for both: 2/1, 6/3, 20/10."""
    rounds = Rounds([2.0, 6.0, 20.0], [1.0, 3.0, 10.0])
    assert rounds.ratio() == 2.0
    assert rounds.middle() == (6.0, 3.0)


@unit
def test_both_sides_are_first_in_turns_and_warm_up_uncounted() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    rounds = interleave(2, partial(side, "product"), partial(side, "limit"))
    assert order == ["product", "limit", "product", "limit", "limit", "product"]
    assert (rounds.product, rounds.limit) == ([3.0, 6.0], [4.0, 5.0])


@unit
@pytest.mark.parametrize(
    ("ratio", "bound", "at_least", "reached"),
    [
        (1.15, 1.15, False, True),
        (1.16, 1.15, False, False),
        (0.75, 0.75, True, True),
        (0.74, 0.75, True, False),
        (9.0, None, False, None),
    ],
)
def test_a_goal_is_reached_up_to_its_bound(
    ratio: float, bound: float | None, at_least: bool, reached: bool | None
) -> None:
    assert Measure(1, "", "", "", ratio, bound, at_least).reached is reached


@unit
def test_a_missed_goal_stands_out() -> None:
    missed = Measure(3, "PATCH to message", "9 ms", "3 ms", 3.0, 1.5)
    assert report.row(missed) == "| 3 | PATCH to message | 9 ms | 3 ms | 3.00 | ≤ 1.50 | **no** |"
    assert report.line(missed).endswith("3.00  NO, ≤ 1.50")
    tiny = Measure(10, "viewer", "5 µs/s", "1,000 µs/s", 0.005, 0.01)
    assert report.row(tiny).endswith("| 1/200 | ≤ 1/100 | yes |")


@unit
def test_the_written_figures_have_their_place() -> None:
    text = report.DOCUMENT.read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1


@pytest.fixture
def task_id(transactional_db: None) -> str:
    """A task that is committed, for a limit reads the database by itself."""
    make_agent()
    return make_task().row["task_id"]


@pytest.fixture
def limit(task_id: str, tmp_path: Path) -> Iterator[RunningServer]:
    command = partial(server_command, "uvicorn", application="benchmarks.limits.tasks:application")
    environment = {**os.environ, DATABASE_VARIABLE: database_place()}
    with running(command, environment, tmp_path / "limit.log") as started:
        yield started


def database_place() -> str:
    """The database under test, as a limit is told of it."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return str(values["NAME"])
    return f"postgresql://postgres@/{values['NAME']}?host={values['HOST']}"


@integration
@pytest.mark.django_db(transaction=True)
async def test_the_limit_changes_the_very_row_and_tells_every_socket(
    limit: RunningServer, task_id: str
) -> None:
    async with (
        websockets.connect(f"{limit.socket_url}/") as one,
        websockets.connect(f"{limit.socket_url}/") as other,
        httpx.AsyncClient() as client,
    ):
        answer = await client.patch(f"{limit.url}{API}", json={"taskId": task_id, "error": "n1"})
        heard = [json.loads(await socket.recv()) for socket in (one, other)]

    task = answer.json()["task"]
    assert (task["taskId"], task["error"], task["status"]) == (task_id, "n1", "pending")
    assert heard == [{"type": "changes", "tasks": [task]}] * 2
    assert (await Task.objects.aget(task_id=task_id)).error == "n1"


@integration
@pytest.mark.django_db(transaction=True)
def test_the_limit_lists_completed_tasks_of_one_marketplace(
    limit: RunningServer, task_id: str
) -> None:
    done = make_task_in(TaskStatus.COMPLETED)
    body = httpx.get(f"{limit.url}{API}").json()
    assert [task["taskId"] for task in body["tasks"]] == [done.row["task_id"]]
    assert body["tasks"][0]["syncDetail"]["amazon"]["state"] == "not_required"


@integration
async def test_what_one_says_is_broadcast_to_all_others(tmp_path: Path) -> None:
    def command(fd: int) -> list[str]:
        module = "benchmarks.limits.raw_websockets"
        return [sys.executable, "-m", module, str(fd), str(tmp_path / "stamps")]

    with running(command, dict(os.environ), tmp_path / "raw.log") as server:
        async with (
            websockets.connect(server.socket_url) as one,
            websockets.connect(server.socket_url) as other,
            websockets.connect(f"{server.socket_url}{SPEAKER_PATH}") as speaker,
        ):
            await speaker.send("olá")
            assert [await one.recv(), await other.recv()] == ["olá", "olá"]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(speaker.recv(), 0.05)


@integration
def test_a_quick_run_prints_its_ratio() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "6", "--quick"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    head, line = done.stdout.splitlines()
    assert head == report.HEAD
    assert line.split()[:2] == ["6", "sqlite:"]


@integration
def test_an_unknown_goal_is_refused_before_anything_starts() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "2"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no such goal: 2" in done.stderr
