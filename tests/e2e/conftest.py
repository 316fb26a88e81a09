"""Chromium against a server process with the demo in it; tests speak HTTP only."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    WebSocketRoute,
    expect,
)

from tests.e2e.cable import Cable
from tests.servers import RunningServer, manage, running_server, server_environment

PASSWORD = "e2e-nexo-senha"
API = "/api/marketplace/orchestration/task-execution"
LIST = "/marketplace/tasks/execution"
_numbers = count(1)

expect.set_options(timeout=10_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


# -- Server ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.close()


@pytest.fixture(scope="session")
def environment(cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A migrated and seeded database, for a server that the browser reaches by the cable."""
    environment = server_environment(
        tmp_path_factory.mktemp("e2e"),
        ALLOWED_ORIGINS=cable.url,
        LOGIN_RATE="1000/min",
        API_RATE="1000000/min",
        SECOND_FACTOR="optional",
        NEXO_DEMO_PASSWORD=PASSWORD,
    )
    manage(environment, "seed_demo")
    return environment


@pytest.fixture(scope="session")
def server(
    cable: Cable, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    log_file = tmp_path_factory.mktemp("server") / "log"
    with running_server("daphne", environment, log_file) as server:
        cable.target = server.port
        yield server


@pytest.fixture(scope="session")
def base_url(cable: Cable, server: RunningServer) -> str:
    return cable.url


# -- Browser ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": path, "args": arguments}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_context_args,
        "locale": "pt-BR",
        "viewport": {"width": 1280, "height": 900},
        "reduced_motion": "no-preference",
    }


def sign_in(page: Page, username: str) -> None:
    page.goto("/accounts/login/")
    page.fill("[name=username]", username)
    page.fill("[name=password]", PASSWORD)
    page.locator("main form button").click()
    page.wait_for_url(lambda url: "/accounts/login" not in url)


@pytest.fixture(scope="session")
def signed_in(browser: Browser, base_url: str) -> Callable[[str], Any]:
    """The cookies of a user who has signed in, once for all tests."""
    kept: dict[str, Any] = {}

    def state(username: str) -> Any:
        if username not in kept:
            context = browser.new_context(base_url=base_url)
            sign_in(context.new_page(), username)
            kept[username] = context.storage_state()
            context.close()
        return kept[username]

    return state


@dataclass
class Complaints:
    """What the browser complained about; `expected` are parts of what a test provokes."""

    found: list[str]
    expected: list[str]

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(message.text)

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self.found if not any(part in text for part in self.expected)]


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """No console error, no uncaught exception, no CSP report, in whatever a test does."""
    complaints = Complaints([], [])
    yield complaints
    assert complaints.unexpected == []


@pytest.fixture
def open_as(
    new_context: Callable[..., BrowserContext],
    signed_in: Callable[[str], Any],
    complaints: Complaints,
) -> Callable[..., Page]:
    """A new window of one of the four users; `None` is somebody who has not signed in."""

    def open_page(username: str | None, **options: Any) -> Page:
        state = signed_in(username) if username else None
        context = new_context(storage_state=state, **options)
        page = context.new_page()
        page.on("console", complaints.hear)
        page.on("pageerror", lambda error: complaints.found.append(str(error)))
        return page

    return open_page


@pytest.fixture
def page(open_as: Callable[..., Page]) -> Page:
    """An admin's window."""
    return open_as("admin")


# -- The API, as another client would use it -------------------------------------------------------


class Api:
    """Speaks for `username`, apart from the browser windows under test."""

    def __init__(self, context: BrowserContext, origin: str = "") -> None:
        self._context = context
        self._address = origin + API

    def send(self, method: str, body: Any, path: str = "") -> dict[str, Any]:
        cookies = {cookie["name"]: cookie["value"] for cookie in self._context.cookies()}
        response = self._context.request.fetch(
            self._address + path,
            method=method,
            data=body,
            headers={"X-CSRFToken": cookies["csrftoken"]},
        )
        assert response.ok, response.text()
        return dict(response.json())

    def create(self, *, times: int = 1, **fields: Any) -> list[dict[str, Any]]:
        body = [
            {
                "taskType": "e2e",
                "title": f"Tarefa {next(_numbers)}",
                "channel": "amazon",
                "estimatedHours": 1,
                **fields,
            }
            for _ in range(times)
        ]
        # One request each: tasks created together share their instant, and so their order.
        return [self.send("POST", one)["task"] for one in body]

    def update(self, task: dict[str, Any], status: str, **fields: Any) -> dict[str, Any]:
        body = {"taskId": task["taskId"], "status": status, **fields}
        return dict(self.send("PATCH", body)["task"])

    def log(self, task: dict[str, Any], *messages: str) -> None:
        lines = [{"level": "info", "message": message} for message in messages]
        self.send("POST", lines, f"/{task['taskId']}/logs")

    def read(self, query: str = "") -> dict[str, Any]:
        response = self._context.request.get(f"{self._address}?{query}")
        assert response.ok, response.text()
        return dict(response.json())


@pytest.fixture
def api(new_context: Callable[..., BrowserContext], signed_in: Callable[[str], Any]) -> Api:
    return Api(new_context(storage_state=signed_in("admin")))


@pytest.fixture
def task_type() -> str:
    """A type of its own for each test: filtered by it, a list holds only the test's tasks."""
    return f"e2e-{next(_numbers)}-{os.getpid()}"


def row_of(page: Page, task: dict[str, Any]) -> Any:
    return page.locator(f'tr[data-task="{task["taskId"]}"]')


def wait_until_live(page: Page) -> None:
    expect(page.locator("#live")).to_have_attribute("data-state", "live")


def listen(page: Page) -> Callable[[], list[str]]:
    """Hear what is written into live regions from now on, as a screen reader does."""
    page.evaluate(
        """() => {
          window.told = [];
          const elementOf = ({ target }) => (target.closest ? target : target.parentElement);
          const isLive = (change) => elementOf(change).closest("[aria-live], [role=status]");
          const hear = (changes) => {
            for (const change of changes.filter(isLive)) {
              if (change.target.textContent) window.told.push(change.target.textContent);
            }
          };
          const what = { childList: true, characterData: true, subtree: true };
          new MutationObserver(hear).observe(document.body, what);
        }"""
    )
    return lambda: list(page.evaluate("window.told"))


def set_clock_wrong(page: Page) -> None:
    """From the next page on, the browser's clock is five hours ahead; `put_clock_right` ends it."""
    page.add_init_script(
        "window.ahead = 5 * 3600e3; const right = Date.now; Date.now = () => right() + ahead;"
    )


def put_clock_right(page: Page) -> None:
    page.evaluate("window.ahead = 0")


def reset_at_each_change(page: Page) -> None:
    """Let the feed answer each change as it does a page that was away for over 1,000 events."""

    def pass_on(client: WebSocketRoute) -> None:
        server = client.connect_to_server()
        epoch = ""

        def tell(text: str | bytes) -> None:
            nonlocal epoch
            message = json.loads(text)
            epoch = message.get("epoch", epoch)
            if message["type"] == "changes":
                message = {"type": "reset", "epoch": epoch, "sequence": message["sequence"]}
            client.send(json.dumps(message))

        server.on_message(tell)

    page.route_web_socket("**/ws/marketplace/tasks/execution/**", pass_on)
