"""Several people, several server processes, one truth."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.cable import Cable
from tests.e2e.conftest import LIST, Api, Complaints, row_of, wait_until_live
from tests.servers import RunningServer, ServerName, running_server
from tests.services import own_folder, redis


class Fleet:
    """Two server processes on one database and one Redis, each behind a cable of its own."""

    def __init__(self, environment: dict[str, str], folder: Path, stack: ExitStack) -> None:
        self.cables = [Cable(), Cable()]
        for cable in self.cables:
            stack.callback(cable.close)
        redis_url = stack.enter_context(redis(own_folder()))
        origins = ",".join(cable.url for cable in self.cables)
        self._environment = {**environment, "REDIS_URL": redis_url, "ALLOWED_ORIGINS": origins}
        self._folder = folder
        self._stack = stack

    def start(self, place: int, name: ServerName) -> RunningServer:
        log = self._folder / f"{name}-{place}.log"
        server = self._stack.enter_context(running_server(name, self._environment, log))
        self.cables[place].target = server.port
        return server


@pytest.fixture
def fleet(environment: dict[str, str], tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(environment, tmp_path, stack)


def expect_status(pages: list[Page], task: dict[str, Any], word: str) -> None:
    for page in pages:
        expect(row_of(page, task).locator('[data-field="status"]')).to_have_text(word)


def test_three_browsers_on_two_servers_agree_even_after_one_was_killed(
    fleet: Fleet,
    open_as: Callable[..., Page],
    new_context: Callable[..., BrowserContext],
    signed_in: Callable[[str], Any],
    task_type: str,
    complaints: Complaints,
) -> None:
    complaints.expected += ["WebSocket connection", "Failed to load resource"]
    first = fleet.start(0, "daphne")
    fleet.start(1, "uvicorn")
    here, there = (cable.url for cable in fleet.cables)
    api = Api(new_context(storage_state=signed_in("admin")), origin=there)
    (task,) = api.create(taskType=task_type)
    pages = [open_as(username) for username in ("user", "head", "qa")]
    for page, origin in zip(pages, (here, here, there), strict=True):
        page.goto(f"{origin}{LIST}?taskType={task_type}")
        wait_until_live(page)
    api.update(task, "approved")
    expect_status(pages, task, "Aprovada")

    first.process.kill()
    first.process.wait()
    for page in pages[:2]:
        expect(page.locator("#live")).not_to_have_attribute("data-state", "live")
    api.update(task, "in_progress")
    expect_status(pages[2:], task, "Em Progresso")
    (other,) = api.create(taskType=task_type)
    fleet.start(0, "daphne")
    for page in pages:
        wait_until_live(page)
    expect_status(pages, task, "Em Progresso")
    expect_status(pages, other, "Aguardando")
    api.update(task, "completed")
    expect_status(pages, task, "Concluído")
