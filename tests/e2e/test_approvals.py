"""The approvals inbox in the browser: by hand, by keyboard, and while others decide too."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.e2e.cable import Cable
from tests.e2e.conftest import Api, Complaints, listen, set_clock_wrong, wait_until_live
from tests.e2e.test_quality import serious_faults

INBOX = "/marketplace/tasks/approvals"


@pytest.fixture
def inbox(open_as: Callable[..., Page], task_type: str) -> Callable[..., Page]:
    def open_inbox(username: str = "qa", **options: Any) -> Page:
        page = open_as(username, **options)
        page.goto(f"{INBOX}?taskType={task_type}")
        if options.get("java_script_enabled", True):
            wait_until_live(page)
        return page

    return open_inbox


def row(page: Page, task: dict[str, Any]) -> Any:
    return page.locator(f'.pending[data-task="{task["taskId"]}"]')


def places_of(page: Page) -> list[list[float]]:
    """Where the rows stand, and how high each is."""
    measured: list[list[float]] = page.eval_on_selector_all(
        ".pending",
        "(rows) => rows.map((row) => [row.offsetTop, row.getBoundingClientRect().height])",
    )
    return measured


def status_of(api: Api, task: dict[str, Any]) -> str:
    (found,) = api.read(f"taskId={task['taskId']}")["tasks"]
    return str(found["status"])


@pytest.mark.parametrize(
    "address",
    [
        "/marketplace/orchestration",
        "/marketplace/orchestration/optimization",
        "/marketplace/tasks/execution",
        INBOX,
    ],
)
def test_count_in_the_bar_follows_on_every_live_page(page: Page, api: Api, address: str) -> None:
    page.goto(address)
    wait_until_live(page)
    badge = page.locator(".place-count")

    def expect_the_servers_count() -> None:
        count = api.read("status=pending&limit=1")["totalTasks"]
        expect(badge).to_have_text(f"{count} aguardando aprovação", timeout=5_000)

    expect_the_servers_count()
    tasks = api.create(times=2)
    expect_the_servers_count()
    # To approved: the card Aguardando stays as it is, the count of what waits does not.
    api.update(tasks[0], "approved")
    expect_the_servers_count()
    api.update(tasks[1], "failed", failureReason="cancelled", reason="teste")
    expect_the_servers_count()
    # And each of them rests while somebody reads.
    live = page.locator("#live")
    page.keyboard.press("p")
    expect(live).to_have_attribute("data-state", "paused")
    api.update(api.create()[0], "failed", failureReason="cancelled", reason="teste")
    expect(live).to_contain_text("2 mudanças à espera")
    page.get_by_role("button", name="Retomar").click()
    expect(live).to_have_attribute("data-state", "live")
    expect(live).not_to_contain_text("à espera")


def test_a_page_that_was_read_before_a_decision_does_not_undo_it(
    inbox: Callable[..., Page], api: Api, task_type: str
) -> None:
    task, other = api.create(times=2, taskType=task_type)
    page = inbox()
    chip = page.locator('.chip[data-channel="amazon"] [data-field="count"]')
    before = int(chip.inner_text())
    held: list[tuple[Route, APIResponse]] = []
    address = re.compile(rf"{INBOX}\?")

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route(address, hold_the_first)
    page.locator("#refresh").click()
    while not held:
        page.wait_for_timeout(50)
    api.update(task, "approved")
    expect(row(page, task)).to_have_class(re.compile("has-left"))
    with page.expect_response(address):
        ((route, answer),) = held
        route.fulfill(response=answer)
    page.wait_for_timeout(500)
    expect(row(page, task)).to_have_count(0)  # whoever refreshes lets go of what was decided
    expect(chip).to_have_text(str(before - 1))
    # What is read after it says so too, and counts for the chips.
    page.unroute(address)
    next_chip = page.locator('.chip[data-channel="mercadolivre"]')
    place = next_chip.bounding_box()
    page.evaluate("document.querySelector('.chip[data-channel=amazon] .count').textContent = '700'")
    assert next_chip.bounding_box() == place
    page.locator("#refresh").click()
    expect(chip).to_have_text(str(before - 1))
    expect(row(page, other).locator("[name=task]")).to_be_enabled()


def test_keyboard_walks_approves_rejects_and_selects(
    inbox: Callable[..., Page], api: Api, task_type: str
) -> None:
    tasks = api.create(times=5, taskType=task_type)
    page = inbox()
    page.keyboard.press("j")
    expect(row(page, tasks[0]).locator(".title")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("a")
    expect(row(page, tasks[0])).to_have_count(0)
    expect(page.get_by_text(f"Aprovada: {tasks[0]['title']}")).to_be_visible()
    assert status_of(api, tasks[0]) == "approved"
    # One goes on with the next.
    expect(row(page, tasks[1]).locator(".title")).to_be_focused()
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Rejeitar tarefa").click()
    expect(dialog.get_by_role("alert")).to_have_text("Diga o motivo.")
    dialog.get_by_label("Motivo").fill("sem foto")
    dialog.get_by_role("button", name="Rejeitar tarefa").click()
    expect(row(page, tasks[1])).to_have_count(0)
    assert status_of(api, tasks[1]) == "failed"
    page.locator(".pending .title").first.focus()
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("2 selecionadas")).to_be_visible()
    # It is said once, whatever happens meanwhile.
    told = listen(page)
    api.create(taskType=task_type)
    expect(page.get_by_role("button", name="1 nova")).to_be_visible()
    assert [sentence for sentence in told() if "selecionada" in sentence] == []
    # On the way through the filters a letter decides nothing.
    page.locator(".chip").nth(1).focus()
    for key in ("a", "r"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".pending[aria-busy=true]")).to_have_count(0)
    page.locator(".pending .title").nth(1).focus()
    # With a selection the keys are about all of it.
    page.keyboard.press("r")
    expect(dialog.get_by_role("heading", name="Rejeitar 2 tarefas")).to_be_visible()
    expect(dialog.get_by_role("button", name="Rejeitar 2 tarefas")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.get_by_text("Aprovadas: 2")).to_be_visible()
    expect(page.locator(".pending")).to_have_count(1)
    page.locator(".pending .title").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=tasks[4]["title"])).to_be_visible()


def test_a_second_click_decides_no_other_task(
    inbox: Callable[..., Page], api: Api, task_type: str
) -> None:
    tasks = api.create(times=4, taskType=task_type)
    page = inbox()
    page.clock.install()
    page.reload()
    wait_until_live(page)
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=5))
    sent: list[str] = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    button = row(page, tasks[0]).get_by_role("button", name="Aprovar").bounding_box()
    assert button
    x, y = button["x"] + button["width"] / 2, button["y"] + button["height"] / 2
    page.mouse.click(x, y)
    expect(row(page, tasks[0])).to_have_count(0)
    # The next row has come under the pointer.
    page.mouse.click(x, y)
    page.clock.fast_forward(550)
    page.mouse.click(x, y)
    page.clock.fast_forward(100)
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    page.wait_for_timeout(300)
    assert len(sent) == 1
    page.mouse.click(x, y)
    expect(row(page, tasks[1])).to_have_count(0)
    # Who decides by keyboard is as quick as they like.
    page.keyboard.press("a")
    expect(row(page, tasks[2])).to_have_count(0)
    # A dialog that closes leaves a pointer on the row below it.
    row(page, tasks[3]).get_by_text("Rejeitar…").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    row(page, tasks[3]).get_by_role("button", name="Aprovar").click()
    page.clock.fast_forward(650)
    assert len(sent) == 3
    row(page, tasks[3]).get_by_role("button", name="Aprovar").click()
    expect(row(page, tasks[3])).to_have_count(0)


def test_several_or_an_edited_one_are_sent_once(
    inbox: Callable[..., Page], api: Api, task_type: str
) -> None:
    tasks = api.create(times=3, taskType=task_type)
    page = inbox()
    sent: list[str] = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    for task in tasks[:2]:
        row(page, task).get_by_role("checkbox").check()
    page.get_by_role("button", name="Aprovar selecionadas").focus()
    for _press in range(2):
        page.keyboard.press("Enter")
    expect(page.locator(".pending")).to_have_count(1)
    row(page, tasks[2]).get_by_text("Editar…").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Aprovar").dblclick()
    expect(page.locator(".pending")).to_have_count(0)
    page.wait_for_timeout(300)
    assert len(sent) == 2
    expect(page.locator("#toasts").get_by_role("alert")).to_have_count(0)


def test_edit_then_approve_is_told_on_the_timeline(
    inbox: Callable[..., Page], api: Api, task_type: str, complaints: Complaints
) -> None:
    complaints.expected += ["400", "401"]
    (task,) = api.create(taskType=task_type, agentId="alex")
    page = inbox()
    page.keyboard.press("j")
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Título")).to_be_focused()
    dialog.get_by_label("Estimativa em minutos").fill("-1")
    dialog.locator("form").evaluate("(form) => (form.noValidate = true)")
    dialog.get_by_role("button", name="Aprovar").click()
    # The error stands at its field, which has the focus.
    estimate = dialog.get_by_label("Estimativa em minutos")
    expect(estimate).to_be_focused()
    expect(estimate).to_have_attribute("aria-invalid", "true")
    expect(estimate).to_have_accessible_description(re.compile("maior que 0"))
    assert serious_faults(page) == []
    estimate.fill("90")
    dialog.get_by_label("Título").fill("Título novo")
    dialog.get_by_label("Motivo").fill("foto nova")
    # What was written is there after a new sign-in, and where the task has changed meanwhile.
    cookies = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    dialog.get_by_role("button", name="Aprovar").click()
    expect(dialog.get_by_role("link", name="Entrar de novo")).to_be_visible()
    # What is said stands over no button.
    dialog.get_by_role("button", name="Aprovar").click(trial=True)
    page.context.add_cookies(cookies)  # type: ignore[arg-type]  # as it gave them
    page.goto(page.url)
    row(page, task).get_by_text("Editar…").click()
    expect(dialog.get_by_label("Título")).to_have_value("Título novo")
    agent = dialog.get_by_label("Agente")
    given = {"action": "assign", "agentId": "tren", "reason": "Alex saiu"}
    api.send("POST", {**given, "taskIds": [task["taskId"]]}, "/bulk")
    dialog.get_by_role("button", name="Aprovar").click()
    expect(dialog.get_by_role("alert")).to_contain_text("mudou enquanto você decidia")
    expect(agent).to_have_value("tren")
    expect(agent).to_be_focused()
    expect(agent).to_have_accessible_description("Mudou enquanto isso: Tren")
    expect(dialog.get_by_label("Motivo")).to_have_value("foto nova")
    dialog.get_by_role("button", name="Aprovar").click()
    expect(page.get_by_text("Aprovada: Título novo")).to_be_visible()
    expect(row(page, task)).to_have_count(0)
    assert page.evaluate("document.activeElement !== document.body")
    page.goto(f"/marketplace/tasks/{task['taskId']}")
    expect(page.get_by_text("a estimativa de 60 para 90 min: “foto nova”")).to_be_visible()


def test_what_others_decide_turns_grey_and_what_is_new_waits(
    inbox: Callable[..., Page], api: Api, task_type: str
) -> None:
    first, second, third = api.create(times=3, taskType=task_type)
    page = inbox()
    set_clock_wrong(page)
    page.reload()
    wait_until_live(page)
    waits = row(page, first).locator('[data-field="waiting"]')
    waits.evaluate("(slot) => { slot.textContent = ''; }")
    expect(waits).to_have_text("chegou agora")
    page.keyboard.press("j")
    places = places_of(page)
    api.update(second, "failed", failureReason="rejected", reason="não")
    expect(row(page, second)).to_contain_text("rejeitada por admin")
    assert places_of(page) == places
    expect(row(page, second).get_by_role("checkbox")).to_be_disabled()
    expect(page.locator(".pending")).to_have_count(3)
    page.keyboard.press("p")
    (new,) = api.create(taskType=task_type)
    expect(page.locator("#live")).to_contain_text("1 mudança à espera")
    pill = page.get_by_role("button", name="1 nova")
    expect(pill).to_be_hidden()
    page.keyboard.press("p")
    expect(pill).to_be_visible()
    expect(row(page, new)).to_have_count(0)
    expect(row(page, first).locator(".title")).to_be_focused()
    pill.click()
    expect(row(page, new).locator(".title")).to_be_focused()
    expect(row(page, second)).to_have_count(0)
    api.update(third, "in_progress")
    expect(row(page, third)).to_contain_text("aprovada e iniciada por admin")
    page.get_by_role("button", name="Ocultar 1 já decidida").press("Enter")
    expect(page.locator(".pending")).to_have_count(2)
    expect(page.locator(".pending .title").first).to_be_focused()


def test_the_keyboard_stays_where_somebody_else_decides(
    inbox: Callable[..., Page], api: Api, task_type: str
) -> None:
    tasks = api.create(times=5, taskType=task_type)
    page = inbox()
    for task, control in ((tasks[1], "button"), (tasks[2], "[name=task]")):
        row(page, task).locator(control).first.focus()
        api.update(task, "failed", failureReason="rejected", reason="não")
        expect(row(page, task)).to_contain_text("rejeitada por admin")
        title = row(page, task).locator(".title")
        expect(title).to_be_focused()
        expect(title).to_have_accessible_description("rejeitada por admin")
        expect(page.locator("#announcer")).to_have_text(f"{task['title']}: rejeitada por admin")
    page.keyboard.press("j")
    expect(row(page, tasks[3]).locator(".title")).to_be_focused()
    # So it does where a dialog was open about the task, and it says what became of the decision.
    dialog = page.get_by_role("dialog")
    for task, control, confirm in (
        (tasks[3], "Rejeitar…", "Rejeitar tarefa"),
        (tasks[4], "Editar…", "Aprovar"),
    ):
        row(page, task).get_by_text(control).press("Enter")
        dialog.get_by_label("Motivo").fill("sem foto")
        api.update(task, "approved")
        expect(row(page, task)).to_contain_text("aprovada por admin")
        # What lies behind an open dialog nobody hears: it is told in it.
        told = dialog.locator("#announcer")
        expect(told).to_have_text(f"{task['title']}: aprovada por admin")
        dialog.get_by_role("button", name=confirm).press("Enter")
        expect(page.locator(".toast", has_text=task["title"])).to_contain_text("Nada foi alterado")
        expect(row(page, task).locator(".title")).to_be_focused()


def test_a_rejection_can_be_tried_again_by_who_operates(
    inbox: Callable[..., Page], api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    page = inbox("head")
    page.clock.install()
    page.reload()
    wait_until_live(page)
    row(page, task).get_by_text("Rejeitar…").click()
    page.get_by_role("dialog").get_by_label("Motivo").fill("engano")
    page.get_by_role("dialog").get_by_role("button", name="Rejeitar tarefa").click()
    expect(page.get_by_text("Nenhum resultado com esses filtros")).to_be_visible()
    # The last row is gone, and the focus with it: on to what can be done now.
    expect(page.locator("#empty a")).to_be_focused()
    # Many a Tab lies between here and the button: it waits.
    page.clock.fast_forward(10_000)
    page.locator(".toast").get_by_role("button", name="Tentar de novo").press("Enter")
    # Nobody reads an empty list: what comes need not wait.
    expect(row(page, task)).to_contain_text("tentativa 2")
    expect(row(page, task).locator(".title")).to_be_focused()


def test_on_a_phone_nothing_stands_before_the_tasks_or_over_them(
    inbox: Callable[..., Page], api: Api, task_type: str
) -> None:
    # A type as long as the API takes pushes nothing down either.
    task_type = f"{task_type}-".ljust(64, "x")
    first, second = api.create(times=2, taskType=task_type)
    page = inbox()
    page.goto(f"{INBOX}?taskType={task_type}")
    wait_until_live(page)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#decisions")).to_be_hidden()
    head = page.locator(".filters").bounding_box()
    assert head and head["height"] <= 120
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    api.update(second, "approved")
    api.create(taskType=task_type)
    pill = page.get_by_role("button", name="1 nova")
    expect(pill).to_be_visible()
    page.get_by_role("button", name="Ocultar 1 já decidida").click(trial=True)
    pill.click(trial=True)
    row(page, first).get_by_role("checkbox").check()
    row(page, first).get_by_role("button", name="Aprovar").click(trial=True)
    page.get_by_role("button", name="Aprovar selecionadas").click()
    expect(row(page, first)).to_have_count(0)


def test_a_form_that_cannot_be_read_says_so_once(
    inbox: Callable[..., Page], api: Api, task_type: str, cable: Cable, complaints: Complaints
) -> None:
    complaints.expected += ["WebSocket", "ERR_"]
    (task,) = api.create(taskType=task_type)
    page = inbox()
    cable.cut()
    try:
        for _press in range(2):
            row(page, task).get_by_text("Editar…").click()
            expect(page.locator(".toast")).to_have_count(1)
            expect(row(page, task)).not_to_have_attribute("aria-busy", "true")
        expect(page.locator(".toast")).to_contain_text("Nada foi alterado")
    finally:
        cable.plug()


def test_refusals_and_late_answers_keep_the_rows_in_place(
    inbox: Callable[..., Page], api: Api, task_type: str, cable: Cable
) -> None:
    tasks = api.create(times=3, taskType=task_type)
    page = inbox()
    places = places_of(page)
    results = [
        {"taskId": task["taskId"], "title": task["title"], "code": "own_task", "sentence": "Sua."}
        for task in tasks[:2]
    ]
    page.route(f"**{INBOX}*", lambda route: route.fulfill(json={"results": results}), times=1)
    for task in tasks[:2]:
        row(page, task).get_by_role("checkbox").check()
    page.get_by_role("button", name="Aprovar selecionadas").click()
    row(page, tasks[0]).get_by_text("Não feita: ver o motivo").click()
    expect(row(page, tasks[0]).get_by_text("Sua.", exact=True)).to_be_visible()
    assert places_of(page) == places
    page.keyboard.press("Escape")
    page.clock.install()
    page.reload()
    wait_until_live(page)
    cable.hold()
    try:
        row(page, tasks[2]).get_by_role("button", name="Aprovar").click()
        page.clock.fast_forward(8_500)
        expect(row(page, tasks[2])).to_contain_text("ainda não respondeu")
        assert places_of(page) == places
    finally:
        cable.release()
    expect(row(page, tasks[2])).to_have_count(0)


def test_own_tasks_say_why_before_one_tries(
    inbox: Callable[..., Page], api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    page = inbox("admin")
    expect(row(page, task)).to_contain_text("precisa aprov")
    expect(row(page, task).get_by_role("button", name="Aprovar")).to_be_disabled()
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.keyboard.press("e")
    page.keyboard.press("x")
    page.wait_for_timeout(300)
    assert status_of(api, task) == "pending"
    expect(page.locator("#chosen")).to_be_empty()


def test_works_without_javascript(inbox: Callable[..., Page], api: Api, task_type: str) -> None:
    tasks = api.create(times=4, taskType=task_type)
    page = inbox(java_script_enabled=False)
    row(page, tasks[0]).get_by_role("button", name="Aprovar").click()
    expect(page.get_by_text(f"Aprovada: {tasks[0]['title']}")).to_be_visible()
    row(page, tasks[1]).get_by_text("Rejeitar…").click()
    page.locator("#decide").get_by_label("Motivo").fill("sem foto")
    page.locator("#decide").get_by_role("button", name="Rejeitar tarefa").click()
    row(page, tasks[2]).get_by_text("Editar…").click()
    page.get_by_label("Título").fill("Outro título")
    page.locator("#decide").get_by_role("button", name="Aprovar").click()
    assert [status_of(api, task) for task in tasks] == ["approved", "failed", "approved", "pending"]
    # Enter in a box must not decide anything.
    box = row(page, tasks[3]).get_by_role("checkbox")
    box.check()
    box.press("Enter")
    assert status_of(api, tasks[3]) == "pending"


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious_in_the_inbox(
    inbox: Callable[..., Page], api: Api, task_type: str, width: int
) -> None:
    first, second = api.create(times=2, taskType=task_type, targets=["amazon", "shein", "kaway"])
    page = inbox()
    page.set_viewport_size({"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    row(page, first).get_by_role("checkbox").check()
    small = page.evaluate(
        """() => [...document.querySelectorAll(
            "main :is(button, summary, .chip, .button, .pick, .title, .check)")]
          .filter((control) => control.checkVisibility({ opacityProperty: true }))
          .filter((control) => !control.classList.contains("visually-hidden"))
          .filter((control) => {
            const { width, height } = control.getBoundingClientRect();
            return height < 40 || width < 40;
          })
          .map((control) => control.outerHTML.slice(0, 120))"""
    )
    assert width > 640 or small == []
    for control in page.locator("#decisions > :is(.button, .check, .menu)").all():
        expect(control).to_be_in_viewport(ratio=1)
    row(page, first).get_by_role("checkbox").uncheck()
    targets = row(page, first).get_by_label("Mais 1 marketplace")
    targets.focus()
    page.keyboard.press("Enter")
    expect(row(page, first).get_by_text("Publicar em: Amazon, Shein, Kaway")).to_be_visible()
    page.keyboard.press("Escape")
    faults = serious_faults(page)
    row(page, first).get_by_text("Por quê?").click()
    faults += serious_faults(page)
    page.keyboard.press("Escape")
    row(page, first).get_by_text("Editar…").click()
    expect(page.get_by_role("dialog").get_by_label("Título")).to_be_visible()
    faults += serious_faults(page)
    page.keyboard.press("Escape")
    api.update(second, "approved")
    expect(row(page, second)).to_contain_text("aprovada por admin")
    faults += serious_faults(page)
    assert faults == []


def test_filters_are_kept_as_a_view_shared_and_deleted(
    open_as: Callable[..., Page], task_type: str, complaints: Complaints
) -> None:
    complaints.expected.append("400")
    page = open_as("qa")
    page.goto(f"/marketplace/tasks/execution?taskType={task_type}&status=failed")
    wait_until_live(page)
    page.locator("summary", has_text="Visualizações").click()
    assert serious_faults(page) == []
    page.get_by_label("Salvar estes filtros como").fill(task_type)
    page.get_by_role("button", name="Salvar visualização").click()
    expect(page.locator(".toast")).to_contain_text(task_type)
    wait_until_live(page)
    page.locator("summary", has_text="Visualizações").click()
    # The same name again is refused where it was written, with nothing lost.
    page.get_by_label("Salvar estes filtros como").fill(task_type)
    page.get_by_role("button", name="Salvar visualização").click()
    field = page.get_by_label("Salvar estes filtros como")
    expect(field).to_have_accessible_description("Você já tem uma visualização com este nome.")
    expect(field).to_have_value(task_type)
    link = page.locator(".saved-views a", has_text=task_type)
    expect(link).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Gerenciar visualizações").click()
    assert serious_faults(page) == []
    page.get_by_role("button", name=f"Compartilhar {task_type}").click()
    other = open_as("user")
    other.goto("/marketplace/tasks/execution/views")
    expect(other.get_by_role("link", name=task_type)).to_be_visible()
    expect(other.get_by_role("button", name="Excluir visualização")).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("summary", has_text=f"Excluir… {task_type}").click()
    assert serious_faults(page) == []
    page.get_by_role("button", name="Excluir visualização").click()
    expect(page.get_by_text(f"Excluída: {task_type}")).to_be_visible()
