"""`simulate`: legal steps, through the public API, at a steady rate and with good manners."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import translation

from accounts.roles import Role
from accounts.services import set_role
from accounts.tokens import find_grant
from execution.demo import seeding
from execution.demo.catalogue import LOG_LINES
from execution.demo.roster import PROFILES
from execution.demo.seeding import seed_agents, seed_people
from execution.enums import MarketplaceSlug, SyncState, TaskStatus
from execution.lifecycle import AGENT_STEPS, allowed_transitions, in_range
from execution.simulation import driver as driver_module
from execution.simulation.board import KEEP_WAITING, MAX_OPEN, UNDER_WAY, Board
from execution.simulation.client import Api, TokenRefused
from execution.simulation.credentials import credentials
from execution.simulation.decisions import HEAD, Action, create_action, next_action
from execution.simulation.driver import LONGEST_WAIT_SECONDS, Driver
from tests.servers import PROJECT, manage, running_server, server_environment

AGENTS = [profile.slug for profile in PROFILES]
SEEDS = range(300)


def task_in(status: TaskStatus, **fields: Any) -> dict[str, Any]:
    """A task as the API shows it, with three marketplaces of which one is synced."""
    states = {"amazon": "synced", "shein": "failed", "kaway": "queued"}
    held = {"leaseId": "lease-1"} if status in UNDER_WAY else {}
    return {
        **held,
        "taskId": "task-1",
        "agentId": "sunny",
        "taskType": "listing_optimization",
        "status": status.value,
        "progress": 50 if status == TaskStatus.IN_PROGRESS else 0,
        "version": 3,
        "attempt": 1,
        "error": None,
        "targets": list(states),
        "syncDetail": {slug: {"state": state} for slug, state in states.items()},
        **fields,
    }


def decisions(task: dict[str, Any]) -> list[Action]:
    found = [next_action(task, Random(seed)) for seed in SEEDS]
    return [action for action in found if action is not None]


# -- Decisions -----------------------------------------------------------------------------------


@pytest.mark.unit
class TestDecisions:
    @pytest.mark.parametrize("status", TaskStatus)
    @pytest.mark.parametrize("progress", [50, 60, 74])
    @pytest.mark.parametrize("agent", ["alex", "marina", "somebody"])
    def test_every_step_is_one_that_its_caller_may_take(
        self, status: TaskStatus, progress: int, agent: str
    ) -> None:
        task = task_in(status, agentId=agent, error="O marketplace limitou as requisições (429).")
        if status == TaskStatus.IN_PROGRESS:
            task["progress"] = progress
        for action in decisions(task):
            if action.is_claim:
                assert (action.by, status) == (agent, TaskStatus.APPROVED)
                continue
            if action.method == "POST":
                assert (action.by, action.path) == (agent, "task-execution/task-1/logs")
                # Nothing is told of publishing before it begins.
                assert action.body["message"] in LOG_LINES[status]
                continue
            new = TaskStatus(action.body["status"])
            assert action.body["version"] == 3
            assert new == status or new in allowed_transitions(status)
            if action.by != HEAD:
                assert action.by == agent
                assert new == status or (status, new) in AGENT_STEPS
            if "progress" in action.body:
                assert in_range(new, action.body["progress"])
            if new == TaskStatus.FAILED:
                decides = {"rejected", "cancelled"} if action.by == HEAD else {"error", "timeout"}
                assert action.body["failureReason"] in decides

    def test_each_status_has_its_variety(self) -> None:
        seen = {
            status: {action.body.get("status", "log") for action in decisions(task_in(status))}
            for status in (TaskStatus.PENDING, TaskStatus.APPROVED, TaskStatus.IN_PROGRESS)
        }
        assert seen[TaskStatus.PENDING] == {"approved", "failed"}
        assert seen[TaskStatus.APPROVED] == {"log"}  # a claim, which names no status
        held = decisions(task_in(TaskStatus.APPROVED, leaseId="lease-1"))
        assert {(a.body["status"], a.body["leaseId"]) for a in held} == {("in_progress", "lease-1")}
        assert seen[TaskStatus.IN_PROGRESS] == {"in_progress", "failed", "log"}
        late = {
            a.body.get("status") for a in decisions(task_in(TaskStatus.IN_PROGRESS, progress=74))
        }
        assert late == {"marketplace_sync", "failed", None}

    def test_marketplaces_are_synced_a_few_at_a_time_and_never_again(self) -> None:
        marked = [
            action.body["syncStatus"]
            for action in decisions(task_in(TaskStatus.MARKETPLACE_SYNC))
            if "syncStatus" in action.body
        ]
        assert {len(status) for status in marked} == {1, 2}
        assert {slug for status in marked for slug in status} == {"shein", "kaway"}
        assert all(value is True for status in marked for value in status.values())

    def test_with_nothing_left_to_sync_the_task_is_completed(self) -> None:
        detail = {"amazon": {"state": SyncState.NOT_REQUIRED.value}}
        task = task_in(TaskStatus.MARKETPLACE_SYNC, targets=["amazon"], syncDetail=detail)
        assert "completed" in {action.body["status"] for action in decisions(task)}

    def test_work_that_is_not_published_is_completed_at_once(self) -> None:
        task = task_in(TaskStatus.IN_PROGRESS, progress=74, taskType="keyword_research")
        assert {a.body.get("status") for a in decisions(task)} == {"completed", "failed", None}

    def test_only_what_another_try_can_help_is_retried_and_not_for_ever(self) -> None:
        helps, final = "Sem resposta do marketplace em 30 s.", "O GTIN não corresponde"
        assert decisions(task_in(TaskStatus.FAILED, error=helps))
        assert not decisions(task_in(TaskStatus.FAILED, error=final))
        assert not decisions(task_in(TaskStatus.FAILED, error=None))
        assert not decisions(task_in(TaskStatus.FAILED, error=helps, attempt=3))
        assert not decisions(task_in(TaskStatus.COMPLETED))

    def test_a_weak_agent_fails_more_often(self) -> None:
        def failures(agent: str) -> int:
            actions = decisions(task_in(TaskStatus.IN_PROGRESS, agentId=agent))
            return sum(action.body.get("status") == "failed" for action in actions)

        assert failures("marina") > 3 * failures("alex")

    def test_new_tasks_are_for_the_agents_given(self) -> None:
        for seed in SEEDS:
            action = create_action(["tren", "viral"], Random(seed))
            assert (action.by, action.method, action.path) == (HEAD, "POST", "task-execution")
            assert action.body["agentId"] in ("tren", "viral")
            assert action.body["channel"] in action.body["targets"]
            assert set(action.body["targets"]) <= set(MarketplaceSlug.values)
            assert 0 < action.body["estimatedHours"] < 1

    def test_the_same_seed_makes_the_same_choices(self) -> None:
        def play() -> list[Action]:
            rng = Random(7)
            return [create_action(AGENTS, rng) for _ in range(20)]

        assert play() == play()


# -- The driver against a server that is made up here --------------------------------------------


class Clock:
    """Time that passes only while something waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


