"""Nothing overlaps, scrolls sideways or moves, however wide the window and whoever looks."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import LIST, Api, row_of, wait_until_live

APPROVALS = "/marketplace/tasks/approvals"
OVERVIEW = "/marketplace/orchestration"
WIDTHS = (320, 390, 640, 641, 768, 800, 801, 840, 960, 961, 1100, 1101, 1180, 1181, 1280, 1600)

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


def test_places_on_a_line_of_their_own_leave_the_name_its_room(
    open_as: Callable[..., Page],
) -> None:
    page = open_as("head")
    page.set_viewport_size({"width": 768, "height": 900})
    page.goto(OVERVIEW)
    brand, tools, places = (
        page.locator(part).bounding_box() for part in (".brand", ".topbar .tools", ".places")
    )
    assert brand and tools and places
    assert places["y"] >= max(brand["y"] + brand["height"], tools["y"] + tools["height"])
    assert min(brand["y"], tools["y"]) >= 8


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


# -- Execução: cards -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 390])
def test_a_share_of_many_tasks_stays_on_its_line(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(LIST)
    heights = """(cards) => cards.map((card) => {
      const share = card.querySelector('[data-field="share"]');
      return [card.offsetHeight, share.offsetHeight, share.scrollWidth - share.clientWidth];
    })"""
    cards = page.locator(".card")
    fill = """(cards, [count, share]) => cards.forEach((card) => {
      card.querySelector('[data-field="count"]').textContent = count;
      card.querySelector('[data-field="share"]').textContent = share;
    })"""
    cards.evaluate_all(fill, ["1", "1% de 99"])
    few = cards.evaluate_all(heights)
    cards.evaluate_all(fill, ["12.345", "100% de 12.345"])
    assert cards.evaluate_all(heights) == few


OVERLAPS = """(rows) => rows.flatMap((row) => {
  const range = document.createRange();
  const boxes = [...row.querySelectorAll("[data-field], [data-row-menu], [data-pick]")]
    .filter((part) => part.checkVisibility() && !part.children.length)
    .filter((part) => part.textContent.trim() || part.matches("button, input"))
    .map((part) => {
      if (!part.matches("button, input")) range.selectNodeContents(part);
      const own = part.matches("button, input") ? part : range;
      return [part.dataset.field ?? part.tagName, own.getBoundingClientRect()];
    });
  return boxes.flatMap(([name, a], place) => boxes.slice(place + 1)
    .filter(([, b]) => a.left < b.right && b.left < a.right)
    .filter(([, b]) => a.top < b.bottom - 2 && b.top < a.bottom - 2)
    .map(([other]) => `${row.dataset.task}: ${name} on ${other}`));
})"""


@pytest.mark.parametrize("username", ["admin", "user"], ids=["with a checkbox", "without"])
@pytest.mark.parametrize("width", [320, 390])
def test_nothing_in_a_card_lies_on_another(
    open_as: Callable[..., Page], api: Api, task_type: str, username: str, width: int
) -> None:
    late, timed_out, rejected, syncing = api.create(
        times=4, taskType=task_type, estimatedHours=1.25, targets=["amazon", "shein"]
    )
    api.update(timed_out, "failed", failureReason="timeout", error="Sem resposta.")
    api.update(rejected, "failed", failureReason="rejected", error="Foto errada.")
    for task in (late, syncing):
        api.update(task, "in_progress")
    api.update(syncing, "marketplace_sync", syncStatus={"shein": True})
    page = open_as(username)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{LIST}?taskType={task_type}")
    expect(page.locator("#rows tr")).to_have_count(4)
    # As after a long time and at the second try.
    page.evaluate(
        """() => {
          for (const row of document.querySelectorAll("#rows tr")) {
            row.querySelector('[data-field="time"]').textContent = "11h 22min / 1h 15min";
            row.querySelector('[data-field="over"]').textContent = "atrasada +10h 7min";
            row.querySelector('[data-field="note"]').textContent ||= "tentativa 2";
          }
        }"""
    )
    assert page.locator("#rows tr").evaluate_all(OVERLAPS) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_card_that_fails_or_is_late_moves_no_other(page: Page, api: Api, task_type: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    below, late = api.create(times=2, taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    card = row_of(page, late)
    page.evaluate("scrollTo(0, 300)")
    place = row_of(page, below).bounding_box()
    # As after an hour.
    card.locator('[data-field="over"]').evaluate("(slot) => (slot.textContent = 'atrasada 2min')")
    api.update(late, "failed", error="sem estoque")
    opener = card.get_by_text("Ver erro")
    opener.click()
    expect(card.get_by_text("sem estoque")).to_be_in_viewport(ratio=1)
    assert row_of(page, below).bounding_box() == place


@pytest.mark.parametrize("width", [320, 390, 641, 768, 900, 961, 1024, 1141, 1280])
def test_the_filters_of_the_list_keep_their_words_and_lines(page: Page, width: int) -> None:
    """With what only an address can choose, which makes the bar as full as it gets."""
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{LIST}?status=in_progress&overdue=true")
    form, views = page.locator("#filter-form"), page.locator(".filter-line > .menu")
    tops = [part.evaluate("(one) => one.getBoundingClientRect().top") for part in (form, views)]
    assert abs(tops[0] - tops[1]) < 4
    words = page.locator(".filter-line .words").evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.clientHeight)"
    )
    assert all(height < 24 for height in words)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # Scrolled past its head the page says how fresh it is, over nothing that can be pressed.
    page.goto(LIST)
    page.evaluate("document.querySelector('#tasks').scrollIntoView()")
    expect(page.locator("#live-here")).to_be_visible()
    over = page.locator("#live-here").evaluate(
        """(line) => {
          const { x, y, width, height } = line.getBoundingClientRect();
          const top = document.elementFromPoint(x + width - 4, y + height / 2);
          return top.closest("#live-here") !== null;
        }"""
    )
    assert over


@pytest.mark.parametrize("width", [390, 768, 1001, 1141, 1251, 1280])
@pytest.mark.parametrize("status", ["failed", "pending", "marketplace_sync", "pending,failed"])
def test_a_choice_by_the_address_leaves_room_for_the_others_and_the_search(
    page: Page, status: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{LIST}?status={status}")
    strip, search = page.locator(".segments"), page.locator("#search")
    assert search.evaluate("(field) => field.offsetWidth") >= 150
    hidden, mask = strip.evaluate(
        "(nav) => [nav.scrollWidth - nav.clientWidth, getComputedStyle(nav).maskImage]"
    )
    if width > 1000:
        assert hidden == 0
    if hidden:
        # What is beyond an edge is announced by a fade there.
        assert mask.count("rgba(0, 0, 0, 0)") == 2


# -- Execução: rows --------------------------------------------------------------------------------


@pytest.mark.parametrize("username", ["admin", "user"], ids=["with a checkbox", "without"])
def test_a_row_shows_a_long_title_whole_in_the_same_height(
    open_as: Callable[..., Page], api: Api, task_type: str, username: str
) -> None:
    api.create(taskType=task_type, title="Curta")
    api.create(taskType=task_type, title="Corrigir atributos: Organizador de gavetas dobrável")
    page = open_as(username)
    page.goto(f"{LIST}?taskType={task_type}")
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(2)
    cut = "(titles) => titles.filter((one) => one.scrollHeight > one.clientHeight + 1).length"
    assert page.locator("#rows .title").evaluate_all(cut) == 0
    heights = rows.evaluate_all("(rows) => rows.map((row) => row.offsetHeight)")
    assert heights[0] == heights[1]
    overflowing = "(row) => [...row.children].some((cell) => cell.scrollHeight > row.offsetHeight)"
    assert not rows.first.evaluate(overflowing)


@pytest.mark.parametrize("width", [1280, 390])
def test_no_word_is_cut_where_letters_and_words_stand_farther_apart(
    open_as: Callable[..., Page], api: Api, task_type: str, width: int
) -> None:
    title = "Roteirizar vídeo curto: Jaqueta corta-vento com capuz"
    fields = {"channel": "mercadolivre", "targets": ["amazon", "mercadolivre"], "title": title}
    first, second = api.create(times=2, taskType=task_type, **fields)
    page = open_as("head")
    page.set_viewport_size({"width": width, "height": 844})
    for address in (LIST, APPROVALS):
        page.goto(f"{address}?taskType={task_type}")
        wait_until_live(page)
        if address == LIST:
            api.update(second, "in_progress")
            expect(page.locator("#rows")).to_contain_text("Em Progresso")
        else:
            api.update(first, "approved")
            expect(page.locator("#rows")).to_contain_text("aprovada por admin")
        # What WCAG 1.4.12 lets readers set.
        page.evaluate(
            """() => {
              const sheet = new CSSStyleSheet();
              sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
                word-spacing: 0.16em !important; }`);
              document.adoptedStyleSheets = [sheet];
            }"""
        )
        page.wait_for_timeout(200)
        targets = ".targets > :not(.visually-hidden, .why)"
        words = f".title, .at-status, .at-who > span, .about, {targets}, .fate"
        cut = page.locator(f"#rows > * :is({words})").evaluate_all(
            """(parts) => parts.filter((part) => part.checkVisibility()).filter((part) => {
              const row = part.closest("#rows > *").getBoundingClientRect();
              const { top, bottom } = part.getBoundingClientRect();
              return part.scrollWidth > part.clientWidth + 1 || top < row.top || bottom > row.bottom
                || part.scrollHeight > part.clientHeight + (part.matches(".fate") ? 16 : 1);
            }).map((part) => `${part.className}: ${part.textContent}`)"""
        )
        assert cut == [], address


# -- Approvals -------------------------------------------------------------------------------------


LEFTS = """(parts) => parts.map((part) => Math.round(part.getBoundingClientRect().left))"""


@pytest.fixture
def inbox_of_both(
    open_as: Callable[..., Page],
    api: Api,
    new_context: Callable[..., BrowserContext],
    signed_in: Callable[[str], Any],
    task_type: str,
) -> Page:
    """An admin's inbox with a task of their own, which has no button to edit, and another's."""
    Api(new_context(storage_state=signed_in("head"))).create(taskType=task_type)
    api.create(taskType=task_type)
    page = open_as("admin")
    page.goto(f"{APPROVALS}?taskType={task_type}")
    expect(page.locator(".pending")).to_have_count(2)
    expect(page.locator(".pending .note")).to_have_count(1)
    return page


def test_rows_of_the_inbox_stand_on_one_grid(inbox_of_both: Page) -> None:
    for column in (".title", ".who", ".plan", ".since", ".acts", '[data-act="approve"]'):
        first, second = inbox_of_both.locator(f".pending {column}").evaluate_all(LEFTS)
        assert first == second, column


def test_notice_of_an_own_task_stands_under_its_title(inbox_of_both: Page) -> None:
    for width in (320, 390, 768, 1280):
        inbox_of_both.set_viewport_size({"width": width, "height": 844})
        own = inbox_of_both.locator(".pending:has(.note)").locator(".title, .note")
        title, note = own.evaluate_all(LEFTS)
        assert title == note, width


@pytest.mark.parametrize("count", ["7", "123", "1.234"])
def test_count_of_pending_does_not_cover_an_icon(page: Page, count: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(LIST)
    badge = page.locator(".place-count")
    badge.evaluate(
        "(badge, count) => { badge.hidden = false; badge.firstChild.data = count; }", count
    )
    sides = """(parts) => parts.map((part) => {
      const { left, right } = part.getBoundingClientRect();
      return [left, right];
    })"""
    ((left, right),) = badge.evaluate_all(sides)
    icons = page.locator(".places .icon").evaluate_all(sides)
    assert [icon for icon in icons if icon[0] < right and left < icon[1]] == []


@pytest.mark.parametrize("width", [390, 768, 1024, 1280])
def test_count_of_pending_moves_no_place(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(LIST)
    badge = page.locator(".place-count")
    badge.evaluate("(badge) => (badge.hidden = true)")
    lefts = "(links) => links.map((link) => link.getBoundingClientRect().left)"
    places = page.locator(".places a")
    before = places.evaluate_all(lefts)
    for count in ("7", "99", "100", "999"):
        badge.evaluate(
            "(badge, count) => { badge.hidden = false; badge.firstChild.data = count; }", count
        )
        assert places.evaluate_all(lefts) == before, count


# -- The API's documentation --------------------------------------------------------------------


def test_documentation_of_the_api_has_the_frame_and_goes_dark(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/api/docs/")
    expect(page.locator(".opblock").first).to_be_visible()
    expect(page.get_by_role("navigation", name="Seções")).to_be_visible()
    filters = "(place) => getComputedStyle(place).filter"
    assert "invert" in page.locator("#swagger-ui").evaluate(filters)
    page.emulate_media(color_scheme="light")
    assert page.locator("#swagger-ui").evaluate(filters) == "none"


# -- On paper --------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["dark", "system"])
def test_paper_is_light_whatever_the_theme(page: Page, theme: str) -> None:
    page.goto(OVERVIEW)
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    page.emulate_media(media="print", color_scheme="dark")
    colours = page.evaluate(
        """() => {
          const root = document.documentElement;
          const { backgroundColor, color, colorScheme } = getComputedStyle(root);
          return [backgroundColor, color, colorScheme];
        }"""
    )
    assert colours == ["oklch(0.985 0.002 260)", "oklch(0.24 0.015 265)", "light"]


def test_printed_overview_says_of_when_it_is(page: Page) -> None:
    page.goto(OVERVIEW)
    told = page.locator('[data-part="read-at"]')
    expect(told).to_be_hidden()
    page.emulate_media(media="print")
    expect(told).to_be_visible()
    expect(told).to_have_text(re.compile(r"lido em \d\d/\d\d/\d{4},? \d\d:\d\d"))


def test_printed_optimization_has_nothing_to_press(page: Page) -> None:
    page.goto(f"{OVERVIEW}/optimization")
    page.locator(".agent h2 a").first.click()
    expect(page.locator(".drawer")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".agent").first).to_be_visible()
    controls = page.locator("main").locator("form, .chip, .segment, button, input, select, summary")
    assert [one for one in controls.all() if one.is_visible()] == []
