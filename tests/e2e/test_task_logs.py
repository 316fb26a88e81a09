"""The log on a task's page: live, in its place, and whole through pauses and lost connections."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.cable import Cable
from tests.e2e.conftest import Api, Complaints, wait_until_live


@pytest.fixture
def task(api: Api, task_type: str) -> dict[str, Any]:
    (task,) = api.create(taskType=task_type)
    return task


@pytest.fixture
def opened(open_as: Callable[..., Page], api: Api, task: dict[str, Any]) -> Page:
    api.log(task, "antes")
    page = open_as("head")
    page.goto(f"/marketplace/tasks/{task['taskId']}")
    wait_until_live(page)
    return page


def lines(page: Page) -> Locator:
    return page.get_by_role("log").locator(".log .words")


def is_at_end(page: Page) -> bool:
    script = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 8"
    return bool(page.get_by_role("log").evaluate(script))


def test_a_line_comes_within_half_a_second_and_looks_like_the_server_drew_it(
    opened: Page, api: Api, task: dict[str, Any]
) -> None:
    expect(lines(opened)).to_have_text(["antes"])
    api.log(task, "depois")
    expect(lines(opened)).to_have_text(["antes", "depois"], timeout=2_000)
    live = opened.get_by_role("log").inner_html()
    opened.reload()
    expect(lines(opened)).to_have_text(["antes", "depois"])
    html = 'html => html.replaceAll(/\\s+|datetime="[^"]*"/g, \'\')'
    assert opened.evaluate(html, live) == opened.evaluate(
        html, opened.get_by_role("log").inner_html()
    )


def test_whoever_reads_further_up_is_left_in_peace(
    opened: Page, api: Api, task: dict[str, Any]
) -> None:
    log = opened.get_by_role("log")
    api.log(task, *(f"linha {number}" for number in range(100)))
    expect(lines(opened)).to_have_count(101)
    assert is_at_end(opened)
    assert log.get_attribute("aria-live") == "polite"
    log.hover()
    opened.mouse.wheel(0, -300)
    expect(opened.get_by_label("Acompanhar")).not_to_be_checked()
    assert log.get_attribute("aria-live") == "off"
    place = log.evaluate("log => log.scrollTop")
    api.log(task, "noch eine")
    expect(lines(opened)).to_have_count(102)
    assert log.evaluate("log => log.scrollTop") == place
    opened.get_by_label("Acompanhar").check()
    assert is_at_end(opened)


def test_a_paused_page_gets_what_it_missed_once(
    opened: Page, api: Api, task: dict[str, Any]
) -> None:
    opened.get_by_role("button", name="Pausar").click()
    api.log(task, "a", "b")
    opened.wait_for_timeout(1_000)
    expect(lines(opened)).to_have_text(["antes"])
    opened.get_by_role("button", name="Retomar").click()
    expect(lines(opened)).to_have_text(["antes", "a", "b"])


def test_a_lost_connection_leaves_no_gap_and_nothing_twice(
    opened: Page, api: Api, task: dict[str, Any], cable: Cable, complaints: Complaints
) -> None:
    complaints.expected += ["WebSocket connection", "Failed to load resource"]
    expected = ["antes"]
    for turn in range(3):
        cable.cut()
        cable.plug()
        # Before the page has come back: its first try waits a quarter of a second at least.
        api.log(task, f"{turn} sem rede", f"{turn} ainda sem")
        expected += [f"{turn} sem rede", f"{turn} ainda sem"]
        expect(lines(opened)).to_have_text(expected, timeout=20_000)
        api.log(task, f"{turn} com rede")
        expected += [f"{turn} com rede"]
    expect(lines(opened)).to_have_text(expected, timeout=20_000)
