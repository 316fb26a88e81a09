"""Bulk actions in the list, and the page of a bulk job."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.cable import Cable
from tests.e2e.conftest import LIST, Api, Complaints, listen, row_of, wait_until_live
from tests.e2e.test_quality import serious_faults


@pytest.fixture
def tasks(api: Api, task_type: str) -> list[dict[str, Any]]:
    """Four pending tasks and a completed one, newest first as the list has them."""
    made = api.create(times=5, taskType=task_type)
    api.update(made[0], "in_progress")
    api.update(made[0], "completed")
    return made[::-1]


@pytest.fixture
def head(open_as: Callable[..., Page], tasks: list[dict[str, Any]], task_type: str) -> Page:
    """A window on a list that holds the five tasks alone."""
    page = open_as("head")
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    return page


def box(page: Page, task: dict[str, Any]) -> Locator:
    return row_of(page, task).locator("[data-pick]")


def bar(page: Page) -> Locator:
    return page.get_by_role("region", name="Tarefas selecionadas")


def order(page: Page, action: str, reason: str = "Teste em massa") -> Locator:
    """Open the dialog, say why, confirm; the dialog as it then is."""
    bar(page).get_by_role("button", name=re.compile(rf"^{action}( tarefas)?…$")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[data-field=confirm]")).to_be_enabled()
    dialog.get_by_label("Motivo").fill(reason)
    dialog.locator("[data-field=confirm]").click()
    expect(dialog.locator("[data-job-state=done]")).to_be_visible()
    return dialog


def test_select_cancel_and_undo(head: Page, tasks: list[dict[str, Any]], api: Api) -> None:
    box(head, tasks[0]).click()
    box(head, tasks[4]).click(modifiers=["Shift"])
    expect(bar(head)).to_contain_text("5 selecionadas")
    bar(head).get_by_role("button", name="Cancelar tarefas…").click()
    dialog = head.get_by_role("dialog")
    expect(dialog).to_contain_text("4 de 5 tarefas serão alteradas.")
    expect(dialog).to_contain_text("o status não permite")
    expect(dialog.get_by_role("heading")).to_have_text("Cancelar 4 tarefas")
    expect(dialog).to_contain_text("As tarefas são interrompidas.")
    # Without a reason nothing is sent.
    dialog.get_by_role("button", name="Cancelar 4 tarefas").click()
    expect(dialog.get_by_role("alert").first).to_have_text("Diga o motivo.")
    dialog.get_by_label("Motivo").fill("Campanha encerrada")
    dialog.get_by_role("button", name="Cancelar 4 tarefas").click()
    expect(dialog).to_contain_text("4 de 5 feitas")
    expect(row_of(head, tasks[0])).to_contain_text("Falha")
    expect(bar(head)).to_be_hidden()

    dialog.get_by_role("button", name="Desfazer").click()
    expect(head.get_by_role("heading", level=1)).to_have_text("Desfazer a mudança em 4 tarefas")
    expect(head.locator("[data-part=job]")).to_contain_text("4 de 4 feitas")
    head.get_by_role("link", name="Cancelar 5 tarefas").click()
    expect(head.get_by_role("link", name="Desfeitas: 4 de 4.")).to_be_visible()
    expect(head.get_by_text("Campanha encerrada")).to_be_visible()
    refused = head.get_by_role("region", name="Tarefas recusadas")
    expect(refused.get_by_role("link", name=tasks[4]["title"])).to_be_visible()
    done = head.get_by_role("region", name="O que foi feito")
    expect(done.get_by_role("listitem")).to_have_count(4)
    expect(done.get_by_role("listitem").first).to_contain_text("Aguardando → Falha")
    expect(done.get_by_role("link", name=tasks[0]["title"])).to_be_visible()
    expect(head.get_by_text("5 tarefas escolhidas uma a uma")).to_be_visible()
    wait_until_live(head)
    head.keyboard.press("p")
    expect(head.locator("#live")).to_have_attribute("data-state", "paused")
    found = api.read(f"taskId={tasks[0]['taskId']}")["tasks"]
    assert found[0]["status"] == "pending"


def test_what_was_written_is_kept_until_it_is_done_or_given_up(
    head: Page, tasks: list[dict[str, Any]]
) -> None:
    dialog = head.get_by_role("dialog")
    note, agent = dialog.get_by_label("Motivo"), dialog.get_by_label("Agente")
    box(head, tasks[0]).check()
    cancel = bar(head).get_by_role("button", name="Cancelar tarefas…")
    assign = bar(head).get_by_role("button", name="Atribuir…")
    cancel.click()
    note.fill("Campanha encerrada")
    head.keyboard.press("Escape")
    # Another action has another reason; one more task is the same matter.
    assign.click()
    expect(note).to_have_value("")
    agent.fill("Marina")
    dialog.get_by_role("button", name="Voltar").click()
    assign.click()
    expect(agent).to_have_value("Marina")
    head.keyboard.press("Escape")
    box(head, tasks[1]).check()
    cancel.click()
    note.fill("Campanha encerrada")
    dialog.get_by_role("button", name="Voltar").click()
    box(head, tasks[1]).uncheck()
    cancel.click()
    expect(note).to_have_value("Campanha encerrada")
    head.keyboard.press("Escape")
    bar(head).get_by_role("button", name="Limpar seleção").click()
    box(head, tasks[0]).check()
    cancel.click()
    expect(note).to_have_value("")
    note.fill("Outra campanha")
    dialog.locator("[data-field=confirm]").click()
    expect(dialog.locator("[data-job-state=done]")).to_be_visible()
    dialog.get_by_role("button", name="Fechar").press("Enter")
    # The button that opened it is gone: the keyboard goes on from the row in hand.
    expect(box(head, tasks[0])).to_be_focused()
    box(head, tasks[1]).check()
    cancel.click()
    expect(note).to_have_value("")


def test_where_none_can_change_nothing_is_asked_for(
    head: Page, tasks: list[dict[str, Any]]
) -> None:
    # Its status allows it; that nothing is left to send the server alone knows.
    box(head, tasks[4]).check()
    bar(head).get_by_role("button", name="Sincronizar de novo").click()
    dialog = head.get_by_role("dialog")
    expect(dialog).to_contain_text("Isto não pode ser feito com a tarefa.")
    expect(dialog.get_by_role("heading")).to_have_text("Sincronizar de novo")
    expect(dialog.locator("[data-field=confirm]")).to_be_hidden()
    expect(dialog.get_by_label("Motivo")).to_be_hidden()
    expect(dialog.get_by_role("button", name="Voltar")).to_be_focused()
    dialog.get_by_role("button", name="Voltar").click()
    box(head, tasks[0]).check()
    bar(head).get_by_role("button", name="Cancelar tarefas…").click()
    expect(dialog.get_by_label("Motivo")).to_be_focused()
    expect(dialog.locator("[data-field=confirm]")).to_be_enabled()


def offered(page: Page) -> dict[str, bool]:
    """The bar's actions in their order, and whether each can be pressed."""
    return dict(
        bar(page)
        .locator("[data-bulk]")
        .evaluate_all(
            """(buttons) => buttons.map(
              (one) => [one.dataset.bulk, one.getAttribute("aria-disabled") !== "true"]
            )"""
        )
    )


