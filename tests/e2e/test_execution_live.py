"""The execution page while work moves: each change arrives by itself, and nothing is lost."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, WebSocketRoute, expect

from nexo.shared.folding import folded
from tests.e2e.cable import Cable
from tests.e2e.conftest import (
    API,
    LIST,
    Api,
    Complaints,
    put_clock_right,
    reset_at_each_change,
    row_of,
    set_clock_wrong,
    sign_in,
    wait_until_live,
)
from tests.e2e.test_quality import shifts, watch_shifts
from tests.execution.test_row_view import TIMES, ended_task
from tests.servers import running_server


def test_task_goes_from_0_to_100_before_the_eyes(page: Page, api: Api, task_type: str) -> None:
    (task,) = api.create(taskType=task_type, targets=["amazon", "shein"])
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    row = row_of(page, task)
    bar = row.locator("progress")
    expect(row.get_by_text("Aguardando")).to_be_visible()
    for status, word, percent in (
        ("approved", "Aprovada", "25"),
        ("in_progress", "Em Progresso", "50"),
        ("marketplace_sync", "Sincronizando", "75"),
    ):
        api.update(task, status)
        expect(row.locator('[data-field="status"]')).to_have_text(word)
        expect(bar).to_have_attribute("value", percent)
    api.update(task, "marketplace_sync", syncStatus={"amazon": True})
    expect(bar).to_have_attribute("value", "87")
    expect(row.get_by_role("img", name="Amazon: sincronizado")).to_be_visible()
    api.update(task, "marketplace_sync", syncStatus={"shein": True})
    expect(row.locator('[data-field="status"]')).to_have_text("Concluído")
    expect(bar).to_have_attribute("value", "100")


def test_cards_chips_and_count_follow_the_feed(page: Page, api: Api) -> None:
    page.goto(f"{LIST}?channel=kaway")
    wait_until_live(page)
    pending = page.locator('[data-card="pending"] [data-field="count"]')
    running = page.locator('[data-card="inProgress"] [data-field="count"]')
    chip = page.locator('.chip[data-channel="kaway"] [data-field="count"]')
    before = [int(slot.inner_text().replace(".", "")) for slot in (pending, running, chip)]
    (task,) = api.create(channel="kaway", taskType="e2e-counts")
    expect(pending).to_have_text(str(before[0] + 1))
    expect(chip).to_have_text(str(before[2] + 1))
    api.update(task, "in_progress")
    expect(pending).to_have_text(str(before[0]))
    expect(running).to_have_text(str(before[1] + 1))


def test_totals_under_other_filters_are_read_again(page: Page, api: Api, task_type: str) -> None:
    (task,) = api.create(taskType=task_type)
    set_clock_wrong(page)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    failed = page.locator('[data-card="failed"] [data-field="count"]')
    expect(failed).to_have_text("0")
    api.update(task, "in_progress")
    running = page.locator('[data-card="inProgress"] [data-field="count"]')
    expect(running).to_have_text("1")
    expect(row_of(page, task).locator('[data-field="time"]')).to_have_text("0min / 60min")
    expect(row_of(page, task).locator('[data-field="over"]')).to_be_empty()
    put_clock_right(page)
    api.update(task, "failed", error="sem estoque")
    expect(failed).to_have_text("1")


def test_cards_follow_the_feed_without_asking_for_them(
    page: Page, api: Api, task_type: str
) -> None:
    first, second = api.create(times=2, taskType=task_type)
    page.goto(f"{LIST}?status=failed")
    wait_until_live(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    failed = page.locator('[data-card="failed"] [data-field="count"]')
    before = whole(failed)
    api.update(first, "failed", error="sem estoque")
    expect(failed).to_have_text(str(before + 1))
    api.update(second, "failed", error="sem estoque")
    expect(failed).to_have_text(str(before + 2))
    page.wait_for_timeout(2_500)  # totals are read two seconds after a frame that lacks them
    # The bar's count of approvals is another number, which no frame carries.
    assert not [url for url in asked if "/summary" in url and "status=pending" not in url]


def test_totals_that_were_read_before_a_change_do_not_undo_it(
    page: Page, api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    page.goto(LIST)
    wait_until_live(page)
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/execution/summary*", lambda route: held.append((route, route.fetch())))
    failed = page.locator('[data-card="failed"] [data-field="count"]')
    before = whole(failed)
    with page.expect_request("**/execution/summary*"):
        page.locator("#refresh").click()
    while not held:
        page.wait_for_timeout(50)
    api.update(task, "failed", error="sem estoque")
    expect(failed).to_have_text(str(before + 1))
    with page.expect_response("**/execution/summary*"):
        route, answer = held[0]
        route.fulfill(response=answer)
    page.wait_for_timeout(500)
    expect(failed).to_have_text(str(before + 1))


def whole(counter: Locator) -> int:
    return int(counter.inner_text().replace(".", ""))


def test_pause_holds_everything_and_resume_leaves_no_gap(
    page: Page, api: Api, task_type: str
) -> None:
    first, second = api.create(times=2, taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    page.keyboard.press("p")
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    api.update(first, "in_progress")
    api.update(second, "approved")
    (third,) = api.create(taskType=task_type)
    expect(page.locator("#live")).to_contain_text("3 mudanças à espera")
    expect(page.locator("#pill")).to_have_text("1 nova")
    expect(row_of(page, first).locator('[data-field="status"]')).to_have_text("Aguardando")
    page.keyboard.press("p")
    expect(row_of(page, first).locator('[data-field="status"]')).to_have_text("Em Progresso")
    expect(row_of(page, second).locator('[data-field="status"]')).to_have_text("Aprovada")
    expect(row_of(page, third)).to_be_visible()


def test_what_a_paused_list_had_to_read_anew_waits_for_resume(
    page: Page, api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    reset_at_each_change(page)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    status = row_of(page, task).locator('[data-field="status"]')
    page.keyboard.press("p")
    with page.expect_response(f"**{API}?*") as answer:
        api.update(task, "approved")
    answer.value.finished()
    page.wait_for_timeout(200)
    expect(status).to_have_text("Aguardando")
    page.locator("#refresh").click()
    expect(status).to_have_text("Aprovada")
    expect(page.locator("#announcer")).to_have_text("Atualizado.")
    with page.expect_response(f"**{API}?*") as answer:
        api.update(task, "in_progress")
    answer.value.finished()
    page.wait_for_timeout(200)
    expect(status).to_have_text("Aprovada")
    page.keyboard.press("p")
    expect(status).to_have_text("Em Progresso")


def test_refresh_that_fails_loses_nothing_of_what_waits(
    page: Page, api: Api, task_type: str, complaints: Complaints
) -> None:
    complaints.expected += ["503"]
    (task,) = api.create(taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    page.keyboard.press("p")
    api.update(task, "in_progress")
    live = page.locator("#live")
    expect(live).to_contain_text("1 mudança à espera")
    page.route(f"**{API}?*", lambda route: route.fulfill(status=503))
    page.locator("#refresh").click()
    expect(page.locator(".toast")).to_contain_text("Não foi possível ler a página")
    expect(live).to_contain_text("1 mudança à espera")
    page.unroute(f"**{API}?*")
    page.keyboard.press("p")
    expect(row_of(page, task).locator('[data-field="status"]')).to_have_text("Em Progresso")


HELD_TOO_MUCH = """async () => {
  const { Held } = await import(new URL("/static/execution/js/store.js", location));
  const held = new Held();
  for (let number = 1; number <= 2001; number += 1) {
    held.add({ previous: number + 6, events: [], tasks: [{ taskId: `task-${number}` }] });
  }
  const { before } = held;
  return { before, tasks: held.take(), after: held.before };
}"""


EQUALS_UNDER_A_SEARCH = """async () => {
  const { Store } = await import(new URL("/static/execution/js/store.js", location));
  const { data } = await import(new URL("/static/execution/js/page-data.js", location));
  const store = new Store({ filters: data.filters, pageSize: 50 });
  const [task] = data.snapshot.tasks;
  store.load({ tasks: [task], nextCursor: null });
  store.applyTasks([{ ...task, taskId: "task-edited", sequence: task.sequence + 1 }]);
  return store.isUnsure;
}"""


def test_a_task_edited_into_a_search_among_its_equals_is_asked_for(
    page: Page, api: Api, task_type: str
) -> None:
    api.create(taskType=task_type, title="Anúncio turquesa")
    page.goto(f"{LIST}?taskType={task_type}&q=turquesa")
    wait_until_live(page)
    assert page.evaluate(EQUALS_UNDER_A_SEARCH) is True


FOUND = """async (pairs) => {
  const { matches } = await import(new URL("/static/execution/js/tasks.js", location));
  const { data } = await import(new URL("/static/execution/js/page-data.js", location));
  const [task] = data.snapshot.tasks;
  return pairs.filter(([title, word]) =>
    !matches({ ...task, title }, { ...data.filters, words: [word] }, Date.now()));
}"""


def test_a_search_finds_the_same_in_the_page_as_on_the_server(
    page: Page, api: Api, task_type: str
) -> None:
    api.create(taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    titles = ["Preço", "Straße", "ÁGUA", "İstanbul", "ﬁlme", "ΟΔΟΣ", "οδός", "½ litro", "日本"]
    assert page.evaluate(FOUND, [[title, folded(title)] for title in titles]) == []


def test_what_was_too_much_to_hold_is_asked_for_from_its_beginning(page: Page) -> None:
    page.goto(LIST)
    assert page.evaluate(HELD_TOO_MUCH) == {"before": 7, "tasks": None, "after": None}


def age_in_seconds(page: Page) -> int:
    return int(page.locator('#live [data-field="age"]').inner_text().split()[-2])


def test_paused_page_says_how_old_what_it_shows_is(page: Page, api: Api, task_type: str) -> None:
    (task,) = api.create(taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    page.keyboard.press("p")
    api.update(task, "in_progress")
    live = page.locator("#live")
    expect(live).to_contain_text("1 mudança à espera")
    before = age_in_seconds(page)
    page.wait_for_timeout(2_000)
    api.update(task, "marketplace_sync")
    expect(live).to_contain_text("2 mudanças à espera")
    # What arrives and waits makes what is shown no younger.
    assert age_in_seconds(page) >= before + 2
    page.keyboard.press("p")
    expect(live).not_to_contain_text("à espera")
    assert age_in_seconds(page) <= 1


def test_paused_page_says_when_it_is_cut_off(
    page: Page, api: Api, cable: Cable, task_type: str, complaints: Complaints
) -> None:
    complaints.expected += ["WebSocket connection", "Failed to load resource"]
    (task,) = api.create(taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    page.keyboard.press("p")
    api.update(task, "approved")
    live = page.locator("#live")
    expect(live).to_contain_text("1 mudança à espera")
    cable.cut()
    try:
        expect(live).to_have_attribute("data-state", "offline")
        expect(live).to_contain_text("sem conexão")
        expect(live).to_contain_text("dados de há")
        expect(live).to_contain_text("1 mudança à espera")
    finally:
        cable.plug()
    expect(live).to_have_attribute("data-state", "paused", timeout=20_000)
    page.keyboard.press("p")
    expect(row_of(page, task).locator('[data-field="status"]')).to_have_text("Aprovada")


@pytest.mark.parametrize("width", [1280, 390])
def test_scrolled_page_says_how_fresh_it_is_and_moves_nothing(
    page: Page,
    api: Api,
    cable: Cable,
    task_type: str,
    width: int,
    complaints: Complaints,
) -> None:
    complaints.expected += ["WebSocket connection", "Failed to load resource"]
    tasks = api.create(times=20, taskType=task_type)
    page.set_viewport_size({"width": width, "height": 600})
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    here = page.locator("#live-here")
    expect(here).to_be_hidden()
    page.mouse.wheel(0, 900)
    expect(page.locator("#live")).not_to_be_in_viewport()
    expect(here).to_be_in_viewport(ratio=1)
    expect(here).to_contain_text("ao vivo")
    watch = """() => {
      window.shifts = 0;
      new PerformanceObserver((list) => {
        for (const { value } of list.getEntries()) window.shifts += value;
      }).observe({ type: "layout-shift" });
    }"""
    page.evaluate(watch)
    page.keyboard.press("p")
    expect(here).to_contain_text("pausado")
    api.update(tasks[0], "approved")
    expect(here).to_contain_text("1 mudança à espera")
    (new,) = api.create(taskType=task_type)
    expect(page.locator("#pill")).to_be_visible()
    expect(here).to_contain_text("2 mudanças à espera")
    expect(here).to_be_in_viewport(ratio=1)
    cable.cut()
    try:
        expect(here).to_contain_text("sem conexão")
        expect(here).to_contain_text("dados de há")
    finally:
        cable.plug()
    assert page.evaluate("window.shifts") == 0
    page.locator("#pill").click()
    expect(row_of(page, new)).to_be_visible()
    expect(here).to_be_hidden()


def test_a_server_that_hangs_is_not_called_live(
    open_as: Callable[..., Page], api: Api, cable: Cable, task_type: str, complaints: Complaints
) -> None:
    complaints.expected += ["WebSocket", "TimeoutError"]
    (task,) = api.create(taskType=task_type)
    page = open_as("head")
    page.clock.install()
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    row = row_of(page, task)
    cable.hold()
    try:
        row.get_by_role("button", name="Ações").click()
        page.get_by_role("menuitem", name="Aprovar").click()
        page.clock.fast_forward(8_500)
        expect(row).to_contain_text("sem resposta ainda")
        page.clock.fast_forward(15_000)
        expect(page.locator("#live")).to_have_attribute("data-state", "reconnecting")
    finally:
        cable.release()
    expect(row.locator('[data-field="status"]')).to_have_text("Aprovada")
    expect(row).not_to_contain_text("sem resposta ainda")
    wait_until_live(page)


SLOW_TO_CLOSE = """async () => {
  const { Feed, SILENCE } = await import(new URL("/static/execution/js/feed.js", location));
  const made = [];
  window.WebSocket = class extends EventTarget {
    constructor(address) {
      super();
      if (address.includes("/ws/nothing/")) made.push(this);  // the page makes others
    }

    // As where the network is gone: its event comes late.
    close() {}
  };
  const nothing = () => {};
  const feed = new Feed({
    path: "/ws/nothing/",
    position: { sequence: 7, epoch: "e" },
    read: () => Promise.reject(new Error("offline")),
    on: { frame: nothing, summary: nothing, snapshot: nothing, state: nothing, epoch: nothing },
    count: { follow: nothing, read: nothing },
  });
  const hears = (socket) => socket.dispatchEvent(
    new MessageEvent("message", { data: JSON.stringify({ type: "ping", sequence: 7 }) }));
  feed.start();
  const pings = setInterval(() => hears(made.at(-1)), SILENCE / 4);
  hears(made[0]);
  dispatchEvent(new Event("offline"));
  await new Promise((done) => setTimeout(done, 2 * SILENCE));
  clearInterval(pings);
  return { sockets: made.length, state: feed.state };
}"""


def test_a_socket_that_was_dropped_does_not_close_the_next(page: Page) -> None:
    page.goto(LIST)
    wait_until_live(page)
    page.clock.install()
    page.evaluate(f"void (window.told = ({SLOW_TO_CLOSE})())")
    page.clock.run_for(50_000)
    assert page.evaluate("window.told") == {"sockets": 2, "state": "live"}


def test_a_locked_database_is_told_and_tried_again(
    open_as: Callable[..., Page],
    api: Api,
    environment: dict[str, str],
    task_type: str,
    complaints: Complaints,
) -> None:
    complaints.expected += ["503"]
    (task,) = api.create(taskType=task_type)
    page = open_as("head")
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    path = Path(environment["NEXO_DATA_DIR"]) / "nexo.sqlite3"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    toast = page.locator(".toast")
    try:
        row_of(page, task).get_by_role("button", name="Ações").click()
        page.get_by_role("menuitem", name="Aprovar").click()
        expect(toast).to_contain_text("Nada foi alterado", timeout=20_000)
    finally:
        other.close()
    expect(row_of(page, task).locator('[data-field="status"]')).to_have_text("Aguardando")
    toast.get_by_role("button", name="Tentar de novo").click()
    expect(row_of(page, task).locator('[data-field="status"]')).to_have_text("Aprovada")


def test_agents_go_by_their_names_whoever_makes_the_row(
    page: Page, api: Api, task_type: str
) -> None:
    (first,) = api.create(taskType=task_type, agentId="premium", channel="kaway")
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    (second,) = api.create(taskType=task_type, agentId="premium", channel="kaway")
    api.update(first, "approved")
    expect(row_of(page, first).locator('[data-field="status"]')).to_have_text("Aprovada")
    for task in (first, second):
        expect(row_of(page, task).locator('[data-field="agent"]')).to_have_text("Premium")


def test_new_tasks_enter_at_the_top_when_nobody_reads(page: Page, api: Api, task_type: str) -> None:
    api.create(times=2, taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    (newest,) = api.create(taskType=task_type)
    expect(page.locator("#rows tr").first).to_have_attribute("data-task", newest["taskId"])
    expect(page.locator("#pill")).to_be_hidden()
    expect(page.locator("#shown")).to_have_text("3 de 3")


def test_new_tasks_wait_while_a_mouse_rests_on_the_list(
    page: Page, api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    watch_shifts(page)
    page.clock.install()
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    row_of(page, task).locator('[data-field="status"]').hover()
    page.clock.fast_forward(10_000)
    (newest,) = api.create(taskType=task_type)
    expect(page.locator("#pill")).to_have_text("1 nova")
    page.clock.fast_forward(10_000)
    expect(row_of(page, newest)).to_have_count(0)
    assert shifts(page) == []
    page.get_by_role("heading", level=1).hover()
    page.clock.fast_forward(5_000)
    expect(row_of(page, newest)).to_be_visible()


def test_a_mouse_that_was_left_on_the_list_holds_nothing_up(
    page: Page, api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)
    page.clock.install()
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    row_of(page, task).locator('[data-field="status"]').hover()
    (newest,) = api.create(taskType=task_type)
    expect(page.locator("#pill")).to_have_text("1 nova")
    page.clock.fast_forward(31_000)
    expect(row_of(page, newest)).to_be_visible()


def test_a_finger_that_has_been_lifted_does_not_rest_on_the_list(
    page: Page, api: Api, task_type: str
) -> None:
    """On a machine that has a mouse too; on a phone, new tasks wait as long as any are shown."""
    (task,) = api.create(taskType=task_type)
    page.clock.install()
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    status = row_of(page, task).locator('[data-field="status"]')
    place = status.bounding_box()
    assert place
    finger = page.context.new_cdp_session(page)
    for type_, points in (
        ("touchStart", [{"x": place["x"] + 5, "y": place["y"] + 5}]),
        ("touchEnd", []),
    ):
        finger.send("Input.dispatchTouchEvent", {"type": type_, "touchPoints": points})
    page.wait_for_function("() => document.querySelector('#rows').matches(':hover')")
    (newest,) = api.create(taskType=task_type)
    expect(page.locator("#pill")).to_have_text("1 nova")
    page.clock.fast_forward(5_000)
    assert page.evaluate("document.querySelector('#rows').matches(':hover')")
    expect(row_of(page, newest)).to_be_visible()


def create_at_once(api: Api, task_type: str, count: int) -> list[dict[str, Any]]:
    """Tasks of one request, and so of one instant; newest first, as the server lists them."""
    one = {"taskType": task_type, "channel": "amazon", "estimatedHours": 1}
    api.send("POST", [{**one, "title": f"Junta {number}"} for number in range(count)])
    return list(api.read(f"taskType={task_type}&limit={count}")["tasks"])


def shown_ids(page: Page) -> list[str]:
    found = page.locator("#rows tr").evaluate_all("rows => rows.map((row) => row.dataset.task)")
    return list(found)


def test_a_task_beyond_the_loaded_part_does_not_enter_when_it_changes(
    page: Page, api: Api, task_type: str
) -> None:
    tasks = create_at_once(api, task_type, 60)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    loaded = [task["taskId"] for task in tasks[:50]]
    assert shown_ids(page) == loaded
    api.update(tasks[52], "in_progress")
    api.update(tasks[0], "in_progress")
    expect(row_of(page, tasks[0])).to_contain_text("Em Progresso")
    expect(page.locator("#pill")).to_be_hidden()
    assert shown_ids(page) == loaded
    page.locator("#more").click()
    expect(page.locator("#rows tr")).to_have_count(60)
    expect(page.locator("#announcer")).to_have_text("60 de 60")
    assert shown_ids(page) == [task["taskId"] for task in tasks]


def test_tasks_of_one_instant_enter_in_the_servers_order(
    page: Page, api: Api, task_type: str
) -> None:
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    tasks = create_at_once(api, task_type, 8)
    expect(page.locator("#rows tr")).to_have_count(8)
    assert shown_ids(page) == [task["taskId"] for task in tasks]


def test_a_task_that_a_filter_lets_in_later_takes_its_place_among_its_equals(
    page: Page, api: Api, task_type: str
) -> None:
    tasks = create_at_once(api, task_type, 5)
    for task in (tasks[0], tasks[2], tasks[4]):
        api.update(task, "in_progress")
    page.goto(f"{LIST}?taskType={task_type}&status=in_progress")
    wait_until_live(page)
    api.update(tasks[3], "in_progress")
    api.update(tasks[1], "in_progress")
    expect(page.locator("#rows tr")).to_have_count(5)
    assert shown_ids(page) == [task["taskId"] for task in tasks]


def test_new_tasks_wait_behind_a_pill_while_scrolled(page: Page, api: Api, task_type: str) -> None:
    tasks = api.create(times=20, taskType=task_type)
    page.set_viewport_size({"width": 1280, "height": 600})
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    page.evaluate("scrollTo(0, 500)")
    read = row_of(page, tasks[8])
    place = read.bounding_box()
    new = api.create(times=3, taskType=task_type)
    expect(page.locator("#pill")).to_have_text("3 novas")
    assert read.bounding_box() == place
    page.locator("#pill").click()
    expect(page.locator("#rows tr").first).to_have_attribute("data-task", new[2]["taskId"])
    expect(page.locator("#pill")).to_be_hidden()
    page.wait_for_function("scrollY === 0")


@pytest.mark.parametrize(("width", "has_touch"), [(390, True), (820, True), (390, False)])
def test_new_tasks_wait_where_a_finger_may_be_reading(
    open_as: Callable[..., Page], api: Api, task_type: str, width: int, has_touch: bool
) -> None:
    page = open_as("user", has_touch=has_touch, is_mobile=has_touch)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    # Where nothing is shown, nothing can be moved.
    (read,) = api.create(taskType=task_type)
    expect(row_of(page, read)).to_be_visible()
    place = row_of(page, read).bounding_box()
    (new,) = api.create(taskType=task_type)
    expect(page.locator("#pill")).to_have_text("1 nova")
    # The page looks every second whether somebody still reads.
    page.wait_for_timeout(1_500)
    assert row_of(page, new).count() == 0
    assert row_of(page, read).bounding_box() == place
    page.locator("#pill").click()
    expect(page.locator("#rows tr").first).to_have_attribute("data-task", new["taskId"])


def test_row_that_leaves_the_filter_keeps_its_place_until_asked(
    page: Page, api: Api, task_type: str
) -> None:
    first, second = api.create(times=2, taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}&status=pending,approved")
    wait_until_live(page)
    api.update(second, "in_progress")
    left = page.get_by_role("button", name="1 saiu do filtro")
    expect(left).to_be_visible()
    expect(row_of(page, second)).to_have_class("task has-left")
    expect(row_of(page, second)).to_contain_text("saiu do filtro")
    expect(page.locator("#shown")).to_have_text("1 de 1")
    left.click()
    expect(row_of(page, second)).to_have_count(0)
    expect(row_of(page, first)).to_be_visible()


def test_lost_connection_is_said_and_made_good_without_a_gap(
    page: Page, api: Api, cable: Cable, task_type: str, complaints: Complaints
) -> None:
    complaints.expected += ["WebSocket connection", "Failed to load resource"]
    (task,) = api.create(taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    cable.cut()
    try:
        live = page.locator("#live")
        expect(live).to_have_attribute("data-state", "offline")
        expect(live).to_contain_text("sem conexão")
        expect(live).to_contain_text("dados de há")
    finally:
        cable.plug()
    api.update(task, "in_progress")
    (new,) = api.create(taskType=task_type)
    wait_until_live(page)
    expect(row_of(page, task).locator('[data-field="status"]')).to_have_text("Em Progresso")
    expect(row_of(page, new)).to_be_visible()


def test_a_network_that_goes_away_is_told_at_once(
    page: Page, api: Api, task_type: str, complaints: Complaints
) -> None:
    # One that was begun on the network that is gone is begun anew.
    complaints.expected += ["ERR_INTERNET_DISCONNECTED", "WebSocket connection"]
    (task,) = api.create(taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    live = page.locator("#live")
    page.context.set_offline(True)
    try:
        expect(live).not_to_have_attribute("data-state", "live", timeout=5_000)
        api.update(task, "approved")
    finally:
        page.context.set_offline(False)
    wait_until_live(page)
    expect(row_of(page, task).locator('[data-field="status"]')).to_have_text("Aprovada")


def test_page_reads_the_api_while_only_the_socket_is_down(
    page: Page, api: Api, task_type: str, complaints: Complaints
) -> None:
    complaints.expected += ["WebSocket connection"]
    (task,) = api.create(taskType=task_type)
    page.route_web_socket("**/ws/**", lambda socket: socket.close())
    page.goto(f"{LIST}?taskType={task_type}")
    api.update(task, "approved")
    expect(row_of(page, task).locator('[data-field="status"]')).to_have_text("Aprovada")
    expect(page.locator("#live")).to_have_attribute("data-state", "reconnecting")


def test_told_to_start_anew_again_and_again_the_page_reads_once_and_goes_on(
    page: Page, api: Api, task_type: str
) -> None:
    (task,) = api.create(taskType=task_type)

    def pass_on(client: WebSocketRoute) -> None:
        server = client.connect_to_server()

        def tell(text: str | bytes) -> None:
            message = json.loads(text)
            if message["type"] == "changes" and message["events"][-1]["to"] != "failed":
                message = {"type": "reset", "epoch": epoch, "sequence": message["sequence"]}
            client.send(json.dumps(message))

        server.on_message(tell)

    page.route_web_socket("**/ws/**", pass_on)
    page.add_init_script("Math.random = () => 0.9")  # how late in the time to spread over
    page.goto(f"{LIST}?taskType={task_type}")
    epoch = page.evaluate(f"fetch('{API}').then(answer => answer.json()).then(list => list.epoch)")
    wait_until_live(page)
    reads: list[str] = []
    page.on("request", lambda sent: reads.append(sent.url) if f"{API}?" in sent.url else None)
    for status in ("approved", "in_progress", "marketplace_sync"):
        api.update(task, status)
    status_of = row_of(page, task).locator('[data-field="status"]')
    expect(status_of).to_have_text("Sincronizando")
    assert 1 <= len(reads) <= 2
    api.update(task, "failed", error="sem estoque")
    expect(status_of).to_have_text("Falha")


def test_page_catches_up_with_a_server_that_was_restarted(
    open_as: Callable[..., Page],
    api: Api,
    cable: Cable,
    environment: dict[str, str],
    task_type: str,
    tmp_path: Path,
    complaints: Complaints,
) -> None:
    complaints.expected += ["WebSocket connection", "Failed to load resource"]
    (task,) = api.create(taskType=task_type)
    usual = cable.target
    page = open_as("user")
    try:
        with running_server("daphne", environment, tmp_path / "log") as first:
            cable.target = first.port
            page.goto(f"{LIST}?taskType={task_type}")
            wait_until_live(page)
            first.process.kill()
            first.process.wait()
            expect(page.locator("#live")).not_to_have_attribute("data-state", "live")
    finally:
        cable.target = usual
    api.update(task, "in_progress")
    wait_until_live(page)
    expect(row_of(page, task).locator('[data-field="status"]')).to_have_text("Em Progresso")


def test_signing_out_elsewhere_is_told_with_the_way_back(
    open_as: Callable[..., Page],
) -> None:
    page = open_as(None)
    sign_in(page, "user")
    page.set_viewport_size({"width": 390, "height": 844})
    watch_shifts(page)
    page.goto(LIST)
    wait_until_live(page)
    other = page.context.new_page()
    other.goto(LIST)
    other.locator(".topbar details").last.locator("summary").click()
    other.get_by_role("button", name="Sair").click()
    other.wait_for_url("**/accounts/login/**")
    notice = page.locator("#halt")
    expect(notice).to_contain_text("Sua sessão terminou", timeout=15_000)
    expect(notice.get_by_role("link")).to_have_attribute(
        "href", "/accounts/login/?next=%2Fmarketplace%2Ftasks%2Fexecution"
    )
    lines = "(link) => { const range = document.createRange(); range.selectNodeContents(link); "
    lines += "return range.getClientRects().length; }"
    assert notice.get_by_role("link").evaluate(lines) == 1
    assert shifts(page) == []
    # Signed in again in the other window, the page goes on.
    sign_in(other, "user")
    page.locator("#refresh").click()
    wait_until_live(page)
    expect(notice).to_have_count(0)


def test_what_ended_a_socket_is_asked_for_before_it_is_told(
    page: Page, signed_in: Callable[[str], Any], complaints: Complaints
) -> None:
    complaints.expected.append("403")
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket("**/ws/marketplace/tasks/execution/**", pass_on)
    for number, address in enumerate((LIST, "/marketplace/orchestration/optimization")):
        page.goto(address)
        wait_until_live(page)
        with page.expect_websocket():
            sockets[-1].close(code=4401)
        wait_until_live(page)
        expect(page.locator("#halt")).to_have_count(0)
        assert len(sockets) == 2 * number + 2
    page.route("**/optimization?*", lambda route: route.fulfill(status=403, body=""))
    sockets[-1].close(code=4401)
    expect(page.locator("#halt")).to_contain_text("não pode mais ver esta página")
    # What was drawn for one is not shown to the next.
    page.goto(LIST)
    wait_until_live(page)
    page.context.clear_cookies()
    page.context.add_cookies(signed_in("qa")["cookies"])
    sockets[-1].close(code=4401)
    expect(page.get_by_label("Conta: qa")).to_have_count(1)


def test_scripts_fill_a_row_as_the_server_does(page: Page, api: Api, task_type: str) -> None:
    first, second, third, fourth, fifth = api.create(
        times=5, taskType=task_type, targets=["amazon", "kaway"], estimatedHours=2.5
    )
    api.update(first, "in_progress")
    api.update(first, "marketplace_sync", syncStatus={"kaway": True})
    api.update(second, "failed", error="primeira linha\n<b>segunda</b>", failureReason="timeout")
    api.update(third, "failed")
    api.update(third, "pending")
    api.update(fifth, "failed", failureReason="rejected", reason="foto escura")
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    differences = page.evaluate(
        """async () => {
          const url = new URL("/static/execution/js/", location);
          const { Rows } = await import(url + "rows.js");
          const { data } = await import(url + "page-data.js");
          const tasks = new Map(data.snapshot.tasks.map((task) => [task.taskId, task]));
          const body = document.createElement("tbody");
          const store = { tasks, shown: [...tasks.keys()], left: new Set() };
          new Rows(body, document.getElementById("row-template"), store).sync();
          const answer = await (await fetch(location)).text();
          const page = new DOMParser().parseFromString(answer, "text/html");
          const drawn = [...page.querySelectorAll("#rows tr")];
          return drawn.flatMap((row, place) => {
            const other = body.children[place];
            row.classList.remove("has-left");
            other.classList.remove("has-left");
            return row.outerHTML === other.outerHTML ? [] : [[row.outerHTML, other.outerHTML]];
          });
        }"""
    )
    assert differences == []
    expect(row_of(page, fourth)).to_be_visible()


TIME_TEXTS = """async (times) => {
  const url = new URL("/static/execution/js/", location);
  const { rowView } = await import(url + "row-view.js");
  const { data } = await import(url + "page-data.js");
  const { tasks: [task] } = data.snapshot;
  return times.map((one) => {
    const { time, over } = rowView({ ...task, ...one }, data, Date.now()).fields;
    return [time, over];
  });
}"""


def test_scripts_tell_times_as_the_server_does(page: Page, api: Api, task_type: str) -> None:
    api.create(taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    told = page.evaluate(TIME_TEXTS, [ended_task(*given) for *given, _time, _over in TIMES])
    assert told == [[time, over] for *_given, time, over in TIMES]


FLOOD = """async (ids) => {
  const url = new URL("/static/execution/js/", location);
  const { Store } = await import(url + "store.js");
  const { Rows } = await import(url + "rows.js");
  const { data } = await import(url + "page-data.js");
  const long = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) long.push(entry.duration);
  });
  observer.observe({ type: "longtask" });
  const store = new Store({ filters: data.filters, pageSize: data.pageSize });
  store.load(data.snapshot);
  const rows = new Rows(
    document.getElementById("rows"), document.getElementById("row-template"), store);
  let sequence = 1e9 * (performance.now() + 1);
  let sent = 0;
  const until = performance.now() + 2000;
  // 50 frames a second with 10 tasks each: 500 updates a second, as the feed sends them.
  await new Promise((done) => {
    const timer = setInterval(() => {
      const tasks = Array.from({ length: 10 }, () => {
        const task = store.tasks.get(ids[sent % ids.length]);
        sent += 1;
        sequence += 1;
        return { ...task, status: "in_progress", progress: 50 + (sent % 25), sequence };
      });
      rows.paint(store.applyTasks(JSON.parse(JSON.stringify(tasks))));
      if (performance.now() > until) { clearInterval(timer); done(); }
    }, 20);
  });
  observer.disconnect();
  return { longest: Math.max(0, ...long), sent };
}"""


@pytest.mark.alone
def test_flood_of_updates_blocks_the_page_for_no_more_than_50_ms(
    page: Page, api: Api, task_type: str
) -> None:
    tasks = api.create(times=50, taskType=task_type)
    page.goto(f"{LIST}?taskType={task_type}")
    wait_until_live(page)
    ids = [task["taskId"] for task in tasks]
    # The quickest of some: what else the machine does only ever makes a task longer, and machines
    # that are shared are half as fast for a quarter of a minute at a time.
    floods = []
    for _ in range(10):
        floods.append(page.evaluate(FLOOD, ids))
        if floods[-1]["longest"] <= 50:
            break
        page.wait_for_timeout(3_000)
    calm = min(floods, key=lambda flood: flood["longest"])
    assert calm["longest"] <= 50, floods
    assert calm["sent"] >= 500
