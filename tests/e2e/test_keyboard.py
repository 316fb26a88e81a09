"""The keyboard does everything, and what is shown on hover is shown on focus."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import LIST, Api, row_of, wait_until_live


@pytest.fixture
def tasks(api: Api, task_type: str) -> list[dict[str, Any]]:
    """Three, the newest first, as the list shows them."""
    return api.create(times=3, taskType=task_type, targets=["amazon", "kaway"])[::-1]


@pytest.fixture
def listed(page: Page, tasks: list[dict[str, Any]], task_type: str) -> Page:
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    return page


def title_of(page: Page, task: dict[str, Any]) -> Any:
    return row_of(page, task).locator(".title")


def test_j_and_k_walk_and_enter_opens(listed: Page, tasks: list[dict[str, Any]]) -> None:
    listed.keyboard.press("j")
    expect(title_of(listed, tasks[0])).to_be_focused()
    listed.keyboard.press("j")
    expect(title_of(listed, tasks[1])).to_be_focused()
    listed.keyboard.press("k")
    expect(title_of(listed, tasks[0])).to_be_focused()
    listed.keyboard.press("Enter")
    expect(listed.get_by_role("heading", name=tasks[0]["title"])).to_be_visible()


def test_what_every_row_has_is_named_after_its_task(
    listed: Page, api: Api, tasks: list[dict[str, Any]], task_type: str
) -> None:
    (new,) = api.create(taskType=task_type)
    for task in (new, tasks[0]):
        row = row_of(listed, task)
        for name in ("Ações", "Copiar id"):
            button = row.get_by_role("button", name=f"{name} {task['title']}", exact=True)
            expect(button).to_have_count(1)
        progress = row.get_by_role("progressbar", name=f"Progresso {task['title']}", exact=True)
        expect(progress).to_have_count(1)
        expect(row.get_by_role("rowheader")).to_contain_text(task["title"])


def test_m_opens_the_menu_and_escape_gives_the_focus_back(
    open_as: Callable[..., Page], tasks: list[dict[str, Any]], task_type: str
) -> None:
    # Who made a task does not approve it.
    listed = open_as("head")
    listed.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(listed)
    listed.keyboard.press("j")
    listed.keyboard.press("m")
    items = listed.get_by_role("menuitem")
    expect(items.first).to_be_focused()
    listed.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    listed.keyboard.press("Home")
    expect(items.first).to_be_focused()
    listed.keyboard.press("Escape")
    expect(listed.get_by_role("menu")).to_be_hidden()
    button = row_of(listed, tasks[0]).get_by_role("button", name="Ações")
    expect(button).to_be_focused()
    listed.keyboard.press("Enter")
    listed.keyboard.press("Enter")
    expect(row_of(listed, tasks[0])).to_contain_text("Aprovada")


def test_keys_work_on_after_a_row_was_ticked_by_mouse(
    listed: Page, tasks: list[dict[str, Any]]
) -> None:
    row_of(listed, tasks[0]).locator("[data-pick]").click()
    listed.keyboard.press("j")
    expect(title_of(listed, tasks[1])).to_be_focused()
    row_of(listed, tasks[1]).locator("[data-pick]").click()
    listed.keyboard.press("k")
    expect(title_of(listed, tasks[0])).to_be_focused()
    row_of(listed, tasks[0]).locator("[data-pick]").click()
    listed.keyboard.press("p")
    expect(listed.locator("#live")).to_have_attribute("data-state", "paused")


def test_question_mark_shows_the_keys(listed: Page) -> None:
    listed.keyboard.press("?")
    help_dialog = listed.get_by_role("dialog", name="Teclado")
    expect(help_dialog).to_contain_text("Pausar e retomar")
    # Space, which scrolls elsewhere, closes it and switches nothing.
    expect(help_dialog.get_by_role("button", name="Fechar")).to_be_focused()
    listed.keyboard.press("Escape")
    expect(help_dialog).to_be_hidden()


def test_single_keys_can_be_turned_off(listed: Page, tasks: list[dict[str, Any]]) -> None:
    listed.keyboard.press("?")
    listed.get_by_label("Atalhos de uma tecla").press("Space")
    listed.keyboard.press("Escape")
    for _load in range(2):
        for key in ("j", "p", "?"):
            listed.keyboard.press(key)
        expect(title_of(listed, tasks[0])).not_to_be_focused()
        expect(listed.locator("#live")).to_have_attribute("data-state", "live")
        expect(listed.get_by_role("dialog")).to_have_count(0)
        listed.reload()
        wait_until_live(listed)
    listed.locator("summary", has_text="admin").press("Enter")
    listed.get_by_role("button", name="Teclado").press("Enter")
    listed.get_by_label("Atalhos de uma tecla").press("Space")
    listed.keyboard.press("Escape")
    listed.keyboard.press("j")
    expect(title_of(listed, tasks[0])).to_be_focused()


def test_what_goes_gives_the_focus_back(
    page: Page, api: Api, tasks: list[dict[str, Any]], task_type: str
) -> None:
    page.clock.install()
    page.goto(f"{LIST}?taskType={task_type}&status=pending")
    wait_until_live(page)
    account = page.locator("summary", has_text="admin")
    account.press("Enter")
    page.get_by_role("button", name="Teclado").press("Enter")
    page.keyboard.press("Escape")
    expect(account).to_be_focused()
    copy = row_of(page, tasks[1]).locator("[data-copy]")
    copy.press("Enter")
    close = page.locator(".toast").get_by_role("button", name="Fechar")
    # Nothing that has the focus goes by itself either.
    close.focus()
    page.clock.fast_forward(7_000)
    expect(close).to_be_focused()
    close.press("Enter")
    expect(page.locator(".toast")).to_have_count(0)
    expect(copy).to_be_focused()
    api.update(tasks[0], "approved")
    page.locator("#left").press("Enter")
    expect(row_of(page, tasks[0])).to_have_count(0)
    expect(title_of(page, tasks[1])).to_be_focused()


def test_a_menu_that_is_left_covers_nothing(listed: Page) -> None:
    opened = listed.locator("details[data-menu][open]")
    listed.locator("summary[aria-label=Idioma]").press("Enter")
    for _item in range(2):
        listed.keyboard.press("Tab")
    expect(opened).to_have_count(1)
    listed.keyboard.press("Tab")
    expect(listed.locator("summary[aria-label=Tema]")).to_be_focused()
    expect(opened).to_have_count(0)
    # Words are not put out of sight; Escape does it, and the focus stays where it has come to.
    views = listed.locator("details:has(.save-view)")
    views.locator("summary").press("Enter")
    views.get_by_role("textbox").fill("Minhas")
    row = listed.locator("#rows .title").first
    row.focus()
    expect(opened).to_have_count(1)
    listed.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(row).to_be_focused()


def test_keys_belong_to_the_field_that_is_written_in(listed: Page) -> None:
    listed.keyboard.press("/")
    listed.keyboard.type("jkp?m")
    expect(listed.locator("#search")).to_have_value("jkp?m")
    expect(listed.locator("#live")).to_have_attribute("data-state", "live")
    expect(listed.get_by_role("dialog")).to_have_count(0)


def test_escape_leaves_the_search_as_it_was(listed: Page, tasks: list[dict[str, Any]]) -> None:
    search = listed.locator("#search")
    listed.keyboard.press("/")
    listed.keyboard.type("foto")
    listed.keyboard.press("Escape")
    expect(search).not_to_be_focused()
    expect(search).to_have_value("")
    listed.keyboard.press("j")
    expect(title_of(listed, tasks[0])).to_be_focused()
    expect(search).to_have_value("")


def test_menu_of_a_syncing_task_moves_it_on_first_and_takes_back_last(
    listed: Page, api: Api, tasks: list[dict[str, Any]]
) -> None:
    api.update(tasks[0], "in_progress")
    api.update(tasks[0], "marketplace_sync", syncStatus={"amazon": True})
    row = row_of(listed, tasks[0])
    expect(row.get_by_role("img", name="Amazon: sincronizado")).to_be_visible()
    listed.keyboard.press("j")
    listed.keyboard.press("m")
    assert listed.get_by_role("menuitem").all_inner_texts() == [
        "Marcar Kaway como sincronizado",
        "Concluir tarefa…",
        "Devolver à execução",
        "Abrir tarefa",
        "Copiar id",
        "Marcar Amazon como não sincronizado",
        "Registrar falha…",
        "Cancelar tarefa…",
    ]
    expect(listed.get_by_role("menuitem").first).to_be_focused()


def test_sync_marks_tell_state_on_hover_and_focus(
    listed: Page, tasks: list[dict[str, Any]]
) -> None:
    row, tip = row_of(listed, tasks[0]), listed.locator("#tip")
    row.locator('.mark[data-channel="kaway"]').hover()
    expect(tip).to_have_text("Kaway: planejado")
    listed.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    title_of(listed, tasks[1]).focus()
    listed.keyboard.press("Tab")
    listed.keyboard.press("Tab")
    other = row_of(listed, tasks[1])
    expect(other.locator('.mark[data-channel="amazon"]')).to_be_focused()
    expect(tip).to_have_text("Amazon: planejado")
    listed.keyboard.press("ArrowRight")
    expect(tip).to_have_text("MercadoLivre: não é destino desta tarefa")


def test_skip_link_leads_past_the_frame(listed: Page) -> None:
    listed.keyboard.press("Tab")
    skip = listed.get_by_role("link", name="Ir para o conteúdo")
    expect(skip).to_be_focused()
    listed.keyboard.press("Enter")
    expect(listed.locator("#content")).to_be_focused()


def test_nothing_moves_for_those_who_asked_for_stillness(
    open_as: Callable[..., Page], api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    page = open_as("user")
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    api.update(task, "in_progress")
    expect(row_of(page, task)).to_contain_text("Em Progresso")
    assert page.evaluate("document.getAnimations().length") == 0
