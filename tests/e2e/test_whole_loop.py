"""From an empty database: activate, approve, two agents as processes, and the report has it."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.cable import Cable
from tests.e2e.conftest import API, LIST, PASSWORD, sign_in, wait_until_live
from tests.e2e.test_overview import PAGE, activate
from tests.servers import PROJECT, manage, running_server, server_environment

INBOX = "/marketplace/tasks/approvals"
# The queue of a page that is read again while all of it moves.
SOON = 20_000


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a server without a single task, and its environment."""
    cable = Cable()
    environment = server_environment(
        tmp_path, ALLOWED_ORIGINS=cable.url, NEXO_DEMO_PASSWORD=PASSWORD, API_RATE="100000/min"
    )
    manage(environment, "seed_demo", "--tasks", "0")
    with running_server("daphne", environment, tmp_path / "log") as server:
        cable.target = server.port
        yield cable.url, environment
    cable.close()


@pytest.fixture
def someone(empty: tuple[str, dict[str, str]], browser: Browser) -> Iterator[Callable[[str], Page]]:
    with ExitStack() as stack:

        def open_page(username: str) -> Page:
            context = browser.new_context(base_url=empty[0], locale="pt-BR")
            stack.callback(context.close)
            page = context.new_page()
            sign_in(page, username)
            return page

        yield open_page


def worker(
    url: str, environment: dict[str, str], agent: str, tasks: int
) -> "subprocess.Popen[bytes]":
    """An agent of its own process, which ends after so many tasks."""
    token = manage(environment, "create_agent_token", agent).strip()
    command = "import json; print('Olhando o anúncio'); print(json.dumps({'ok': True}))"
    options = ("--url", url, "--agent", agent, "--limit", str(tasks))
    return subprocess.Popen(
        [sys.executable, "-m", "nexo_agent", *options, "--", sys.executable, "-c", command],
        cwd=PROJECT,
        env={**os.environ, "NEXO_TOKEN": token},
    )


def test_from_nothing_to_a_report(
    empty: tuple[str, dict[str, str]], someone: Callable[[str], Page]
) -> None:
    url, environment = empty
    head = someone("head")
    head.goto(LIST)
    expect(head.get_by_text("Ativar NEXO").first).to_be_visible()

    head.goto(PAGE)
    activate(head, "amazon")
    head.goto(f"{LIST}?channel=amazon")
    wait_until_live(head)
    expect(head.locator("#rows tr")).to_have_count(8)

    qa = someone("qa")
    qa.goto(INBOX)
    wait_until_live(qa)
    waiting = qa.locator(".pending")
    expect(waiting.first).to_be_visible()
    qa.locator("#all").check()
    qa.locator("#approve-chosen").click()
    expect(waiting).to_have_count(0)
    expect(head.locator('#rows [data-field="status"]', has_text="Aprovada")).to_have_count(8)

    tasks = head.request.get(f"{API}?limit=50").json()["tasks"]
    share = Counter(task["agentId"] for task in tasks)
    assert len(share) >= 2
    running = [worker(url, environment, agent, count) for agent, count in share.items()]
    assert [process.wait(60) for process in running] == [0] * len(running)

    done = head.locator('#rows [data-field="status"]', has_text="Concluído")
    expect(done).to_have_count(8, timeout=SOON)
    head.goto(f"/marketplace/tasks/{tasks[0]['taskId']}")
    expect(head.get_by_text("Olhando o anúncio")).to_be_visible()
    head.goto(PAGE)
    expect(head.locator('[data-card="completed"] .figure')).to_have_text("8")
    reports = f"{API.rpartition('/')[0]}/reports?type=detailed&format=csv"
    assert head.request.get(reports).text().count("\n") >= 1 + len(share)
    status = head.request.get(f"{API.rpartition('/')[0]}/status").json()["summary"]
    assert (status["generated"], status["completed"], status["open"]) == (8, 8, 0)