def test_what_can_be_done_comes_first(
    head: Page, tasks: list[dict[str, Any]], api: Api, task_type: str
) -> None:
    api.update(tasks[0], "failed", error="sem estoque")
    expect(row_of(head, tasks[0])).to_contain_text("Falha")
    head.set_viewport_size({"width": 390, "height": 844})
    box(head, tasks[0]).check()
    retry = bar(head).get_by_role("button", name="Tentar de novo")
    expect(retry).to_be_in_viewport(ratio=1)
    order = ["retry", "approve", "reject", "cancel", "assign", "sync"]
    assert list(offered(head)) == order
    assert offered(head) == {action: action == "retry" for action in order}
    bar(head).get_by_role("button", name="Aprovar").click(force=True)
    assert head.get_by_role("dialog").count() == 0
    retry.click()
    dialog = head.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Tentar de novo 1 tarefa")
    expect(dialog).to_contain_text("A tarefa será alterada.")
    expect(dialog).to_contain_text("Não dá para desfazer, mas dá para cancelar depois.")
    dialog.get_by_role("button", name="Voltar").click()
    # A task that changes changes what can be done with it, and moves no button under the hand.
    api.update(tasks[0], "pending")
    expect(retry).to_have_attribute("aria-disabled", "true")
    assert list(offered(head)) == order
    assert [action for action, can in offered(head).items() if can] == [
        "approve",
        "reject",
        "cancel",
        "assign",
    ]
    box(head, tasks[1]).check()
    assert list(offered(head)) == ["approve", "reject", "cancel", "assign", "retry", "sync"]


