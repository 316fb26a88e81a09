"""The benchmarks measure what they say: their limits answer, and a run prints its ratios.

No time is asserted: that is what the benchmarks are for.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Thread
from xml.etree.ElementTree import fromstring

import httpx
import pytest
import websockets
from django.db import connection

from benchmarks import enduring, faults, plots, report
from benchmarks.client import Failed, HttpConnection, Loop
from benchmarks.limits import DATABASE_VARIABLE
from benchmarks.limits.raw_websockets import SPEAKER_PATH
from benchmarks.measures import Measure, Point, Rounds, against_goal, interleave
from benchmarks.scale.shapes import SHAPES, extent
from benchmarks.site import in_django
from execution.enums import TaskStatus
from execution.lifecycle import allowed_transitions
from execution.models import Task
from tests.factories import make_agent, make_task, make_task_in
from tests.servers import PROJECT, RunningServer, running, server_command, server_environment

unit = pytest.mark.unit
integration = pytest.mark.integration
ONCE = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="a run brings its own databases")
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


@unit
def test_what_was_measured_before_stays_when_one_goal_is_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("DOCUMENT", f"a\n{report.BEGIN}\n{report.END}\nz\n"), ("FIGURES", "{}")):
        path = tmp_path / name
        path.write_text(text)
        monkeypatch.setattr(report, name, path)
    monkeypatch.setattr(report.plots, "write", lambda measures: None)
    point = Point("fanout", "NEXO", 100, 2.5)
    first = [Measure(1, "old", "", "", 1.0, 2.0), Measure(4, "list", "", "", 1.0, None)]
    report.write(first, [("Python", "3")], date(2026, 1, 1))
    report.write([Measure(1, "new", "", "", 1.0, 2.0, points=(point,))], [], date(2026, 1, 2))

    assert {goal: found.day for goal, found in report.kept().items()} == {
        1: "2026-01-02",
        4: "2026-01-01",
    }
    assert report.kept()[1].measures[0].points == (point,)
    text = report.DOCUMENT.read_text()
    assert "goals 4 on 2026-01-01; goals 1 on 2026-01-02" in text
    assert ("new" in text, "old" in text, "list" in text) == (True, False, True)


@unit
def test_charts_are_well_formed(tmp_path: Path) -> None:
    points = tuple(Point("fanout", f"a <{n}>", 10.0**n, 2.0**n) for n in range(1, 4))
    measures = [
        Measure(1, "x & y", "", "", 0.8, 1.0, points=points),
        Measure(2, "pace", "", "", 0.5, 10.0, at_least=True),
        against_goal(13, "memory", 1.0, 2.0, unit="%", points=(Point("memory", "one", 0, 100),)),
    ]
    written = plots.write(measures, tmp_path)
    assert {path.stem for path in written} == {"fanout", "memory", "goals"}
    for path in written:
        assert fromstring(path.read_text()).tag.endswith("svg")
    assert "20.00 missed" in (tmp_path / "goals.svg").read_text()


@unit
def test_where_no_server_runs_beside_the_goal_is_the_limit() -> None:
    measure = against_goal(7, "echo", 0.005, 0.010, unit="ms")
    assert (measure.product, measure.limit, measure.ratio) == ("5.00 ms", "10.00 ms", 0.5)
    assert measure.reached
    assert measure.told().reached is None


@unit
def test_growth_is_that_of_the_second_half() -> None:
    """It doubles at first; then 100 to 101 MiB in 50 s, by a line: 1 % of 100.5."""
    readings = [(float(t), 50.0 + t) for t in range(50)]
    readings += [(50.0 + t, 100.0 + t / 49) for t in range(50)]
    assert enduring.growth_of_second_half(readings) == pytest.approx(1 / 100.5 * 100)


@unit
@pytest.mark.parametrize("is_answered", [True, False])
def test_only_an_idle_connection_may_be_closed(is_answered: bool) -> None:
    """It is opened again; one that closes instead of answering has failed."""
    came: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            connection, _address = listener.accept()
            came.append(connection.recv(4096))
            if is_answered:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener, closing(Loop()) as loop:
        Thread(target=serve, args=[listener], daemon=True).start()
        answers: list[bytes] = []
        http = HttpConnection(loop, listener.getsockname(), answers.append)
        if not is_answered:
            with pytest.raises(Failed):
                http.call(b"GET / HTTP/1.1\r\n\r\n")
            return
        for _ in range(2):
            http.call(b"GET / HTTP/1.1\r\n\r\n")
            loop.run_for(0.2)
        http.close()
    assert (answers, len(came)) == ([b"ok", b"ok"], 2)


def test_the_fault_tests_words_are_understood() -> None:
    told = (
        "20 kills, {'acknowledged': 5012, 'refused': 300, 'unanswered': 7}, 0 contradictions, "
        "seen 0.4 s later, exit 1.2 s"
    )
    found = faults.TOLD.search(told)
    assert found is not None
    assert (found["kills"], found["acknowledged"], found["wrong"]) == ("20", "5012", "0")
    assert (found["seen"], found["exit"]) == ("0.4", "1.2")


@unit
def test_ten_million_tasks_have_thirty_million_events() -> None:
    size = extent(10_000_000)
    assert (size.tasks, size.open) == (10_000_000, 5_000)
    assert size.events == pytest.approx(30_000_000, rel=0.001)
    # Each history is one that the life cycle allows.
    for shape in SHAPES:
        for before, after in pairwise(shape):
            assert after.before == before.after
            same = after.kind == "progress"
            allowed = allowed_transitions(TaskStatus(after.before or ""))
            assert same or TaskStatus(after.after) in allowed


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


# -- Whole runs ------------------------------------------------------------------------------------


def run(*words: str, module: str = "benchmarks") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=PROJECT,
        env={k: v for k, v in os.environ.items() if k != "DATABASE_URL"},
        capture_output=True,
        text=True,
        check=False,
    )


def goals_told(done: "subprocess.CompletedProcess[str]") -> list[int]:
    """Each goal that lines were printed of, in their order."""
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head == report.HEAD
    return list(dict.fromkeys(int(line.split()[0]) for line in lines))


@integration
@ONCE
def test_a_quick_run_prints_its_ratios() -> None:
    goals = [2, 6, 7, 8, 13]
    assert goals_told(run(*map(str, goals), "--quick")) == goals


@integration
@ONCE
@pytest.mark.proof
def test_every_goal_has_a_quick_run() -> None:
    assert goals_told(run("--quick")) == [*range(1, 14)]


@integration
@ONCE
@pytest.mark.proof
def test_the_scale_run_tells_all_its_parts(tmp_path: Path) -> None:
    words = ("--tasks", "3000", "--small", "1000", "--quick")
    done = run(*words, module="benchmarks.scale")
    assert done.returncode == 0, done.stderr
    assert "everything agrees" in done.stdout
    assert "agree afterwards" in done.stdout
    for index in ("task_newest", "event_by_task", "target_once_per_task"):
        assert f"`{index}`" in done.stdout
    for step in ("prune", "add index", "remove column"):
        assert f"| {step}" in done.stdout


@integration
@pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="the SQL is PostgreSQL's")
def test_what_is_made_by_sql_is_true_in_every_number(tmp_path: Path) -> None:
    environment = server_environment(tmp_path)
    made = json.loads(in_django(environment, "scale.filling.main(1000)"))
    assert (made["tasks"], made["events"]) == (1000, extent(1000).events)
    checked = json.loads(in_django(environment, "scale.filling.check()"))
    assert (checked["differences"], checked["left_out"]) == ([], [])


@integration
@ONCE
def test_an_unknown_goal_is_refused_before_anything_starts() -> None:
    done = run("99")
    assert done.returncode == 2
    assert "no such goal: 99" in done.stderr
