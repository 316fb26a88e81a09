"""The overview: it follows the work, activates after a preview, and pauses agents."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.cable import Cable
from tests.e2e.conftest import Api, Complaints, put_clock_right, set_clock_wrong, wait_until_live

PAGE = "/marketplace/orchestration"
# Read again at most every two seconds.
SOON = 6_000


def figure(page: Page, card: str) -> Locator:
    return page.locator(f'[data-card="{card}"] .figure')


def count(page: Page, card: str) -> int:
    return int(figure(page, card).inner_text().replace(".", ""))


def number(value: int) -> str:
    return f"{value:,}".replace(",", ".")


def activate(page: Page, marketplace: str) -> None:
    """Through the dialog, with this marketplace alone."""
    page.locator("#open-activation").click()
    dialog = page.locator("dialog.activation")
    expect(dialog).to_be_visible()
    for box in dialog.locator("input[type=checkbox]").all():
        box.set_checked(box.get_attribute("value") == marketplace)
    dialog.locator("[value=preview]").click()
    expect(dialog.locator(".preview")).to_be_visible()
    dialog.locator("[value=activate]").click()
    page.wait_for_url(lambda url: "activate" not in url)


def test_figures_and_cards_follow_the_work(page: Page, api: Api) -> None:
    set_clock_wrong(page)
    page.goto(PAGE)
    wait_until_live(page)
    generated, done = count(page, "generated"), count(page, "completed")
    card = page.locator("#agent-tren")
    (task,) = api.create(agentId="tren", channel="shein", targets=["shein"])
    expect(figure(page, "generated")).to_have_text(number(generated + 1), timeout=SOON)
    put_clock_right(page)
    api.update(task, "in_progress")
    api.update(task, "completed")
    expect(figure(page, "completed")).to_have_text(number(done + 1), timeout=SOON)
    expect(card.locator(".now time")).to_have_text("agora", timeout=SOON)
    # Paused, nothing moves beside what is read, for longer than the page waits between two reads.
    page.keyboard.press("p")
    api.create(agentId="tren", channel="shein", targets=["shein"])
    expect(page.locator("#live")).to_contain_text("1 mudança à espera")
    page.wait_for_timeout(2_200)
    expect(figure(page, "generated")).to_have_text(number(generated + 1))
    page.keyboard.press("p")
    expect(figure(page, "generated")).to_have_text(number(generated + 2), timeout=SOON)


def test_activation_previews_confirms_and_is_followed(page: Page, api: Api) -> None:
    page.goto(PAGE)
    wait_until_live(page)
    activate(page, "kaway")
    expect(page.locator(".toast")).to_contain_text("8 tarefas geradas.")
    plan = page.locator("#plan")
    expect(plan).to_contain_text("Plano em execução")
    expect(plan).to_be_focused()
    expect(plan).to_contain_text("0 de 8 encerradas")
    wait_until_live(page)
    plan.locator("summary").click()
    links = plan.locator(".plan-tasks a")
    expect(links).to_have_count(8)
    tasks = [str(link.get_attribute("href")).rpartition("/")[2] for link in links.all()]
    api.update({"taskId": tasks[1]}, "failed", failureReason="cancelled", reason="teste")
    expect(plan).to_contain_text("1 de 8 encerradas", timeout=SOON)
    # What was opened stays so.
    expect(links.first).to_be_visible()

    page.reload()
    activate_again = page.locator("#open-activation")
    activate_again.click()
    dialog = page.locator("dialog.activation")
    expect(dialog).to_be_visible()
    for box in dialog.locator("input[type=checkbox]").all():
        box.set_checked(box.get_attribute("value") == "kaway")
    dialog.locator("[value=preview]").click()
    expect(dialog).to_contain_text("1 tarefa seria gerada")
    expect(dialog).to_contain_text("Fora desta vez")
    for task in tasks:
        if task != tasks[1]:
            body = {"failureReason": "cancelled", "reason": "teste"}
            api.update({"taskId": task}, "failed", **body)
    page.goto(PAGE)
    expect(plan).to_contain_text("Último plano")


@pytest.mark.parametrize("java_script", [True, False])
def test_what_was_chosen_stays_chosen_on_the_way_back(
    open_as: Callable[..., Page], java_script: bool
) -> None:
    page = open_as("head", java_script_enabled=java_script)
    page.goto(PAGE)
    page.locator("#open-activation").click()
    dialog = page.locator("dialog.activation")
    expect(dialog.locator("[name=channels]:checked")).to_have_count(6)
    for marketplace in ("Amazon", "Kaway"):
        dialog.get_by_label(marketplace).uncheck()
    dialog.locator("[value=preview]").click()
    dialog.locator("[data-back]").click()
    expect(dialog.locator("[name=channels]:checked")).to_have_count(4)
    for marketplace in ("Amazon", "Kaway"):
        expect(dialog.get_by_label(marketplace)).not_to_be_checked()


def test_the_preview_is_read_before_anything_is_generated(page: Page) -> None:
    page.goto(PAGE)
    page.locator("#open-activation").press("Enter")
    dialog = page.locator("dialog.activation:modal")
    expect(dialog.locator("[value=preview]")).to_be_focused()
    page.keyboard.press("Enter")
    told = dialog.locator("p[autofocus]")
    expect(told).to_be_focused()
    expect(told).to_contain_text(re.compile(r"tarefas? seria"))
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name=re.compile(r"^Gerar \d+ tarefas?$"))).to_be_enabled()
    expect(page.locator(".toast")).to_have_count(0)


def test_the_dialog_is_left_by_key_and_gives_the_focus_back(page: Page) -> None:
    page.goto(PAGE)
    button = page.locator("#open-activation")
    button.press("Enter")
    expect(page.locator("dialog.activation:modal")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.activation")).to_have_count(0)
    expect(button).to_be_focused()
    expect(page).to_have_url(PAGE)


def test_it_activates_without_scripts(open_as: Callable[..., Page], api: Api) -> None:
    page = open_as("head", java_script_enabled=False)
    page.goto(PAGE)
    activate(page, "shein")
    expect(page.locator("#plan")).to_contain_text("0 de 8 encerradas")
    for link in page.locator(".plan-tasks a").all():
        task = str(link.get_attribute("href")).rpartition("/")[2]
        api.update({"taskId": task}, "failed", failureReason="cancelled", reason="teste")


def test_an_agent_is_paused_and_resumed(page: Page) -> None:
    page.goto(PAGE)
    card = page.locator("#agent-viral")
    card.locator("summary", has_text="Pausar").click()
    card.get_by_label("Motivo").fill("Catálogo em revisão")
    card.get_by_role("button", name="Pausar").click()
    expect(card).to_contain_text("Pausado")
    expect(page.locator('[data-card="agents"]')).to_contain_text("1 pausado")
    card.get_by_role("button", name="Retomar Viral").click()
    expect(card).to_contain_text("Ativo")


def test_a_report_is_downloaded(page: Page, tmp_path: Path) -> None:
    page.goto(PAGE)
    with page.expect_download() as started:
        page.get_by_role("link", name="Agentes em detalhe: CSV").click()
    file = tmp_path / started.value.suggested_filename
    started.value.save_as(file)
    assert re.fullmatch(r"nexo-detailed-\d{4}-\d\d-\d\d\.csv", file.name)
    header, *rows = csv.reader(io.StringIO(file.read_text("utf-8-sig")), delimiter=";")
    assert header[:2] == ["Agente", "Nome"]
    assert [row[0] for row in rows] == ["alex", "marina", "premium", "sunny", "tren", "viral"]


def test_a_pressed_button_keeps_the_focus(page: Page) -> None:
    page.goto(PAGE)
    wait_until_live(page)
    card = page.locator("#agent-viral")
    pause = card.locator("summary", has_text="Pausar")
    pause.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("Agente Viral pausado")
    resume = card.get_by_role("button", name="Retomar Viral")
    expect(resume).to_be_focused()
    page.keyboard.press("Enter")
    expect(pause).to_be_focused()
    expect(card).to_contain_text("Ativo")


def test_a_lost_connection_loses_no_page(page: Page, cable: Cable, complaints: Complaints) -> None:
    complaints.expected += ["ERR_", "WebSocket"]
    page.goto(PAGE)
    wait_until_live(page)
    cable.cut()
    card = page.locator("#agent-viral")
    card.locator("summary", has_text="Pausar").click()
    card.get_by_role("button", name="Pausar").click()
    unknown = page.locator(".toast").filter(has_text="não sabemos se isto foi feito")
    expect(unknown).to_be_visible()
    unknown.get_by_role("button").click()
    page.locator("#open-activation").click()
    expect(page.locator(".toast")).to_contain_text("nada foi feito")
    cable.plug()
    wait_until_live(page)
    page.locator("#open-activation").click()
    dialog = page.locator("dialog.activation:modal")
    expect(dialog).to_be_visible()
    cable.cut()
    dialog.locator("[value=preview]").click()
    expect(page.locator(".toast").filter(has_text="não sabemos")).to_have_count(1)
    expect(dialog.locator("[name=channels]")).to_have_count(6)
    cable.plug()
    dialog.locator("[value=preview]").click()
    expect(dialog.locator(".preview")).to_be_visible()
    dialog.locator("[data-back]").click()
    expect(dialog.locator("[name=channels]")).to_have_count(6)
    page.keyboard.press("Escape")
    expect(page.locator("#open-activation")).to_be_focused()
    expect(page).to_have_url(PAGE)


def test_what_was_refused_once_is_done_the_second_time(
    page: Page, api: Api, cable: Cable, complaints: Complaints
) -> None:
    complaints.expected += ["ERR_FAILED"]
    page.clock.install()
    page.goto(PAGE)
    wait_until_live(page)
    page.locator("#open-activation").click()
    dialog = page.locator("dialog.activation:modal")
    expect(dialog).to_be_visible()
    for box in dialog.locator("input[type=checkbox]").all():
        box.set_checked(box.get_attribute("value") == "tiktokshop")
    page.route(f"**{PAGE}?*", lambda route: route.abort())
    dialog.locator("[value=preview]").click()
    unknown = page.locator(".toast").filter(has_text="não sabemos")
    expect(unknown).to_be_visible()
    page.unroute(f"**{PAGE}?*")
    dialog.locator("[value=preview]").click()
    expect(dialog.locator(".preview")).to_be_visible()
    expect(unknown).to_be_visible()
    # Where the answer is late that is said, and what was done also to who has left meanwhile.
    cable.hold()
    try:
        dialog.locator("[value=activate]").click()
        page.clock.fast_forward(8_500)
        late = page.locator(".toast").filter(has_text="ainda não respondeu")
        expect(late).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    finally:
        cable.release()
    expect(page.locator(".toast").filter(has_text="geradas")).to_be_visible()
    expect(late).to_have_count(0)
    expect(page.locator(".plan-tasks a")).not_to_have_count(0)
    for link in page.locator(".plan-tasks a").all():
        task = str(link.get_attribute("href")).rpartition("/")[2]
        api.update({"taskId": task}, "failed", failureReason="cancelled", reason="teste")


def test_a_plain_user_watches_without_scores(open_as: Callable[..., Page]) -> None:
    page = open_as("user")
    page.goto(PAGE)
    wait_until_live(page)
    expect(page.locator(".agent")).to_have_count(6)
    expect(page.locator(".score")).to_have_count(0)
    expect(page.locator(".reports, .bottlenecks, .rates, .agent-actions")).to_have_count(0)
    expect(page.locator("#open-activation")).to_have_count(0)


def test_nothing_moves_while_it_reads_itself_again(page: Page, api: Api) -> None:
    page.goto(PAGE)
    wait_until_live(page)
    page.evaluate(
        "() => { window.shift = 0; new PerformanceObserver((list) => {"
        " for (const entry of list.getEntries()) window.shift += entry.value;"
        "}).observe({ type: 'layout-shift', buffered: true }); }"
    )
    generated = figure(page, "generated").inner_text()
    api.create(agentId="alex", channel="amazon")
    expect(figure(page, "generated")).not_to_have_text(generated, timeout=SOON)
    assert page.evaluate("window.shift") < 0.001


def test_a_bottleneck_that_is_none_any_more_moves_no_other_under_a_hand(page: Page) -> None:
    page.goto(PAGE)
    wait_until_live(page)
    places = page.locator("#bottlenecks > ol > li")
    first, second = places.nth(0), places.nth(1)
    gone, stays = first.get_attribute("id"), second.get_attribute("id")

    def without_the_first(route: Route) -> None:
        answer = route.fetch()
        before, _, after = answer.text().partition(f'<li id="{gone}">')
        rest = after[after.index(f'<li id="{stays}">') :]
        route.fulfill(response=answer, body=before + rest)

    page.route(f"**{PAGE}", without_the_first)
    second.hover()
    page.locator("#refresh").evaluate("(button) => button.click()")
    expect(first).to_contain_text("Não é mais gargalo")
    expect(second).to_have_id(str(stays))
    page.mouse.move(0, 0)
    expect(first).to_have_id(str(stays))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("address", [PAGE, f"{PAGE}?activate=1"])
def test_axe_finds_nothing_serious(
    open_as: Callable[..., Page], theme: str, width: int, address: str
) -> None:
    page = open_as("head", color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    wait_until_live(page)
    found = Axe().run(page).response["violations"]
    faults = [
        (fault["id"], [node["html"][:200] for node in fault["nodes"][:3]])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert faults == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_a_phone_labels_and_values_stand_on_one_line(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(PAGE)
    off = page.evaluate(
        """() => {
          const bottom = (part) => {
            const range = document.createRange();
            range.selectNodeContents(part);
            return range.getBoundingClientRect().bottom;
          };
          const pairs = [...document.querySelectorAll(".now dt")]
            .map((label) => [label, label.nextElementSibling.firstElementChild])
            .concat([...document.querySelectorAll(".bottleneck-head")]
              .map((head) => [head.firstElementChild, head.lastElementChild]));
          return pairs.filter(([, value]) => value)
            .map(([label, value]) => Math.abs(bottom(label) - bottom(value)));
        }"""
    )
    assert len(off) > 6 and max(off) <= 2