@pytest.mark.parametrize(
    ("status", "impossible"), [("&status=pending,approved", ["retry", "sync"]), ("", [])]
)
def test_what_can_be_done_with_all_that_match_is_said_by_the_filter(
    head: Page, api: Api, task_type: str, status: str, impossible: list[str]
) -> None:
    head.goto(f"{LIST}?taskType={task_type}{status}")
    wait_until_live(head)
    head.get_by_label("Selecionar todas as mostradas").check()
    api.create(taskType=task_type)
    bar(head).get_by_role("button", name="Selecionar todas as").click()
    expect(bar(head)).to_contain_text("que correspondem ao filtro")
    assert [action for action, can in offered(head).items() if not can] == impossible
    expect(bar(head).get_by_role("button", name="Aprovar")).to_be_focused()


def test_all_that_match_the_filter(head: Page, api: Api, task_type: str) -> None:
    head.get_by_label("Selecionar todas as mostradas").check()
    expect(bar(head)).to_contain_text("5 selecionadas")
    # Tasks that come while somebody selects wait above the list.
    api.create(taskType=task_type)
    expect(head.locator("#pill")).to_be_visible()
    told = listen(head)
    bar(head).get_by_role("button", name="Selecionar todas as 6").click()
    expect(head.locator("#announcer")).to_contain_text("Todas as 6")
    # The number moves on; it is said when somebody selects, and not again.
    api.create(taskType=task_type)
    expect(bar(head)).to_contain_text("Todas as 7")
    assert len([sentence for sentence in told() if "filtro" in sentence]) == 1
    bar(head).get_by_role("button", name="Rejeitar…").click()
    dialog = head.get_by_role("dialog")
    expect(dialog.locator("[data-field=confirm]")).to_be_enabled()
    # What begins to match after that was not shown, and does not join.
    api.create(taskType=task_type)
    dialog.get_by_label("Motivo").fill("Teste em massa")
    dialog.locator("[data-field=confirm]").click()
    expect(dialog).to_contain_text("6 de 7 feitas")


# Of the first page that it is read for.
DAY_ENDS_SOON = """
  const { parse } = JSON;
  JSON.parse = (text) => {
    const data = parse(text);
    if (data?.turnsAt && !sessionStorage.hasTurned) {
      sessionStorage.hasTurned = "yes";
      data.turnsAt = new Date(Date.now() + 4000).toISOString();
    }
    return data;
  };
"""


def test_after_midnight_all_that_match_today_are_not_yesterdays(
    head: Page, tasks: list[dict[str, Any]], task_type: str
) -> None:
    head.add_init_script(DAY_ENDS_SOON)
    head.goto(f"{LIST}?period=today&taskType={task_type}")
    head.evaluate("document.body.dataset.isOld = ''")
    box(head, tasks[0]).check()
    bar(head).get_by_role("button", name="Selecionar todas as 5").click()
    told = head.locator("#toasts").get_by_text("ainda é do dia anterior")
    expect(told).to_be_visible()
    bar(head).get_by_role("button", name=re.compile("^Cancelar")).click()
    expect(head.get_by_role("dialog")).to_have_count(0)
    # Once nobody has anything in hand, it is today's.
    bar(head).get_by_role("button", name="Limpar seleção").click()
    head.evaluate("document.activeElement.blur()")
    expect(head.locator("body[data-is-old]")).to_have_count(0)
    expect(row_of(head, tasks[0])).to_be_visible()