class FakeServer:
    """Just enough of the API: keeps tasks, moves them as told, and can refuse."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tasks: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[float, str, str]] = []
        self.answer: Callable[[httpx.Request], httpx.Response | None] = lambda request: None
        self.most_open = 0
        self.leases: dict[str, str] = {}

    async def handle(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["Authorization"].removeprefix("Token ")
        # Renewing and claiming are seen by nobody.
        is_quiet = request.url.path.endswith(("/heartbeat", "/claim"))
        kind = "LEASE" if is_quiet else request.method
        self.requests.append((self.clock.seconds, token, kind))
        refused = self.answer(request)
        if refused is not None:
            return refused
        if request.method == "GET":
            agent = request.url.params["agent"]
            return httpx.Response(200, json={"tasks": self.open_tasks(agent)})
        if request.url.path.endswith("/heartbeat"):
            held = [{"taskId": task, "leaseId": lease} for task, lease in self.leases.items()]
            return httpx.Response(200, json={"leases": held})
        if request.url.path.endswith("/claim"):
            return httpx.Response(200, json={"tasks": self.claim(token)})
        body = json.loads(request.content)
        if request.method == "PATCH":
            return httpx.Response(200, json={"task": self.patch(body)})
        if request.url.path.endswith("/logs"):
            return httpx.Response(201, json={"logs": []})
        return httpx.Response(201, json={"task": self.create(body)})

    def open_tasks(self, agent: str | None = None) -> list[dict[str, Any]]:
        return [
            task
            for task in self.tasks.values()
            if task["status"] not in ("completed", "failed") and agent in (None, task["agentId"])
        ]

    def claim(self, agent: str) -> list[dict[str, Any]]:
        for task in self.open_tasks(agent):
            if task["status"] == "approved" and task["taskId"] not in self.leases:
                lease = self.leases[task["taskId"]] = f"lease-{task['taskId']}"
                return [{**task, "leaseId": lease, "leaseExpiresAt": "soon"}]
        return []

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        detail = {slug: {"state": "planned"} for slug in body["targets"]}
        task_id = f"task-{len(self.tasks)}"
        self.tasks[task_id] = {
            **task_in(TaskStatus.PENDING),
            **body,
            "taskId": task_id,
            "syncDetail": detail,
        }
        self.most_open = max(self.most_open, len(self.open_tasks()))
        return self.tasks[task_id]

    def patch(self, body: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks[body["taskId"]]
        assert body.get("leaseId") == self.leases.get(task["taskId"]) or "reason" in body
        entered = body["status"] != task["status"]
        task["progress"] = body.get("progress", 50 if entered else task["progress"])
        task.update(status=body["status"], error=body.get("error"))
        for slug in body.get("syncStatus", ()):
            task["syncDetail"][slug]["state"] = "synced"
        if all(detail["state"] == "synced" for detail in task["syncDetail"].values()):
            task["status"] = "completed"
        if task["status"] in ("completed", "failed"):
            self.leases.pop(task["taskId"], None)
        return task


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> FakeServer:
    return FakeServer(clock)


Play = Callable[..., Awaitable[Driver]]


@pytest.fixture
def play(clock: Clock, server: FakeServer) -> Play:
    async def play_for(seconds: float, rate: float = 2.0) -> Driver:
        keys = {name: name for name in (HEAD, *AGENTS)}
        transport = httpx.MockTransport(server.handle)
        async with Api("http://nexo.test", keys, transport) as api:
            board = Board(AGENTS, Random(1))
            driver = Driver(api, board, rate, sleep=clock.sleep, now=clock.now)
            await driver.run(clock.now() + seconds)
        return driver

    return play_for


@pytest.mark.unit
class TestDriver:
    async def test_the_board_is_lively_and_bounded(self, play: Play, server: FakeServer) -> None:
        driver = await play(1800)
        ended = Counter(task["status"] for task in server.tasks.values())
        assert ended["completed"] > 50
        assert ended["failed"] > 5
        assert 8 <= len(server.open_tasks()) <= MAX_OPEN
        assert server.most_open <= MAX_OPEN
        # Something is seen to move at nearly every step.
        assert driver.counts["steps"] > 0.9 * 1800 * 2
        assert driver.counts["refused"] == 0

    async def test_it_takes_up_what_its_agents_hold_and_leaves_what_a_person_began(
        self, play: Play, server: FakeServer
    ) -> None:
        server.create({"agentId": "sunny", "targets": ["shopee"]}).update(status="in_progress")
        server.create({"agentId": "sunny", "targets": ["shopee"]}).update(status="in_progress")
        server.leases["task-0"] = "lease-of-before"
        await play(300)
        assert server.tasks["task-0"]["status"] in ("completed", "failed")
        assert server.tasks["task-1"]["status"] == "in_progress"

    async def test_people_find_something_to_decide(self, play: Play, server: FakeServer) -> None:
        await play(600)
        assert sum(t["status"] == "pending" for t in server.tasks.values()) >= KEEP_WAITING

    async def test_it_keeps_to_the_rate_and_does_not_poll_tightly(
        self, play: Play, server: FakeServer
    ) -> None:
        await play(600, rate=2.0)
        writes = sum(method in ("POST", "PATCH") for _at, _by, method in server.requests)
        reads = sum(method == "GET" for _at, _by, method in server.requests)
        assert writes <= 600 * 2
        assert reads <= 600 / driver_module.LOOK_EVERY_SECONDS + len(AGENTS) + 1

    async def test_each_agent_reads_with_its_own_token(
        self, play: Play, server: FakeServer
    ) -> None:
        await play(60)
        assert {by for _at, by, method in server.requests if method == "GET"} == set(AGENTS)

    @pytest.mark.parametrize("status", [429, 500, 503])
    async def test_it_backs_off_and_goes_on_when_the_server_does(
        self, play: Play, server: FakeServer, clock: Clock, status: int
    ) -> None:
        back_at = 120.0
        server.answer = lambda request: (
            httpx.Response(status, json={"code": "unavailable"}) if clock.now() < back_at else None
        )
        driver = await play(300)
        while_away = [at for at, _by, _method in server.requests if at < back_at]
        gaps = [later - earlier for earlier, later in pairwise(while_away)]
        assert gaps == sorted(gaps)
        assert gaps[-1] == LONGEST_WAIT_SECONDS
        assert driver.counts["steps"] > 200

    async def test_it_waits_for_a_server_that_is_not_up_yet(
        self, play: Play, server: FakeServer, clock: Clock
    ) -> None:
        def down(request: httpx.Request) -> None:
            if clock.now() < 5:
                raise httpx.ConnectError("connection refused", request=request)

        server.answer = down
        driver = await play(60)
        assert driver.counts["steps"] > 60

    async def test_it_waits_as_long_as_the_server_asks(
        self, play: Play, server: FakeServer, clock: Clock
    ) -> None:
        server.answer = lambda request: (
            httpx.Response(429, headers={"Retry-After": "9"}, json={}) if clock.now() < 1 else None
        )
        await play(30)
        assert clock.waits[0] == 9

    async def test_a_proxy_that_answers_html_is_no_answer(
        self, play: Play, server: FakeServer, clock: Clock
    ) -> None:
        server.answer = lambda request: (
            httpx.Response(502, text="<html>") if clock.now() < 3 else None
        )
        assert (await play(30)).counts["steps"] > 20

    async def test_a_task_that_a_person_changed_goes_on_from_there(
        self, play: Play, server: FakeServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        conflicts = []

        def conflict(request: httpx.Request) -> httpx.Response | None:
            if request.method != "PATCH" or conflicts:
                return None
            task = server.tasks[json.loads(request.content)["taskId"]]
            task.update(status="approved", progress=25, version=9)
            conflicts.append(task["taskId"])
            return httpx.Response(409, json={"code": "version_conflict", "error": "Changed."})

        server.answer = conflict
        driver = await play(300)
        assert driver.counts["refused"] == 1
        assert server.tasks[conflicts[0]]["status"] in ("completed", "failed")
        # It happens all the time beside people, so it is no news; any other refusal is.
        assert caplog.text == ""

    async def test_any_other_refusal_is_told_and_leaves_the_task_alone_for_a_while(
        self, play: Play, server: FakeServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.answer = lambda request: (
            httpx.Response(403, json={"code": "permission_denied", "error": "Not yours."})
            if request.method == "PATCH"
            else None
        )
        driver = await play(240)
        assert "Not yours." in caplog.text
        # Each agent looks ten times in that time.
        assert driver.counts["refused"] <= 11 * MAX_OPEN
        assert server.most_open <= MAX_OPEN

    async def test_a_head_who_may_not_create_does_not_insist(
        self, play: Play, server: FakeServer
    ) -> None:
        server.answer = lambda request: (
            httpx.Response(403, json={"code": "permission_denied", "error": "No."})
            if request.method == "POST" and request.url.path.endswith("task-execution")
            else None
        )
        driver = await play(240)
        assert driver.counts["refused"] <= 240 / driver_module.LOOK_EVERY_SECONDS + len(AGENTS)

    async def test_a_revoked_token_ends_the_session(self, play: Play, server: FakeServer) -> None:
        server.answer = lambda request: httpx.Response(401, json={"code": "not_authenticated"})
        with pytest.raises(TokenRefused):
            await play(10)


# -- The command ---------------------------------------------------------------------------------


@pytest.fixture
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.mark.integration
@pytest.mark.django_db
@pytest.mark.usefixtures("_english")
class TestPreparation:
    def test_tokens_are_worth_nothing_afterwards(self) -> None:
        seed_agents()
        seed_people("a-long-password")
        head = User.objects.get(username="head")
        with pytest.raises(ZeroDivisionError), credentials(head, ["alex", "tren"]) as keys:
            assert set(keys) == {"head", "alex", "tren"}
            assert all(find_grant(key) for key in keys.values())
            raise ZeroDivisionError
        assert not any(find_grant(key) for key in keys.values())

    def test_without_the_demo_it_says_what_is_missing(self) -> None:
        with pytest.raises(CommandError, match="run seed_demo"):
            call_command("simulate", "--duration", "1")
        assert not User.objects.exists()
        seed_agents()
        set_role(seeding.simulator(), Role.USER)
        with pytest.raises(CommandError, match="simulador may not create tasks"):
            call_command("simulate", "--duration", "1")

    def test_it_plays_a_head_of_its_own_that_nobody_signs_in_as(self) -> None:
        """Of what it creates, `head` may approve."""
        head = seeding.simulator()
        assert not head.has_usable_password()
        assert list(head.groups.values_list("name", flat=True)) == ["head"]
        assert seeding.simulator() == head

    @pytest.mark.parametrize(
        "options",
        [
            ["--rate", "0"],
            ["--rate", "nan"],
            ["--rate", "fast"],
            ["--duration", "-1"],
            ["--url", "localhost"],
            ["--url", "ftp://localhost"],
        ],
    )
    def test_a_wrong_option_is_a_sentence(self, options: list[str]) -> None:
        with pytest.raises(CommandError, match="must"):
            call_command("simulate", *options)


class TestToken:
    pytestmark = [pytest.mark.integration, pytest.mark.django_db]

    def test_it_is_printed_alone_and_opens_the_api_for_its_agent(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        seed_agents()
        call_command("create_agent_token", "alex")
        printed = capsys.readouterr()
        assert re.fullmatch(r"\S+\n", printed.out)
        assert printed.err == ""
        grant = find_grant(printed.out.strip())
        assert grant is not None
        assert grant.caller.agent_id == "alex"

    def test_an_unknown_agent_has_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(CommandError) as raised:
            call_command("create_agent_token", "nobody")
        assert raised.value.returncode == 1
        assert capsys.readouterr().out == ""


def simulator(environment: dict[str, str], url: str, *options: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "simulate", "--url", url, *options],
        env=environment,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ends_soon(process: "subprocess.Popen[bytes]", number: int) -> tuple[str, str]:
    asked = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    # 0.2 s alone; a busy machine takes its time.
    assert time.monotonic() - asked < 5
    assert process.returncode == 0, err.decode()
    return out.decode(), err.decode()


@pytest.mark.integration
def test_agents_work_on_a_real_server_until_they_are_told_to_stop(tmp_path: Path) -> None:
    environment = server_environment(tmp_path)
    manage(environment, "seed_demo")
    key = manage(environment, "create_agent_token", "alex").strip()
    path = "/api/marketplace/orchestration/task-execution"

    def sequence(url: str) -> int:
        headers = {"Authorization": f"Token {key}"}
        answer = httpx.get(f"{url}{path}?limit=1", headers=headers, trust_env=False)
        return int(answer.json()["sequence"])

    with running_server("daphne", environment, tmp_path / "server.log") as server:
        before = sequence(server.url)
        process = simulator(environment, server.url, "--rate", "100", "--seed", "1")
        try:
            deadline = time.monotonic() + 30
            while sequence(server.url) < before + 100:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            _out, err = ends_soon(process, signal.SIGTERM)
        assert err == ""
        refusals = re.findall(r'"status": (4\d\d|5\d\d)', server.log())
        assert refusals == []
    assert manage(environment, "check_consistency")
    left = "ApiToken.objects.filter(name='simulate', revoked_at=None).count()"
    count = f"from accounts.models import ApiToken; print({left})"
    assert manage(environment, "shell", "--verbosity", "0", "-c", count).strip() == "0"


@pytest.fixture(scope="module")
def without_server(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The agents are there, and nobody serves them."""
    environment = server_environment(tmp_path_factory.mktemp("away"))
    manage(environment, "seed_demo", "--tasks", "0")
    return environment


@pytest.mark.integration
@pytest.mark.one_database
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_while_it_waits_for_a_server(
    without_server: dict[str, str], number: int
) -> None:
    with socket.socket() as closed:
        # Bound but not listening: connections are refused, and nobody else can take the port.
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        process = simulator(without_server, url)
        assert process.stderr is not None
        assert b"away" in process.stderr.readline()
        ends_soon(process, number)


class Elsewhere(BaseHTTPRequestHandler):
    """A site in production, asked without TLS."""

    def do_POST(self) -> None:
        self.send_response(301)
        self.send_header("Location", f"https://nexo.test{self.path}")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.integration
@pytest.mark.one_database
def test_a_server_that_sends_it_elsewhere_ends_it(without_server: dict[str, str]) -> None:
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        process = simulator(without_server, f"http://127.0.0.1:{server.server_port}")
        try:
            _out, err = process.communicate(timeout=30)
        finally:
            process.kill()
            server.shutdown()
    assert process.returncode == 1
    sentence = "O servidor encaminha as chamadas para https://nexo.test: informe esse endereço"
    assert err.decode().count("\n") == 1
    assert sentence in err.decode()
