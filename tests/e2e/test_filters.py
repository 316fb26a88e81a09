"""Filters are links and a form: they keep each other, and every state has an address."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from nexo.shared.clock import BUSINESS_ZONE
from tests.e2e.conftest import LIST, Api, row_of, wait_until_live


def query(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def count(page: Page, selector: str) -> int:
    return int(page.locator(f'{selector} [data-field="count"]').inner_text().replace(".", ""))


def test_what_is_found_without_its_accent_enters_live_too(page: Page, api: Api) -> None:
    page.goto(f"{LIST}?q=relampago+PROMOÇÃO")
    wait_until_live(page)
    (task,) = api.create(title="Promoção relâmpago")
    api.create(title="Promoção comum")
    expect(row_of(page, task)).to_be_visible()
    expect(page.locator("#shown")).to_have_text("1 de 1")
    page.reload()
    expect(row_of(page, task)).to_be_visible()


def test_card_sets_the_status_and_keeps_the_other_filters(page: Page) -> None:
    page.goto(f"{LIST}?channel=amazon&q=a")
    shown = count(page, '[data-card="completed"]')
    card = page.locator('[data-card="completed"]')
    card.click()
    page.wait_for_url("**status=completed**")
    assert query(page) == {"channel": "amazon", "q": "a", "status": "completed"}
    expect(card).to_have_attribute("aria-current", "true")
    expect(page.locator("#shown")).to_have_text(f"{min(50, shown)} de {shown}")
    for status in page.locator('#rows [data-field="status"]').all():
        expect(status).to_have_text("Concluído")
    # The card that is set lets go of the status again.
    card.click()
    page.wait_for_url(lambda url: "status" not in url)
    assert query(page) == {"channel": "amazon", "q": "a"}


def test_cards_stay_true_while_a_status_is_chosen(page: Page) -> None:
    page.goto(f"{LIST}?channel=shein")
    before = [count(page, f'[data-card="{name}"]') for name in ("completed", "failed")]
    page.get_by_label("Status").get_by_role("link", name="Falha").click()
    page.wait_for_url("**status=failed**")
    assert [count(page, f'[data-card="{name}"]') for name in ("completed", "failed")] == before


def test_chips_choose_several_marketplaces_and_count_them(page: Page) -> None:
    page.goto(f"{LIST}?status=failed")
    counts = [count(page, f'.chip[data-channel="{name}"]') for name in ("amazon", "kaway")]
    page.locator('.chip[data-channel="amazon"]').click()
    page.wait_for_url("**channel=amazon**")
    page.locator('.chip[data-channel="kaway"]').click()
    page.wait_for_url("**channel=amazon,kaway**")
    expect(page.locator("#shown")).to_contain_text(f"de {sum(counts)}")
    page.locator('.chip[data-channel="amazon"]').click()
    page.wait_for_url(lambda url: url.endswith("status=failed&channel=kaway"))
    expect(page.locator("#shown")).to_contain_text(f"de {counts[1]}")


def test_search_finds_title_and_id(page: Page, api: Api, task_type: str) -> None:
    first, second = api.create(times=2, taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type(first["title"])
    page.keyboard.press("Enter")
    page.wait_for_url("**q=**")
    assert query(page) == {"taskType": task_type, "q": first["title"]}
    expect(row_of(page, first)).to_be_visible()
    expect(row_of(page, second)).to_have_count(0)
    page.locator("#search").fill(second["taskId"])
    page.keyboard.press("Enter")
    expect(row_of(page, second)).to_be_visible()
    expect(row_of(page, first)).to_have_count(0)


def test_more_filters_narrow_and_clear_lets_go(page: Page, api: Api, task_type: str) -> None:
    (task,) = api.create(taskType=task_type, agentId="alex")
    api.create(taskType=task_type, agentId="marina")
    page.goto(f"{LIST}?channel=amazon")
    page.get_by_text("Mais filtros").click()
    page.locator("#filter-agent").select_option(label="Alex")
    page.get_by_label("Tipo").fill(task_type)
    page.get_by_label("Criação").select_option("today")
    page.get_by_role("button", name="Aplicar").click()
    page.wait_for_url("**period=today**")
    expected = {"channel": "amazon", "agent": "alex", "taskType": task_type, "period": "today"}
    assert query(page) == expected
    expect(row_of(page, task)).to_be_visible()
    expect(page.locator("#shown")).to_have_text("1 de 1")
    expect(page.locator("#filter-form summary")).to_have_text("Mais filtros 3")
    page.get_by_role("link", name="Limpar").click()
    page.wait_for_url(lambda url: url.endswith(LIST))


def test_days_of_ones_own_choice(page: Page, api: Api, task_type: str) -> None:
    (task,) = api.create(taskType=task_type)
    today = datetime.fromisoformat(task["createdAt"]).astimezone(BUSINESS_ZONE).date()
    page.goto(f"{LIST}?taskType={task_type}")
    page.get_by_text("Mais filtros").click()
    page.get_by_label("Do dia").fill(str(today))
    # Midnight may come while this is looked at.
    tomorrow = today + timedelta(days=1)
    page.get_by_label("Até o dia, inclusive").fill(str(tomorrow))
    page.get_by_role("button", name="Aplicar").click()
    page.wait_for_url(f"**from={today}&to={tomorrow}**")
    expect(row_of(page, task)).to_be_visible()
    wait_until_live(page)
    (newer,) = api.create(taskType=task_type)
    expect(row_of(page, newer)).to_be_visible()
    # Of a list that has ended nothing new is a part, and the cards know it too.
    page.goto(f"{LIST}?taskType={task_type}&to={today - timedelta(days=1)}")
    wait_until_live(page)
    api.create(taskType=task_type)
    page.wait_for_timeout(2_500)
    expect(page.locator("#rows tr")).to_have_count(0)
    expect(page.locator("#pill")).to_be_hidden()
    expect(page.locator('.card[data-card="pending"] [data-field="count"]')).to_have_text("0")


def test_only_overdue_tasks(page: Page) -> None:
    page.goto(LIST)
    page.get_by_text("Mais filtros").click()
    page.get_by_label("Só tarefas atrasadas").check()
    page.get_by_role("button", name="Aplicar").click()
    page.wait_for_url("**overdue=true**")
    rows = page.locator("#rows tr")
    expect(rows.first).to_be_visible()
    assert page.locator("#rows .over:empty").count() == 0
    # Of those that ended nothing is to be done any more.
    page.locator('.segment[data-status="open"]').click()
    page.wait_for_url("**overdue=true**status=pending**")
    expect(page.locator('.segment[aria-current="true"]')).to_have_text("Abertas")
    ended = page.locator('#rows [data-field="status"]').filter(has_text=re.compile("Conclu|Falha"))
    expect(ended).to_have_count(0)


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        ("status=failed", '.segment[data-status="failed"]'),
        ("channel=kaway", '.chip[data-channel="kaway"]'),
        ("channel=shopee", '.chip[data-channel="shopee"]'),
        ("channel=amazon,kaway", '.chip[data-channel="amazon"]'),
    ],
)
def test_on_a_phone_what_is_chosen_is_in_sight(page: Page, filters: str, chosen: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{LIST}?{filters}")
    wait_until_live(page)
    expect(page.locator(chosen)).to_be_in_viewport(ratio=1)
    assert page.evaluate("[scrollX, scrollY]") == [0, 0]


@pytest.mark.parametrize("strip", [".segments", ".chips"])
def test_on_a_phone_the_keyboard_brings_each_choice_into_sight(page: Page, strip: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(LIST)
    wait_until_live(page)
    links = page.locator(f"{strip} a")
    links.first.focus()
    keys = ["Tab"] * (links.count() - 1) + ["Shift+Tab"] * (links.count() - 1)
    for key in keys:
        page.keyboard.press(key)
        focused = page.locator(f"{strip} :focus")
        # With its outline.
        place = focused.bounding_box()
        assert place is not None
        assert place["x"] >= 4 and place["x"] + place["width"] <= 386


def test_more_reads_older_tasks_below(page: Page) -> None:
    page.goto(f"{LIST}?status=completed")
    wait_until_live(page)
    rows = page.locator("#rows tr:not(.waiting)")
    expect(rows).to_have_count(50)
    first = rows.first.get_attribute("data-task")
    page.get_by_role("link", name="Mais", exact=True).click()
    expect(rows).to_have_count(100)
    assert rows.first.get_attribute("data-task") == first
    ids = rows.evaluate_all("rows => rows.map((row) => row.dataset.task)")
    assert len(set(ids)) == 100


def test_back_restores_filters_rows_and_place(page: Page) -> None:
    page.goto(f"{LIST}?status=completed")
    wait_until_live(page)
    page.get_by_role("link", name="Mais", exact=True).click()
    rows = page.locator("#rows tr:not(.waiting)")
    expect(rows).to_have_count(100)
    link = rows.nth(80).locator(".title")
    link.scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    title = link.inner_text()
    link.click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.go_back()
    page.wait_for_url("**status=completed**")
    expect(rows).to_have_count(100)
    page.wait_for_function("place => Math.abs(scrollY - place) < 100", arg=place)
    page.go_forward()
    expect(page.get_by_role("heading", name=title)).to_be_visible()


def test_task_page_leads_back_to_the_filtered_list(page: Page) -> None:
    page.goto(f"{LIST}?status=completed&channel=amazon")
    page.locator("#rows .title").first.click()
    page.get_by_role("link", name="Execução de tarefas").click()
    page.wait_for_url(f"**{LIST}?status=completed&channel=amazon")


def test_what_cannot_be_read_is_left_out_and_said(page: Page) -> None:
    page.goto(f"{LIST}?status=nada&channel=amazon&period=ontem")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("status=nada")
    expect(notice).to_contain_text("period=ontem")
    expect(page.get_by_role("link", name="Amazon")).to_have_attribute("aria-current", "true")


def test_no_match_says_what_to_do(page: Page, api: Api, task_type: str) -> None:
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    empty = page.locator("#empty")
    expect(empty).to_contain_text("Nenhuma tarefa com esses filtros")
    expect(empty.get_by_role("link", name="Limpar filtros")).to_have_attribute("href", LIST)
    (task,) = api.create(taskType=task_type)
    expect(row_of(page, task)).to_be_visible()
    expect(empty).to_be_hidden()


def test_page_reads_and_filters_without_scripts(open_as: Callable[..., Page], api: Api) -> None:
    (task,) = api.create(taskType="e2e-no-scripts", channel="kaway")
    page = open_as("head", java_script_enabled=False)
    page.goto(LIST)
    expect(page.locator("#live")).to_contain_text("lido")
    page.locator('.chip[data-channel="kaway"]').click()
    page.get_by_text("Mais filtros").click()
    page.get_by_label("Tipo").fill("e2e-no-scripts")
    page.get_by_role("button", name="Aplicar").click()
    expect(row_of(page, task)).to_be_visible()
    assert query(page)["channel"] == "kaway"
    for hidden in ("#pause", "[data-row-menu]", "[data-copy]"):
        expect(page.locator(hidden).first).to_be_hidden()
    row_of(page, task).locator(".title").click()
    page.get_by_role("button", name="Aprovar").click()
    expect(page.locator(".badge")).to_have_text("Aprovada")
    expect(page.locator(".toast")).to_contain_text("Feito")
    page.get_by_text("Cancelar tarefa…").click()
    page.locator('[data-action="cancel"] textarea').fill("produto fora de linha")
    page.get_by_role("button", name="Cancelar tarefa").click()
    expect(page.locator(".badge")).to_contain_text("Falha · Cancelada")
    expect(page.locator(".timeline")).to_contain_text("“produto fora de linha”")
    page.goto(f"{LIST}?status=completed")
    page.get_by_role("link", name="Mais", exact=True).click()
    page.wait_for_url("**cursor=**")
    expect(page.get_by_role("link", name="Voltar")).to_be_visible()