def test_what_has_left_the_filter_is_not_among_all_that_match(
    head: Page, tasks: list[dict[str, Any]], api: Api, task_type: str
) -> None:
    head.goto(f"{LIST}?taskType={task_type}&status=pending")
    wait_until_live(head)
    head.get_by_label("Selecionar todas as mostradas").check()
    expect(bar(head)).to_contain_text("4 selecionadas")
    api.update(tasks[0], "in_progress")
    expect(row_of(head, tasks[0])).to_contain_text("saiu do filtro")
    # By name it is still one of those that were ticked.
    expect(box(head, tasks[0])).to_be_checked()
    api.create(times=2, taskType=task_type)
    bar(head).get_by_role("button", name="Selecionar todas as 5").click()
    expect(box(head, tasks[0])).not_to_be_checked()
    expect(box(head, tasks[1])).to_be_checked()
    expect(head.get_by_label("Selecionar todas as mostradas")).to_be_checked()
    api.update(tasks[1], "in_progress")
    expect(row_of(head, tasks[1])).to_contain_text("saiu do filtro")
    expect(box(head, tasks[1])).not_to_be_checked()
    expect(bar(head)).to_contain_text("4 que correspondem ao filtro")
    dialog = order(head, "Cancelar")
    expect(dialog).to_contain_text("4 de 4 feitas")


def test_what_came_ticked_is_in_the_order(
    head: Page, tasks: list[dict[str, Any]], api: Api, task_type: str
) -> None:
    head.get_by_label("Selecionar todas as mostradas").check()
    (late,) = api.create(taskType=task_type)
    bar(head).get_by_role("button", name="Selecionar todas as 6").click()
    head.locator("#pill").click()
    expect(box(head, late)).to_be_checked()
    box(head, tasks[0]).uncheck()
    expect(head.locator("[data-pick]:checked")).to_have_count(5)
    expect(bar(head)).to_contain_text("5 selecionadas")


def test_assign_asks_for_the_agent(
    head: Page, tasks: list[dict[str, Any]], api: Api, complaints: Complaints
) -> None:
    complaints.expected.append("400")
    box(head, tasks[0]).check()
    bar(head).get_by_role("button", name="Atribuir…").click()
    dialog = head.get_by_role("dialog")
    expect(dialog.get_by_label("Agente")).to_be_focused()
    expect(dialog).to_contain_text("A tarefa será alterada.")
    expect(dialog.locator("[data-field=confirm]")).to_be_enabled()
    dialog.get_by_label("Motivo").fill("férias")
    dialog.get_by_label("Agente").fill("ninguem")
    dialog.locator("[data-field=confirm]").click()
    expect(dialog.get_by_role("alert").first).to_contain_text("Este agente não existe")
    dialog.get_by_label("Agente").fill("Marina")
    dialog.locator("[data-field=confirm]").click()
    expect(dialog).to_contain_text("1 de 1 feita")
    found = api.read(f"taskId={tasks[0]['taskId']}")["tasks"]
    assert found[0]["agentId"] == "marina"


def test_a_dry_run_without_an_answer_can_be_repeated(
    head: Page, tasks: list[dict[str, Any]], cable: Cable, complaints: Complaints
) -> None:
    complaints.expected += ["WebSocket", "ERR_", "400"]
    # What asks and orders comes with the selection, and brings two more, in whatever order.
    with (
        head.expect_request_finished(lambda request: "/refusals." in request.url),
        head.expect_request_finished(lambda request: "/lines." in request.url),
    ):
        box(head, tasks[0]).check()
    cable.cut()
    try:
        bar(head).get_by_role("button", name="Cancelar tarefas…").click()
        dialog = head.get_by_role("dialog")
        again = dialog.get_by_role("button", name="Tentar de novo")
        expect(again).to_be_visible()
        expect(dialog).to_contain_text("Nada foi alterado")
        expect(dialog).not_to_contain_text("Failed")
        # Beside "Voltar" it names what it cancels; and one task is spoken of as one.
        expect(dialog.get_by_role("heading")).to_have_text("Cancelar tarefas")
        expect(dialog.locator("[data-field=confirm]")).to_have_text("Cancelar tarefas")
        expect(dialog).to_contain_text("A tarefa é interrompida.")
    finally:
        cable.plug()
    again.click()
    expect(dialog).to_contain_text("A tarefa é interrompida.")
    expect(dialog).to_contain_text("A tarefa será alterada.")
    expect(dialog.locator("[data-field=confirm]")).to_be_enabled()
    # What cannot succeed is not offered again.
    too_many = {"code": "validation_error", "error": "x", "details": {"filter": ["São demais."]}}
    head.route("**/bulk", lambda route: route.fulfill(status=400, json=too_many))
    dialog.get_by_role("button", name="Voltar").click()
    bar(head).get_by_role("button", name="Cancelar tarefas…").click()
    expect(dialog).to_contain_text("São demais.")
    expect(again).to_have_count(0)


