"""What people may do with a task from the list: only what is legal, and only for those who may."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import LIST, Api, Complaints, row_of, wait_until_live


def open_list(page: Page, task_type: str) -> None:
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)


def open_menu(page: Page, task: dict[str, Any]) -> list[str]:
    row_of(page, task).get_by_role("button", name="Ações").click()
    return page.get_by_role("menu").get_by_role("menuitem").all_inner_texts()


def choose(page: Page, name: str) -> None:
    # Those that ask for a reason say so by an ellipsis.
    page.get_by_role("menuitem", name=re.compile(f"^{name}…?$")).click()


def status_of(page: Page, task: dict[str, Any]) -> Any:
    return row_of(page, task).locator('[data-field="status"]')


def test_head_takes_a_task_through_its_life(
    open_as: Callable[..., Page], api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type, targets=["amazon", "shein"])
    page = open_as("head")
    open_list(page, task_type)
    assert open_menu(page, task) == [
        "Aprovar",
        "Iniciar execução",
        "Abrir tarefa",
        "Copiar id",
        "Rejeitar tarefa…",
        "Registrar falha…",
        "Cancelar tarefa…",
    ]
    choose(page, "Aprovar")
    expect(status_of(page, task)).to_have_text("Aprovada")
    assert "Aprovar" not in open_menu(page, task)
    choose(page, "Iniciar execução")
    expect(status_of(page, task)).to_have_text("Em Progresso")
    open_menu(page, task)
    choose(page, "Enviar aos marketplaces")
    expect(status_of(page, task)).to_have_text("Sincronizando")
    open_menu(page, task)
    choose(page, "Marcar Shein como sincronizado")
    expect(row_of(page, task).get_by_role("img", name="Shein: sincronizado")).to_be_visible()
    assert "Marcar Shein como não sincronizado" in open_menu(page, task)
    # What completing would withdraw is said first; going back does nothing.
    choose(page, "Concluir tarefa")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("definitivo")
    dialog.get_by_role("button", name="Voltar").click()
    expect(status_of(page, task)).to_have_text("Sincronizando")
    open_menu(page, task)
    choose(page, "Concluir tarefa")
    dialog.get_by_role("button", name="Concluir tarefa").click()
    expect(status_of(page, task)).to_have_text("Concluído")
    assert open_menu(page, task) == ["Abrir tarefa", "Copiar id"]


def test_a_toast_says_done_once_the_row_has_changed_and_goes(
    open_as: Callable[..., Page], api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    page = open_as("head")
    open_list(page, task_type)
    open_menu(page, task)
    choose(page, "Aprovar")
    toast = page.locator(".toast")
    expect(toast).to_contain_text("Aprovar: feito.")
    expect(status_of(page, task)).to_have_text("Aprovada")
    expect(toast).to_have_count(0, timeout=4_000)
    row_of(page, task).locator(".title").click()
    wait_until_live(page)
    page.get_by_role("button", name="Iniciar execução").click()
    expect(toast).to_contain_text("Iniciar execução: feito.")
    expect(page.locator(".badge")).to_have_text("Em Progresso")
    expect(toast).to_have_count(0, timeout=4_000)


def test_an_open_menu_offers_only_what_is_still_legal(
    open_as: Callable[..., Page], api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    page = open_as("head")
    open_list(page, task_type)
    open_menu(page, task)
    page.keyboard.press("ArrowDown")
    start = page.get_by_role("menuitem", name="Iniciar execução")
    expect(start).to_be_focused()
    api.update(task, "failed", error="sem estoque")
    expect(start).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("menuitem", name="Cancelar tarefa")).to_be_disabled()
    expect(page.get_by_role("menuitem", name="Copiar id")).to_be_enabled()
    expect(start).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), [(1366, 650), (844, 390), (640, 400)])
def test_a_low_window_shows_every_item_of_a_menu(
    open_as: Callable[..., Page], api: Api, task_type: str, width: int, height: int
) -> None:
    (task,) = api.create(taskType=task_type, targets=["amazon", "shein", "shopee", "kaway"])
    api.update(task, "in_progress")
    api.update(task, "marketplace_sync")
    page = open_as("head")
    page.set_viewport_size({"width": width, "height": height})
    open_list(page, task_type)
    row_of(page, task).get_by_role("button", name="Ações").focus()
    page.wait_for_timeout(200)
    page.keyboard.press("Enter")
    place = page.get_by_role("menu").bounding_box()
    assert place and place["y"] >= 0 and place["y"] + place["height"] <= height
    page.keyboard.press("End")
    last = page.get_by_role("menuitem", name="Cancelar tarefa")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport(ratio=1)


def test_cancelling_asks_for_a_reason_and_a_retry_forgets_it(
    open_as: Callable[..., Page], api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    page = open_as("head")
    open_list(page, task_type)
    open_menu(page, task)
    choose(page, "Cancelar tarefa")
    dialog = page.get_by_role("dialog")
    confirm = dialog.get_by_role("button", name="Cancelar tarefa")
    confirm.click()
    expect(dialog.get_by_role("alert")).to_have_text("Diga o motivo.")
    expect(dialog.get_by_label("Motivo")).to_be_focused()
    dialog.get_by_label("Motivo").fill("\u200b \u2800")
    confirm.click()
    expect(dialog.get_by_role("alert")).to_have_text("Diga o motivo.")
    dialog.get_by_label("Motivo").fill("anúncio repetido")
    confirm.click()
    expect(dialog).to_be_hidden()
    expect(status_of(page, task)).to_have_text("Falha")
    expect(row_of(page, task)).to_contain_text("Cancelada")
    open_menu(page, task)
    choose(page, "Tentar de novo")
    expect(status_of(page, task)).to_have_text("Aguardando")
    expect(row_of(page, task)).to_contain_text("tentativa 2")


def test_recorded_failure_shows_its_cause_in_full_on_demand(
    open_as: Callable[..., Page], api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    page = open_as("head")
    open_list(page, task_type)
    open_menu(page, task)
    choose(page, "Registrar falha")
    cause = "A foto principal tem 480 px de largura.\n<script>alert(1)</script>"
    page.get_by_role("dialog").get_by_label("Motivo").fill(cause)
    page.get_by_role("dialog").get_by_role("button", name="Registrar falha").click()
    row = row_of(page, task)
    expect(row.get_by_text("480 px")).to_be_hidden()
    row.get_by_text("Ver erro").click()
    expect(row.get_by_text("480 px")).to_have_text(cause)
    expect(row.get_by_text("A tarefa parou em 0% e não continua sozinha.")).to_be_visible()
    expect(row.get_by_text("Corrija a causa e tente a tarefa de novo.")).to_be_visible()


def test_a_rejection_shows_its_reason_as_a_failure_does(
    page: Page, api: Api, task_type: str
) -> None:
    first, second = api.create(times=2, taskType=task_type)
    for task in (first, second):
        api.update(task, "pending", error="API lenta, tentando de novo")
    api.update(first, "failed", failureReason="rejected", reason="As fotos estão escuras.")
    open_list(page, task_type)
    api.update(second, "failed", failureReason="rejected", reason="O título está errado.")
    for task, reason in ((first, "As fotos estão escuras."), (second, "O título está errado.")):
        row = row_of(page, task)
        row.get_by_text("Ver motivo").click()
        expect(row.locator('[data-field="error"]')).to_have_text(reason)
        expect(row.get_by_text("em Aprovações dá para corrigi-la")).to_be_visible()
    page.keyboard.press("Escape")
    row.locator(".title").click()
    story = page.locator('[data-part="error"]')
    expect(story.get_by_role("heading")).to_have_text("Rejeitada")
    expect(story.locator("dd")).to_have_text(
        [
            "O título está errado.",
            "A tarefa não será executada.",
            "Tente a tarefa de novo: ela volta a esperar aprovação, "
            "e em Aprovações dá para corrigi-la.",
        ]
    )


def test_qa_approves_and_rejects_and_nothing_else(
    open_as: Callable[..., Page], api: Api, task_type: str
) -> None:
    first, second, third = api.create(times=3, taskType=task_type)
    api.update(third, "in_progress")
    page = open_as("qa")
    open_list(page, task_type)
    expected = ["Aprovar", "Abrir tarefa", "Copiar id", "Rejeitar tarefa…"]
    assert open_menu(page, first) == expected
    choose(page, "Aprovar")
    expect(status_of(page, first)).to_have_text("Aprovada")
    open_menu(page, second)
    choose(page, "Rejeitar tarefa")
    page.get_by_role("dialog").get_by_label("Motivo").fill("título fora do padrão")
    page.get_by_role("dialog").get_by_role("button", name="Rejeitar tarefa").click()
    expect(row_of(page, second)).to_contain_text("Rejeitada")
    assert open_menu(page, third) == ["Abrir tarefa", "Copiar id"]


def test_a_menu_lets_nobody_approve_what_they_created(
    open_as: Callable[..., Page], task_type: str, complaints: Complaints
) -> None:
    complaints.expected.append("403")
    page = open_as("head")
    (task,) = Api(page.context).create(taskType=task_type)
    open_list(page, task_type)
    open_menu(page, task)
    choose(page, "Aprovar")
    error = page.locator("#toasts").get_by_role("alert")
    expect(error).to_contain_text("outra pessoa precisa aprová-la")
    expect(status_of(page, task)).to_have_text("Aguardando")


def test_user_only_looks(open_as: Callable[..., Page], api: Api, task_type: str) -> None:
    (task,) = api.create(taskType=task_type)
    page = open_as("user")
    open_list(page, task_type)
    assert open_menu(page, task) == ["Abrir tarefa", "Copiar id"]
    choose(page, "Abrir tarefa")
    expect(page.get_by_role("heading", name=task["title"])).to_be_visible()
    expect(page.locator(".actions")).to_be_hidden()


def test_decision_on_an_older_image_is_not_carried_out(
    open_as: Callable[..., Page], api: Api, task_type: str, complaints: Complaints
) -> None:
    complaints.expected.append("409")
    (task,) = api.create(taskType=task_type)
    page = open_as("head")
    page.clock.install()
    open_list(page, task_type)
    open_menu(page, task)
    choose(page, "Cancelar tarefa")
    api.update(task, "in_progress")
    expect(status_of(page, task)).to_have_text("Em Progresso")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Motivo").fill("tarde demais")
    dialog.get_by_role("button", name="Cancelar tarefa").click()
    error = page.locator("#toasts").get_by_role("alert")
    expect(error).to_contain_text("mudou enquanto você decidia")
    expect(status_of(page, task)).to_have_text("Em Progresso")
    # An error stays until somebody has read it.
    page.clock.fast_forward(10_000)
    expect(error).to_be_visible()
    error.get_by_role("button", name="Fechar").click()
    expect(error).to_have_count(0)
    # What was written is there when it is decided anew, and only for that.
    open_menu(page, task)
    choose(page, "Registrar falha")
    expect(dialog.get_by_role("textbox")).to_have_value("")
    dialog.get_by_role("button", name="Voltar").click()
    open_menu(page, task)
    choose(page, "Cancelar tarefa")
    expect(dialog.get_by_label("Motivo")).to_have_value("tarde demais")
    dialog.get_by_role("button", name="Cancelar tarefa").click()
    expect(status_of(page, task)).to_have_text("Falha")


def test_words_survive_the_end_of_a_session(
    open_as: Callable[..., Page], api: Api, task_type: str, complaints: Complaints
) -> None:
    complaints.expected += ["401", "403"]
    (task,) = api.create(taskType=task_type)
    page = open_as("head")
    open_list(page, task_type)
    open_menu(page, task)
    choose(page, "Cancelar tarefa")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Motivo").fill("fora de linha")
    # A sign-in in another tab brings another token.
    token = next(one for one in page.context.cookies() if one["name"] == "csrftoken")
    page.context.add_cookies([{**token, "value": "b" * 32}])  # type: ignore[typeddict-item,list-item]  # as it gave it
    dialog.get_by_role("button", name="Cancelar tarefa").click()
    error = page.locator("#toasts").get_by_role("alert")
    expect(error).to_contain_text("entrou de novo neste navegador")
    error.get_by_role("button", name="Recarregar").click()
    wait_until_live(page)
    open_menu(page, task)
    choose(page, "Cancelar tarefa")
    expect(dialog.get_by_label("Motivo")).to_have_value("fora de linha")
    cookies = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    dialog.get_by_role("button", name="Cancelar tarefa").click()
    expect(error).to_contain_text("nada foi perdido")
    expect(error.get_by_role("link", name="Entrar de novo")).to_have_attribute(
        "href", re.compile(r"^/accounts/login/\?next=.+taskType")
    )
    # As after signing in there.
    page.context.add_cookies(cookies)  # type: ignore[arg-type]  # as it gave them
    open_list(page, task_type)
    open_menu(page, task)
    choose(page, "Cancelar tarefa")
    expect(dialog.get_by_label("Motivo")).to_have_value("fora de linha")
    dialog.get_by_role("button", name="Voltar").click()
    row_of(page, task).locator(".title").click()
    page.get_by_text("Cancelar tarefa…").click()
    expect(page.locator("#note-cancel")).to_have_value("fora de linha")


def test_progress_made_while_one_decides_is_no_other_task(
    open_as: Callable[..., Page], api: Api, task_type: str, complaints: Complaints
) -> None:
    complaints.expected.append("409")
    (task,) = api.create(taskType=task_type)
    api.update(task, "in_progress")
    page = open_as("head")
    open_list(page, task_type)
    open_menu(page, task)
    choose(page, "Cancelar tarefa")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Motivo").fill("fora de linha")
    api.update(task, "in_progress", progress=60)
    dialog.get_by_role("button", name="Cancelar tarefa").click()
    expect(status_of(page, task)).to_have_text("Falha")


def test_lost_answer_is_told_as_unknown(
    open_as: Callable[..., Page], api: Api, task_type: str, complaints: Complaints
) -> None:
    complaints.expected.append("ERR_FAILED")
    (task,) = api.create(taskType=task_type)
    page = open_as("head")
    open_list(page, task_type)
    page.route(f"**/tasks/{task['taskId']}", lambda route: route.abort())
    open_menu(page, task)
    choose(page, "Aprovar")
    expect(page.locator("#toasts").get_by_role("alert")).to_contain_text("não sabemos se")
    expect(status_of(page, task)).to_have_text("Aguardando")


def test_id_is_copied(open_as: Callable[..., Page], api: Api, task_type: str) -> None:
    (task,) = api.create(taskType=task_type)
    page = open_as("user", permissions=["clipboard-read", "clipboard-write"])
    page.clock.install()
    open_list(page, task_type)
    row_of(page, task).hover()
    row_of(page, task).get_by_role("button", name="Copiar id").click()
    expect(page.locator(".toast")).to_contain_text(task["taskId"])
    assert page.evaluate("navigator.clipboard.readText()") == task["taskId"]
    page.clock.fast_forward(10_000)
    expect(page.locator(".toast")).to_have_count(0)
