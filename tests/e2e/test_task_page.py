"""A task's page: its steps, targets, timeline and logs, as they happen."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.cable import Cable
from tests.e2e.conftest import Api, Complaints, reset_at_each_change, wait_until_live


def address(task: dict[str, Any]) -> str:
    return f"/marketplace/tasks/{task['taskId']}"


@pytest.fixture
def task(api: Api, task_type: str) -> dict[str, Any]:
    (task,) = api.create(taskType=task_type, targets=["amazon", "shein"], priority="high")
    return task


@pytest.fixture
def opened(open_as: Callable[..., Page], task: dict[str, Any]) -> Page:
    page = open_as("head")
    page.goto(address(task))
    wait_until_live(page)
    return page


def test_page_follows_the_task_to_its_end(opened: Page, api: Api, task: dict[str, Any]) -> None:
    badge = opened.locator(".badge")
    step = opened.locator('[aria-current="step"]')
    expect(badge).to_have_text("Aguardando")
    api.update(task, "in_progress", reason="é urgente")
    expect(badge).to_have_text("Em Progresso")
    expect(step).to_contain_text("Em Progresso")
    expect(opened.locator(".timeline .event").first).to_contain_text(
        "admin aprovou e iniciou a execução: “é urgente”"
    )
    api.update(task, "marketplace_sync", syncStatus={"shein": True})
    expect(opened.locator(".targets tr").filter(has_text="Shein")).to_contain_text("Sincronizado")
    expect(opened.locator(".gauge")).to_contain_text("87%")
    api.update(task, "marketplace_sync", syncStatus={"amazon": True})
    expect(badge).to_have_text("Concluído")
    expect(step).to_have_count(0)
    steps = opened.locator(".step")
    expect(steps).to_have_count(5)
    assert steps.evaluate_all("all => all.map((one) => one.dataset.state)") == ["done"] * 5
    expect(steps.nth(2)).to_contain_text(re.compile("durou (menos de 1|[0-9]+)min"))


def test_facts_say_what_is_known(opened: Page, task: dict[str, Any]) -> None:
    facts = opened.locator(".facts")
    for text in (
        "Amazon",
        task["agentId"].title(),
        task["taskType"],
        "Alta",
        "admin",
        "0min / 60min",
    ):
        expect(facts).to_contain_text(text)
    expect(opened.get_by_role("heading", name="Por que este agente?")).to_be_visible()
    expect(opened.locator('[data-part="why"]')).to_contain_text("Recomendado para")
    expect(opened.locator(".task-line")).to_contain_text(task["taskId"])


def test_logs_come_by_themselves_and_rest_when_asked(
    opened: Page, api: Api, task: dict[str, Any]
) -> None:
    logs = opened.get_by_role("log")
    expect(logs).to_contain_text("ainda não escreveu")
    api.log(task, "Anúncio carregado.", "Preço conferido: R$ 12,50")
    expect(logs).to_contain_text("Preço conferido: R$ 12,50")
    opened.get_by_label("Acompanhar").uncheck()
    api.log(task, "Depois de largar.")
    api.log(task, *(f"Linha {number}" for number in range(60)))
    # The next event redraws the page; what is being read stays where it is.
    api.update(task, "approved")
    expect(opened.locator(".badge")).to_have_text("Aprovada")
    expect(logs).to_contain_text("Linha 59")
    assert logs.evaluate("logs => logs.scrollTop") == 0
    opened.get_by_label("Acompanhar").check()
    assert logs.evaluate("logs => logs.scrollHeight - logs.scrollTop - logs.clientHeight") <= 1


def test_actions_of_the_page(opened: Page, task: dict[str, Any]) -> None:
    opened.get_by_role("button", name="Aprovar").click()
    expect(opened.locator(".badge")).to_have_text("Aprovada")
    opened.get_by_role("button", name="Iniciar execução").click()
    expect(opened.locator(".badge")).to_have_text("Em Progresso")
    opened.get_by_role("button", name="Enviar aos marketplaces").click()
    expect(opened.locator(".badge")).to_have_text("Sincronizando")
    amazon = opened.locator(".targets tr").filter(has_text="Amazon")
    amazon.get_by_role("button", name="Marcar como sincronizado").click()
    # Who marks several by keyboard goes on from there.
    expect(amazon.get_by_role("button", name="Marcar como não sincronizado")).to_be_focused()
    opened.get_by_text("Registrar falha…").click()
    note = opened.locator('[data-action="fail"]')
    note.get_by_role("button").click()
    expect(note.get_by_label("Motivo")).to_be_focused()
    for nothing in (" ", "\u200b \u2800"):
        note.get_by_label("Motivo").fill(nothing)
        note.get_by_role("button").click()
        expect(note.get_by_label("Motivo")).to_have_accessible_description("Diga o motivo.")
        expect(note.get_by_label("Motivo")).to_be_focused()
        expect(opened.locator(".badge")).to_have_text("Sincronizando")
    note.get_by_label("Motivo").fill("a Shein recusou a foto")
    note.get_by_role("button").click()
    expect(opened.locator(".badge")).to_contain_text("Falha · Erro")
    expect(opened.get_by_role("heading", name="Erro")).to_be_visible()
    expect(opened.locator('[data-part="error"]')).to_contain_text("a Shein recusou a foto")
    opened.get_by_role("button", name="Tentar de novo").click()
    expect(opened.locator(".badge")).to_contain_text("tentativa 2")


def test_what_is_pressed_twice_is_done_once(
    opened: Page, api: Api, task: dict[str, Any], complaints: Complaints
) -> None:
    api.update(task, "failed", error="sem estoque")
    retry = opened.get_by_role("button", name="Tentar de novo")
    retry.dblclick()
    expect(opened.locator(".badge")).to_contain_text("tentativa 2")
    sent: list[str] = []
    opened.on("request", lambda request: request.method != "GET" and sent.append(request.url))
    start = opened.get_by_role("button", name="Iniciar execução")
    start.focus()
    for _press in range(3):
        opened.keyboard.press("Enter")
    expect(opened.locator(".badge")).to_contain_text("Em Progresso")
    assert len(sent) == 1
    # The second click of a double finds another step there, however quick the page was.
    opened.locator(".actions").get_by_role("button", name="Enviar aos marketplaces").click()
    expect(opened.locator(".badge")).to_contain_text("Sincronizando")
    mark = opened.locator('[data-mark="amazon"] button')
    mark.click()
    expect(mark).to_contain_text("Marcar como não sincronizado")
    opened.mouse.down(click_count=2)
    opened.mouse.up(click_count=2)
    opened.wait_for_timeout(300)
    assert len(sent) == 3
    expect(opened.locator("#toasts").get_by_role("alert")).to_have_count(0)


def test_one_may_go_on_before_the_page_shows_what_one_did(
    opened: Page, api: Api, task: dict[str, Any]
) -> None:
    api.update(task, "in_progress")
    api.update(task, "marketplace_sync")
    marks = [opened.locator(f'[data-mark="{name}"] button') for name in ("amazon", "shein")]
    expect(marks[1]).to_be_visible()
    marks[0].click()
    opened.locator(".toast").wait_for()
    marks[1].click()
    expect(opened.locator(".badge")).to_have_text("Concluído")
    expect(opened.locator("#toasts").get_by_role("alert")).to_have_count(0)


def test_the_keyboard_goes_on_where_a_step_led(opened: Page, task: dict[str, Any]) -> None:
    for action in ("Iniciar execução", "Enviar aos marketplaces"):
        opened.get_by_role("button", name=action).press("Enter")
        expect(opened.get_by_role("button", name=action)).to_have_count(0)
    expect(opened.locator(".actions summary").first).to_be_focused()
    for name in ("Amazon", "Shein"):
        target = opened.locator(".targets tr").filter(has_text=name)
        target.get_by_role("button", name="Marcar como sincronizado").press("Enter")
        if name == "Amazon":
            expect(target).to_contain_text("Sincronizado")
    expect(opened.locator(".badge")).to_have_text("Concluído")
    # Nothing is left to do.
    expect(opened.get_by_role("heading", level=1)).to_be_focused()


def test_the_keyboard_goes_on_after_a_reason_was_given(opened: Page, task: dict[str, Any]) -> None:
    opened.get_by_text("Cancelar tarefa…").focus()
    opened.keyboard.press("Enter")
    note = opened.locator('[data-action="cancel"]')
    note.get_by_label("Motivo").fill("campanha encerrada")
    note.get_by_role("button").press("Enter")
    expect(opened.locator(".badge")).to_contain_text("Falha")
    expect(opened.get_by_role("button", name="Tentar de novo")).to_be_focused()


def test_what_becomes_of_the_task_is_told_to_those_who_hear_it(
    opened: Page, api: Api, task: dict[str, Any]
) -> None:
    api.update(task, "failed", error="sem estoque")
    expect(opened.locator("#announcer")).to_have_text(f"{task['title']}: Falha · Erro. sem estoque")


def test_qa_decides_on_the_page(
    open_as: Callable[..., Page], api: Api, task: dict[str, Any]
) -> None:
    page = open_as("qa")
    page.goto(address(task))
    wait_until_live(page)
    actions = page.locator(".actions")
    assert actions.get_by_role("button").all_inner_texts() == ["Aprovar"]
    assert actions.locator("summary").all_inner_texts() == ["Rejeitar tarefa…"]
    actions.get_by_role("button", name="Aprovar").click()
    expect(page.locator(".badge")).to_have_text("Aprovada")
    expect(actions.get_by_role("button")).to_have_count(0)


def test_who_created_a_task_is_told_that_somebody_else_approves_it(
    page: Page, task: dict[str, Any]
) -> None:
    page.goto(address(task))
    wait_until_live(page)
    actions = page.locator(".actions")
    approve = actions.get_by_role("button", name="Aprovar")
    expect(approve).to_be_disabled()
    expect(approve).to_have_accessible_description(
        "Você criou ou editou esta tarefa: outra pessoa precisa aprová-la."
    )
    expect(actions.locator(".primary")).to_have_count(0)
    # The direct control stays, and the log says who used it.
    actions.get_by_role("button", name="Iniciar execução").click()
    expect(page.locator(".badge")).to_have_text("Em Progresso")
    expect(page.locator("#own-task")).to_have_count(0)


def test_half_written_note_survives_what_happens_meanwhile(
    opened: Page, api: Api, task: dict[str, Any]
) -> None:
    opened.get_by_text("Cancelar tarefa…").click()
    note = opened.locator('[data-action="cancel"]').get_by_label("Motivo")
    note.fill("ainda escrev")
    api.update(task, "approved")
    expect(opened.locator(".badge")).to_have_text("Aprovada")
    expect(note).to_have_value("ainda escrev")
    expect(note).to_be_focused()


def test_pause_holds_the_page_and_resume_brings_it_up(
    opened: Page, api: Api, task: dict[str, Any]
) -> None:
    opened.keyboard.press("p")
    api.update(task, "in_progress")
    expect(opened.locator("#live")).to_contain_text("1 mudança à espera")
    expect(opened.locator(".badge")).to_have_text("Aguardando")
    opened.get_by_role("button", name="Retomar").click()
    expect(opened.locator(".badge")).to_have_text("Em Progresso")


def test_a_paused_page_shows_what_was_asked_for_and_stays_paused(
    opened: Page, api: Api, task: dict[str, Any]
) -> None:
    live = opened.locator("#live")
    opened.keyboard.press("p")
    api.update(task, "approved")
    expect(live).to_contain_text("1 mudança à espera")
    opened.locator("#refresh").click()
    expect(opened.locator(".badge")).to_have_text("Aprovada")
    expect(live).to_have_attribute("data-state", "paused")
    expect(live).not_to_contain_text("à espera")


def test_what_a_paused_page_had_to_read_anew_is_shown_on_resume(
    open_as: Callable[..., Page], api: Api, task: dict[str, Any]
) -> None:
    page = open_as("head")
    reset_at_each_change(page)
    page.goto(address(task))
    wait_until_live(page)
    page.keyboard.press("p")
    with page.expect_response(f"**{address(task)}") as answer:
        api.update(task, "in_progress")
    answer.value.finished()
    page.wait_for_timeout(200)
    expect(page.locator(".badge")).to_have_text("Aguardando")
    page.get_by_role("button", name="Retomar").click()
    expect(page.locator(".badge")).to_have_text("Em Progresso")


def test_page_catches_up_after_the_connection_was_lost(
    opened: Page, api: Api, cable: Cable, task: dict[str, Any], complaints: Complaints
) -> None:
    complaints.expected += ["WebSocket connection", "Failed to load resource"]
    cable.cut()
    try:
        expect(opened.locator("#live")).to_have_attribute("data-state", "offline")
    finally:
        cable.plug()
    api.update(task, "in_progress")
    wait_until_live(opened)
    expect(opened.locator(".badge")).to_have_text("Em Progresso")


def test_unknown_task_is_a_page_with_a_way_back(
    open_as: Callable[..., Page], complaints: Complaints
) -> None:
    complaints.expected.append("404")
    page = open_as("user")
    response = page.goto("/marketplace/tasks/task-nenhuma")
    assert response is not None and response.status == 404
    expect(page.get_by_role("heading", name="Não há nada aqui")).to_be_visible()
    page.get_by_role("link", name="Voltar às tarefas").click()
    expect(page.get_by_role("heading", name="Execução de tarefas")).to_be_visible()
