"""What holds on every page: readable by all, silent, still, small, and quick."""

import gzip
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response, expect

from tests.e2e.cable import Cable
from tests.e2e.conftest import API, LIST, Api, Complaints, wait_until_live

KILOBYTE = 1024
SAMPLE = "e2e-quality"


@pytest.fixture(scope="module")
def sample_made() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def sample(api: Api, sample_made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One task in every status; the failed one is first."""
    if not sample_made:
        tasks = api.create(times=6, taskType=SAMPLE, targets=["amazon", "shein"])
        failed, _pending, approved, running, syncing, completed = tasks
        api.update(failed, "failed", error="A foto principal tem 480 px de largura.")
        api.update(approved, "approved")
        for task in (running, syncing, completed):
            api.update(task, "in_progress")
        api.update(syncing, "marketplace_sync", syncStatus={"shein": True})
        api.update(completed, "completed")
        api.log(syncing, "Anúncio carregado.", "Preço conferido.")
        sample_made += tasks
    return sample_made


# -- Readable by all -------------------------------------------------------------------------------


# All that a scheme changes; the same elements, names and roles need no second look.
RULES_OF_COLOUR = {"runOnly": ["color-contrast", "link-in-text-block"]}
# The admin's rows are alike; of a hundred, a few say what all would.
FEW_ROWS = {"exclude": [["#result_list tbody tr:nth-child(n+6)"]]}


def serious_faults(page: Page, context: Any = None) -> list[str]:
    """What axe holds to be serious or critical, in the light and in the dark."""
    faults = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        # The admin fades from one scheme to the other whatever one asks for.
        page.evaluate("Promise.allSettled(document.getAnimations().map((fade) => fade.finished))")
        # Loading the imported style sheets again is of no use here, and the CSP refuses it.
        options = {"preload": False, "resultTypes": ["violations"]}
        options |= RULES_OF_COLOUR if scheme == "dark" else {}
        for fault in Axe().run(page, context, options).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                places = [node["html"][:200] for node in fault["nodes"][:3]]
                faults.append(f"{scheme}: {fault['id']}: {fault['help']}: {places}")
    return faults


@pytest.mark.parametrize(
    ("username", "address", "status"),
    [
        (None, "/accounts/login/", 200),
        ("user", "/accounts/password/", 200),
        ("head", f"{LIST}?taskType={SAMPLE}", 200),
        ("user", f"{LIST}?q=nada-com-este-nome&status=nada", 200),
        ("qa", "/marketplace/orchestration/optimization/facts?agent=alex&fact=failed", 200),
        ("user", "/admin/", 403),
        ("user", "/nada", 404),
        ("head", f"{API}?limit=2", 200),
        ("admin", "/admin/", 200),
        ("admin", "/admin/auth/user/", 200),
    ],
)
def test_axe_finds_nothing_serious(
    open_as: Callable[..., Page],
    sample: list[dict[str, Any]],
    complaints: Complaints,
    username: str | None,
    address: str,
    status: int,
) -> None:
    if status != 200:
        complaints.expected.append(str(status))
    page = open_as(username)
    response = page.goto(address)
    assert response is not None and response.status == status
    assert serious_faults(page) == []


@pytest.mark.parametrize("place", [0, 4], ids=["failed", "syncing"])
def test_axe_finds_nothing_serious_on_a_task(
    open_as: Callable[..., Page], sample: list[dict[str, Any]], place: int
) -> None:
    page = open_as("head")
    page.goto(f"/marketplace/tasks/{sample[place]['taskId']}")
    wait_until_live(page)
    assert serious_faults(page) == []


def test_axe_finds_nothing_serious_in_what_opens(
    open_as: Callable[..., Page], sample: list[dict[str, Any]]
) -> None:
    page = open_as("head")
    page.goto(f"{LIST}?taskType={SAMPLE}&status=pending")
    wait_until_live(page)
    page.get_by_text("Mais filtros").click()
    faults = serious_faults(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Ações").click()
    faults += serious_faults(page)
    page.get_by_role("menuitem", name="Rejeitar tarefa").click()
    page.get_by_role("dialog").get_by_role("button", name="Rejeitar tarefa").click()
    faults += serious_faults(page)
    assert faults == []


def addresses(page: Page, links: str) -> list[str]:
    found: list[str] = page.locator(links).evaluate_all(
        "(links) => links.map((link) => link.getAttribute('href'))"
    )
    return found


def test_axe_finds_nothing_serious_in_the_admin(page: Page) -> None:
    """Every table: its list, the form for a new row, and the first row it has."""
    faults = {}

    def look() -> None:
        many = page.locator("#result_list tbody tr").count() > 5
        faults[urlsplit(page.url).path] = serious_faults(page, FEW_ROWS if many else None)

    page.goto("/admin/")
    lists = addresses(page, "#content-main th a")
    forms = addresses(page, "#content-main .addlink")
    assert len(lists) >= len(forms) >= 6
    page.goto("/admin/accounts/apitoken/add/")
    page.get_by_label("Nome").fill("e2e-quality")
    page.get_by_label("Agente").select_option("alex")
    page.get_by_role("button", name="Salvar", exact=True).click()
    expect(page.locator("#issued-key")).to_be_visible()
    assert serious_faults(page) == []
    rows = []
    for address in lists:
        page.goto(address)
        look()
        rows += addresses(page, "#result_list tbody tr:first-child th a")
    assert len(rows) >= 6
    for address in (*forms, *rows):
        page.goto(address)
        look()
    assert {place: found for place, found in faults.items() if found} == {}


def test_phone_has_room_for_everything(
    open_as: Callable[..., Page], sample: list[dict[str, Any]]
) -> None:
    """No sideways scrolling, and nothing to press that is smaller than a finger."""
    page = open_as("head")
    page.set_viewport_size({"width": 390, "height": 844})
    for address in (
        f"{LIST}?taskType={SAMPLE}",
        f"/marketplace/tasks/{sample[4]['taskId']}",
        f"/marketplace/tasks/{sample[0]['taskId']}",
        "/marketplace/audit",
        "/accounts/password/",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, address
        small = page.evaluate(
            """() => [...document.querySelectorAll(
                "button, summary, .chip, .segment, .check, input, .brand, .breadcrumb a")]
              .filter((control) => control.checkVisibility() && control.type !== "checkbox")
              .filter((control) => {
                const { width, height } = control.getBoundingClientRect();
                return height < 40 || (control.matches(".copy") && width < 40);
              })
              .map((control) => control.outerHTML.slice(0, 120))"""
        )
        assert small == [], address
    assert serious_faults(page) == []


def test_phone_keeps_names_and_signs_of_marketplaces_in_line(
    open_as: Callable[..., Page], api: Api, sample: list[dict[str, Any]]
) -> None:
    (task,) = api.create(taskType=SAMPLE, targets=["mercadolivre", "amazon"])
    page = open_as("head")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/marketplace/tasks/{task['taskId']}")
    texts = """(cells) => cells.map((cell) => {
      const range = document.createRange();
      range.selectNodeContents(cell);
      const { left, right } = range.getBoundingClientRect();
      return [left, right];
    })"""
    ((title, _),) = page.locator("#targets-title").evaluate_all(texts)
    names = page.locator(".targets tbody th").evaluate_all(texts)
    signs = page.locator(".targets .mark-state").evaluate_all(texts)
    assert [left for left, _ in names] == [title, title]
    for (_, end), (start, _) in zip(names, signs, strict=True):
        assert start - end >= 12


def test_what_is_chosen_is_seen_in_colours_of_the_system(
    open_as: Callable[..., Page], sample: list[dict[str, Any]]
) -> None:
    """No ground of ours is painted then; axe does not see that the chosen looks like all others."""
    page = open_as("head", forced_colors="active")
    page.goto(f"{LIST}?taskType={SAMPLE}&status=failed")
    for kind in ("places a", "segment", "chip", "card"):
        grounds = page.locator(f".{kind}").evaluate_all(
            """(all) => all.map((one) => [
              !["false", null].includes(one.getAttribute("aria-current")),
              getComputedStyle(one).backgroundColor,
            ])"""
        )
        chosen = {ground for is_chosen, ground in grounds if is_chosen}
        assert len(chosen) == 1 and chosen.isdisjoint(
            ground for is_chosen, ground in grounds if not is_chosen
        ), kind


# -- Still -----------------------------------------------------------------------------------------


def watch_shifts(page: Page) -> None:
    """Keep every layout shift with what moved, from where to where."""
    page.add_init_script(
        """window.shifts = [];
        new PerformanceObserver((list) => {
          const place = ({ x, y, width, height }) => `${width}x${height} at ${x},${y}`;
          for (const { value, startTime, sources } of list.getEntries()) {
            const moved = sources.map(({ node, previousRect, currentRect }) => ({
              node: node?.outerHTML?.slice(0, 120) ?? node?.nodeName,
              from: place(previousRect),
              to: place(currentRect),
            }));
            window.shifts.push({ value, startTime, moved });
          }
        }).observe({ type: "layout-shift", buffered: true });"""
    )


def shifts(page: Page) -> list[dict[str, Any]]:
    return list(page.evaluate("window.shifts"))


def test_nothing_shifts_while_the_page_loads_and_lives(
    page: Page, api: Api, task_type: str
) -> None:
    tasks = api.create(times=10, taskType=task_type)
    watch_shifts(page)
    for address in (f"{LIST}?taskType={task_type}", f"/marketplace/tasks/{tasks[9]['taskId']}"):
        page.goto(address)
        wait_until_live(page)
        for task in tasks[7:]:
            api.update(task, "in_progress")
            api.update(task, "marketplace_sync")
            api.update(task, "in_progress")
        api.update(tasks[9], "in_progress", progress=66)
        expect(page.get_by_text("66%").first).to_be_visible()
        assert shifts(page) == [], address
        api.update(tasks[9], "failed", failureReason="cancelled")
        api.update(tasks[9], "pending")


@pytest.mark.parametrize(
    "address", [f"{LIST}?status=completed", "/marketplace/orchestration/optimization"]
)
def test_nothing_shifts_while_the_page_arrives_in_pieces(
    page: Page, cable: Cable, address: str
) -> None:
    """The browser may paint after any piece, in the middle of a row too."""
    page.goto(address)  # style sheets and scripts are known from now on
    watch_shifts(page)
    cable.pause_seconds = 0.03
    try:
        page.goto(address)
    finally:
        cable.pause_seconds = 0
    wait_until_live(page)
    assert shifts(page) == []


# -- Small and quick -------------------------------------------------------------------------------


def test_list_of_50_keeps_within_its_budgets(page: Page) -> None:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{LIST}?status=completed")
    wait_until_live(page)
    expect(page.locator("#rows tr")).to_have_count(50)
    page.wait_for_load_state("networkidle")
    sizes = {"document": 0, "stylesheet": 0, "script": 0}
    for answer in answers:
        if answer.request.resource_type in sizes:
            sizes[answer.request.resource_type] += len(gzip.compress(answer.body(), 6))
    assert 0 < sizes["document"] <= 40 * KILOBYTE
    assert 0 < sizes["stylesheet"] <= 20 * KILOBYTE
    assert 0 < sizes["script"] <= 40 * KILOBYTE
    hosts = {urlsplit(answer.url).netloc for answer in answers}
    assert hosts == {urlsplit(page.url).netloc}


@pytest.mark.alone
def test_list_is_painted_at_once(page: Page) -> None:
    def paints() -> tuple[float, float]:
        page.goto(f"{LIST}?status=completed")
        return page.evaluate(
            """() => new Promise((done) => {
              const [paint] = performance.getEntriesByName("first-contentful-paint");
              new PerformanceObserver((list) => {
                done([paint.startTime, list.getEntries().at(-1).startTime]);
              }).observe({ type: "largest-contentful-paint", buffered: true });
            })"""
        )

    # The quickest of some: what else the machine does only ever makes it slower.
    first, largest = map(min, zip(*(paints() for _ in range(5)), strict=True))
    assert first <= 500
    assert largest <= 800