def test_on_a_phone_the_bar_is_one_line_and_off_the_row(
    head: Page, tasks: list[dict[str, Any]]
) -> None:
    head.set_viewport_size({"width": 390, "height": 844})
    last = box(head, tasks[4])
    last.scroll_into_view_if_needed()
    last.check()
    expect(bar(head)).to_be_visible()
    measured = head.evaluate(
        """() => {
          const bar = document.getElementById("bulk-bar");
          const row = document.querySelector("tr:has([data-pick]:checked)");
          bar.scrollLeft = bar.scrollWidth;
          const last = bar.querySelector('[data-field="clear"]').getBoundingClientRect();
          return [bar.offsetHeight, last.right,
                  row.getBoundingClientRect().bottom - bar.getBoundingClientRect().top];
        }"""
    )
    height, right, overlap = measured
    assert height <= 60
    assert right <= 390
    assert overlap <= 0


def test_the_keyboard_selects(head: Page, tasks: list[dict[str, Any]]) -> None:
    head.keyboard.press("j")
    head.keyboard.press("x")
    head.keyboard.press("j")
    head.keyboard.press("x")
    expect(bar(head)).to_contain_text("2 selecionadas")
    head.keyboard.press("x")
    expect(bar(head)).to_contain_text("1 selecionada")
    expect(box(head, tasks[0])).to_be_checked()
    # Far away in the order of Tab, the bar and what is said are one key away, and so is the row.
    copy = row_of(head, tasks[1]).locator("[data-copy]")
    copy.press("Enter")
    head.keyboard.press("F6")
    expect(bar(head).get_by_role("button").first).to_be_focused()
    head.keyboard.press("F6")
    expect(head.locator(".toast").get_by_role("button", name="Fechar")).to_be_focused()
    head.keyboard.press("F6")
    expect(copy).to_be_focused()
    bar(head).get_by_role("button", name="Limpar seleção").click()
    expect(bar(head)).to_be_hidden()
    expect(box(head, tasks[0])).not_to_be_checked()


def test_others_are_offered_none_of_it(open_as: Callable[..., Page], task_type: str) -> None:
    page = open_as("qa")
    scripts: list[str] = []
    page.on("request", lambda request: scripts.append(request.url))
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    assert page.locator("[data-pick], #bulk-bar").count() == 0
    assert not [url for url in scripts if "bulk" in url]


def test_a_job_page_reads_without_scripts(
    head: Page, open_as: Callable[..., Page], tasks: list[dict[str, Any]]
) -> None:
    box(head, tasks[0]).check()
    dialog = order(head, "Cancelar")
    address = str(dialog.get_by_role("link", name="Abrir a página").get_attribute("href"))
    page = open_as("head", java_script_enabled=False)
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancelar 1 tarefa")
    page.get_by_role("button", name="Desfazer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Desfazer a mudança em 1 tarefa")
    page.goto(address)
    assert page.get_by_role("button", name="Desfazer").count() == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_and_room_for_fingers(head: Page, tasks: list[dict[str, Any]], width: int) -> None:
    head.set_viewport_size({"width": width, "height": 844})
    for task in (tasks[0], tasks[4]):
        box(head, task).check()
    faults = serious_faults(head)
    bar(head).get_by_role("button", name="Cancelar tarefas…").click()
    dialog = head.get_by_role("dialog")
    expect(dialog.locator("[data-field=confirm]")).to_be_enabled()
    faults += serious_faults(head)
    assert head.evaluate("document.documentElement.scrollWidth") == width
    dialog.get_by_label("Motivo").fill("x")
    dialog.locator("[data-field=confirm]").click()
    expect(dialog.locator("[data-job-state=done]")).to_be_visible()
    faults += serious_faults(head)
    dialog.get_by_role("link", name="Abrir a página").click()
    expect(head.get_by_role("heading", level=1)).to_be_visible()
    faults += serious_faults(head)
    assert faults == []
    assert head.evaluate("document.documentElement.scrollWidth") == width
