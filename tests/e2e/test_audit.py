"""The audit in a browser: read, filtered, walked by keyboard, on a phone, by everybody."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Api
from tests.e2e.test_quality import serious_faults

AUDIT = "/marketplace/audit"


def test_a_decision_is_found_and_leads_to_its_task(page: Page, api: Api, task_type: str) -> None:
    (task,) = api.create(taskType=task_type)
    api.update(task, "failed", failureReason="rejected", reason="foto escura")
    page.goto("/marketplace/tasks/execution")
    page.get_by_role("link", name="Auditoria").click()
    page.wait_for_url(f"**{AUDIT}")  # its script too, which sends the form
    page.locator("#filter-id").fill(task["taskId"])
    page.get_by_role("button", name="Aplicar").click()
    # What is not set stays out of the address.
    page.wait_for_url(f"**{AUDIT}?id={task['taskId']}")
    lines = page.locator("#rows > tr")
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text("Rejeitou a tarefa")
    expect(lines.first).to_contain_text("foto escura")
    expect(lines.first).to_contain_text("127.0.0.1")
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(lines.first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/marketplace/tasks/{task['taskId']}")


def test_filters_keep_each_other_and_the_csv_has_the_same(page: Page, api: Api) -> None:
    tasks = api.create(times=2)
    page.goto(f"{AUDIT}?period=today&id={tasks[0]['taskId']}")
    page.get_by_role("link", name="admin", exact=True).first.click()
    expect(page.locator("#filter-who")).to_have_value("user:admin")
    expect(page.locator("#filter-period")).to_have_value("today")
    expect(page.locator("#rows > tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert tasks[0]["taskId"] in text and tasks[1]["taskId"] not in text
    assert text.startswith("Quando, horário de São Paulo;Quem;O quê")


def test_the_page_is_whole_without_scripts(open_as: Callable[..., Page], api: Api) -> None:
    api.create(times=2)
    page = open_as("head", java_script_enabled=False)
    page.goto(f"{AUDIT}?kind=task&action=created")
    expect(page.locator("#rows > tr")).to_have_count(50)
    first = page.locator("#rows .id").first.text_content()
    page.locator("#more").click()
    expect(page.locator("#rows .id").first).not_to_have_text(first)
    page.locator("#clear").click()
    expect(page).to_have_url(AUDIT)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("query", ["", "who=ninguem&period=nada", "kind=user"])
def test_axe_finds_nothing_serious(open_as: Callable[..., Page], width: int, query: str) -> None:
    page = open_as("head")
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{AUDIT}?{query}")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    small = page.evaluate(
        """() => [...document.querySelectorAll(
            "button, summary, select, .segment, input, .brand, .list-head a")]
          .filter((control) => control.checkVisibility() && control.type !== "checkbox")
          .filter((control) => control.getBoundingClientRect().height < 40)
          .map((control) => control.outerHTML.slice(0, 120))"""
    )
    assert width > 640 or small == []
    narrow = page.locator(".copy, .same").evaluate_all(
        """(tools) => tools.map((tool) => tool.getBoundingClientRect())
          .filter(({ width, height }) => Math.min(width, height) < 24).length"""
    )
    assert narrow == 0
    assert serious_faults(page) == []
    page.get_by_text("Mais filtros").click()
    assert serious_faults(page) == []


def test_a_finger_sees_what_it_presses_and_is_told_the_instant(
    open_as: Callable[..., Page], api: Api
) -> None:
    api.create(agentId="tren", channel="shein", targets=["shein"])
    page = open_as("head", has_touch=True)
    page.set_viewport_size({"width": 1024, "height": 768})
    page.goto(AUDIT)
    for tool in (".copy", ".same"):
        expect(page.locator(tool).first).to_have_css("opacity", "1")
    page.goto("/marketplace/orchestration")
    moment = page.locator("#agent-tren .now time")
    moment.tap()
    expect(page.locator("#tip")).to_have_text(moment.get_attribute("title") or "-")
    expect(page.locator("#tip")).to_be_visible()
