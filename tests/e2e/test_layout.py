"""Nothing overlaps, scrolls sideways or moves, however wide the window and whoever looks."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import LIST

APPROVALS = "/marketplace/tasks/approvals"
OVERVIEW = "/marketplace/orchestration"
WIDTHS = (360, 390, 640, 641, 768, 800, 801, 840, 960, 961, 1100, 1101, 1180, 1181, 1280, 1600)

SETTLED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


# -- The frame -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["pt-BR", "en"])
@pytest.mark.parametrize("username", ["admin", "head", "qa", "user"])
def test_frame_fits_at_every_width(
    open_as: Callable[..., Page], username: str, language: str
) -> None:
    page = open_as(username, extra_http_headers={"Accept-Language": language})
    for address in (OVERVIEW, LIST):
        page.goto(address)
        # As with many waiting, and a name that is nearly as long as names may be.
        page.evaluate(
            """() => {
              document.querySelector(".account-name").textContent = "maria.aparecida.dos.santos";
              const count = document.querySelector(".place-count");
              if (count) [count.hidden, count.textContent] = [false, "1.234"];
            }"""
        )
        too_wide = []
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate(SETTLED)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                too_wide.append(width)
        assert too_wide == [], address


def test_live_indicator_begins_where_the_title_does(page: Page) -> None:
    page.set_viewport_size({"width": 768, "height": 900})
    page.goto(LIST)
    lefts = page.locator("h1, #live").evaluate_all(
        "(parts) => parts.map((part) => part.getBoundingClientRect().left)"
    )
    assert len(lefts) == 2 and lefts[0] == lefts[1]
    assert (
        page.locator("#live .dot").evaluate("(dot) => dot.getBoundingClientRect().left")
        == (lefts[0])
    )
