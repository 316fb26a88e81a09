"""Where the server is out of reach, a link does not trade the page for an error page."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.cable import Cable
from tests.e2e.conftest import LIST, Complaints, wait_until_live

OPTIMIZATION = "/marketplace/orchestration/optimization"
KEPT = "O servidor não respondeu, por isso não deu para abrir"


@pytest.fixture
def unplugged(page: Page, cable: Cable, complaints: Complaints) -> Iterator[Cable]:
    """The means to cut the page off, and plugged in again afterwards."""
    complaints.expected += ["WebSocket connection", "Failed to load resource"]
    yield cable
    cable.plug()


def assert_kept(page: Page, leave: Locator) -> None:
    address = page.url
    leave.click()
    expect(page.locator(".toast").filter(has_text=KEPT)).to_be_visible()
    assert page.url == address
    expect(page.locator("h1")).to_be_visible()


def link_of(page: Page, address: str) -> Locator:
    if address == OPTIMIZATION:
        return page.locator(".agents a").first
    return page.locator('.segment[data-status="failed"]')


@pytest.mark.parametrize("address", [LIST, OPTIMIZATION])
def test_a_link_keeps_the_page_while_the_server_is_away(
    page: Page, unplugged: Cable, address: str
) -> None:
    page.goto(address)
    wait_until_live(page)
    unplugged.cut()
    expect(page.locator("#live")).not_to_have_attribute("data-state", "live")
    assert_kept(page, link_of(page, address))
    unplugged.plug()
    link_of(page, address).click()
    page.wait_for_url(re.compile(r"\?"))


def test_a_search_keeps_the_page_and_its_words_while_the_server_is_away(
    page: Page, unplugged: Cable
) -> None:
    page.goto(LIST)
    wait_until_live(page)
    page.locator("#search").fill("cabo")
    unplugged.cut()
    expect(page.locator("#live")).not_to_have_attribute("data-state", "live")
    page.locator("#search").press("Enter")
    expect(page.locator(".toast").filter(has_text=KEPT)).to_be_visible()
    unplugged.plug()
    page.locator("#search").press("Enter")
    page.wait_for_url(f"**{LIST}?q=cabo")


def test_a_page_without_a_feed_is_kept_too_when_the_browser_is_offline(
    page: Page, complaints: Complaints
) -> None:
    complaints.expected += ["Failed to load resource"]
    page.goto("/marketplace/audit")
    page.context.set_offline(True)
    assert_kept(page, page.get_by_role("link", name="Execução"))
    page.context.set_offline(False)
    page.get_by_role("link", name="Execução").click()
    page.wait_for_url(f"**{LIST}")


def test_another_tab_is_the_readers_own_affair(page: Page, unplugged: Cable) -> None:
    page.goto(LIST)
    wait_until_live(page)
    unplugged.cut()
    expect(page.locator("#live")).not_to_have_attribute("data-state", "live")
    with page.context.expect_page():
        link_of(page, LIST).click(modifiers=["ControlOrMeta"])
    expect(page.locator(".toast").filter(has_text=KEPT)).to_have_count(0)
