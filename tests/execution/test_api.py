"""The documented calls, compared whole; what they refuse stands in tests/test_bad_input.py."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from execution import idempotency, listing, queries, views
from execution.enums import TaskStatus
from execution.models import IdempotencyKey, Task, TaskEvent
from nexo.api_urls import calls
from nexo.shared import clock
from tests.envelope import refused
from tests.execution.test_lifecycle import LEGAL
from tests.factories import change, make_agent, make_task, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/api/marketplace/orchestration/task-execution"
NEW_TASK = {
    "taskType": "listing_optimization",
    "title": "Otimizar título",
    "channel": "amazon",
    "estimatedHours": 1,
}
NO_SYNC = dict.fromkeys(("amazon", "mercadolivre", "shopee", "shein", "tiktokshop", "kaway"), False)


@pytest.fixture
def head() -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user("head", username="helena"))
    return client


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """One instant for every row and answer, so that documents can be compared whole."""
    instant = datetime(2026, 2, 24, 14, 35, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: instant)
    return instant


# -- Documents -----------------------------------------------------------------------------------


def test_a_task_in_progress_is_the_documented_object(head: APIClient, now: datetime) -> None:
    make_agent("alex")
    created = head.post(URL, {**NEW_TASK, "targets": ["amazon", "shein"]}, format="json").json()
    task_id = created["task"]["taskId"]
    answer = head.patch(URL, {"taskId": task_id, "status": "in_progress"}, format="json").json()
    stamp = "2026-02-24T14:35:12Z"
    target = {
        "state": "planned",
        "attempts": 0,
        "error": None,
        "retryable": None,
        "syncedAt": None,
        "updatedAt": stamp,
    }
    task = {
        "taskId": task_id,
        "externalId": None,
        "title": "Otimizar título",
        "taskType": "listing_optimization",
        "priority": "normal",
        "status": "in_progress",
        "progress": 50,
        "createdAt": stamp,
        "approvedAt": stamp,
        "startedAt": stamp,
        "completedAt": None,
        "endedAt": None,
        "marketplace": "amazon",
        "channel": "amazon",
        "agentId": "alex",
        "timeEstimate": 60,
        "timeSpent": 0,
        "executionMinutes": None,
        "overdue": False,
        "lastUpdate": stamp,
        "targets": ["amazon", "shein"],
        "syncStatus": NO_SYNC,
        "syncDetail": {"amazon": target, "shein": target},
        "error": None,
        "failureReason": None,
        "progressAtFailure": None,
        "attempt": 1,
        "version": 2,
        "sequence": 2,
    }
    assert answer == {
        "status": "success",
        "timestamp": stamp,
        "message": "Task execution updated",
        "task": task,
    }
    epoch = head.get(URL).json()["epoch"]
    assert head.get(URL).json() == {
        "status": "success",
        "timestamp": stamp,
        "totalTasks": 1,
        "tasks": [task],
        "summary": {
            "pending": 0,
            "inProgress": 1,
            "completed": 0,
            "failed": 0,
            "totalProgress": 50,
        },
        "nextCursor": None,
        "sequence": 2,
        "epoch": epoch,
    }
    assert head.get(f"{URL}/{task_id}/").json() == {
        "status": "success",
        "timestamp": stamp,
        "task": task,
    }
    # All of its events, and therefore no cursor.
    assert head.get(f"{URL}/{task_id}/events").json() == {
        "status": "success",
        "timestamp": stamp,
        "events": [
            {
                "sequence": 1,
                "kind": "created",
                "from": None,
                "to": "pending",
                "progress": 0,
                "actor": "user:helena",
                "reason": None,
                "at": stamp,
            },
            {
                "sequence": 2,
                "kind": "started",
                "from": "pending",
                "to": "in_progress",
                "progress": 50,
                "actor": "user:helena",
                "reason": None,
                "at": stamp,
            },
        ],
    }


def test_time_spent_counts_whole_minutes_and_stops_at_the_end(
    head: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = datetime(2026, 2, 24, 14, 0, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: start)
    state = make_task()
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(minutes=61, seconds=59))
    task = head.get(f"{URL}/{state.row['task_id']}").json()["task"]
    assert (task["timeSpent"], task["overdue"]) == (61, True)
    change(state, status=TaskStatus.FAILED)
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(days=9))
    task = head.get(f"{URL}/{state.row['task_id']}").json()["task"]
    assert (task["timeSpent"], task["overdue"]) == (61, True)


def test_the_estimate_is_kept_exactly_and_shown_in_whole_minutes(head: APIClient) -> None:
    for hours, minutes, shown in (
        (0.0002, 0.012, 0),
        (0.0301, 1.806, 2),
        (0.1, 6, 6),
        (2.5, 150, 150),
    ):
        body = head.post(URL, {**NEW_TASK, "estimatedHours": hours}, format="json").json()
        assert body["task"]["timeEstimate"] == shown
        assert Task.objects.get(task_id=body["task"]["taskId"]).estimated_minutes == minutes


# -- Lists ---------------------------------------------------------------------------------------


def test_pages_walk_all_tasks_newest_first_without_gap_or_double(
    head: APIClient, now: datetime
) -> None:
    """Equal instants included: the id settles them."""
    made = [make_task().row["task_id"] for _ in range(7)]
    seen, cursor = [], ""
    while True:
        page = head.get(URL, {"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        assert page["totalTasks"] == 7
        seen += [task["taskId"] for task in page["tasks"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_pages_go_on_among_tasks_from_before_1970(head: APIClient) -> None:
    """As an import makes them of an old log."""
    made = [make_task().row["task_id"] for _ in range(4)]
    for year, task_id in zip((1900, 1931, 1969, 1970), made, strict=True):
        Task.objects.filter(task_id=task_id).update(created_at=datetime(year, 1, 1, tzinfo=UTC))
    seen, query = [], {"limit": 1}
    while query:
        page = head.get(URL, query).json()
        seen += [task["taskId"] for task in page["tasks"]]
        query = {"limit": 1, "cursor": page["nextCursor"]} if page["nextCursor"] else {}
    assert seen == made[::-1]


def test_summary_honours_every_filter_but_status(head: APIClient) -> None:
    for status in TaskStatus:
        make_task_in(status)
        make_task_in(status, marketplace_id="shein", task_type="price_adjustment")
    # progress of the six: 0 + 25 + 50 + 75 + 100 + 0 = 250; 250 / 6 = 41.67
    six = {"pending": 2, "inProgress": 2, "completed": 1, "failed": 1, "totalProgress": 42}
    twelve = {"pending": 4, "inProgress": 4, "completed": 2, "failed": 2, "totalProgress": 42}
    for query, total, summary in (
        ({}, 12, twelve),
        ({"status": "pending,approved"}, 4, twelve),
        ({"channel": "shein"}, 6, six),
        ({"channel": "shein", "status": "failed"}, 1, six),
        ({"channel": "amazon,shein"}, 12, twelve),
        ({"taskType": "price_adjustment", "status": "completed"}, 1, six),
        ({"limit": 1}, 12, twelve),
    ):
        body = head.get(URL, query).json()
        assert (body["totalTasks"], body["summary"]) == (total, summary), query


def test_an_empty_answer_has_zero_progress(head: APIClient) -> None:
    body = head.get(URL, {"taskId": "task-unknown"}).json()
    assert (body["tasks"], body["totalTasks"]) == ([], 0)
    assert body["summary"]["totalProgress"] == 0
    assert head.get(URL, {"agent": "unknown"}).json()["totalTasks"] == 0


def test_search_finds_words_of_title_and_ids_in_any_case_and_order(head: APIClient) -> None:
    state = make_task(title="Revisão de PREÇOS", external_id="ERP-77")
    many = f"{'revisao de ' * 9}preços"
    ids = ("erp-77", state.row["task_id"][5:13])
    for words in ("preços", "PRECOS", *ids, "são de", "precos  revisão", " erp pre ", many):
        assert head.get(URL, {"q": words}).json()["totalTasks"] == 1, words
    for words in ("100%", "_", "\\", "nada", "preços nada", f"{many} de"):
        assert head.get(URL, {"q": words}).json()["totalTasks"] == 0, words


def test_created_after_is_inclusive_and_created_before_is_exclusive(
    head: APIClient, now: datetime
) -> None:
    make_task()
    for query, total in (
        ({"createdAfter": "2026-02-24T14:35:12Z"}, 1),
        ({"createdAfter": "2026-02-24T14:35:13Z"}, 0),
        ({"createdBefore": "2026-02-24T14:35:12Z"}, 0),
        ({"createdBefore": "2026-02-24T11:35:13-03:00"}, 1),
        ({"createdBefore": "2026-02-24T11:35:13"}, 1),  # business time
    ):
        assert head.get(URL, query).json()["totalTasks"] == total, query


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_takes_few_queries_however_long(
    head: APIClient, rows: int, django_assert_num_queries: Any
) -> None:
    for _ in range(rows):
        make_task_in(TaskStatus.MARKETPLACE_SYNC)
    head.get(URL)  # the caller's permissions are read once and kept
    listing.forget()
    with django_assert_num_queries(5):  # position, keys, counts; then tasks and targets
        head.get(URL, {"status": "marketplace_sync"})
    with django_assert_num_queries(3):
        head.get(URL, {"status": "marketplace_sync"})


# -- Bodies --------------------------------------------------------------------------------------


def test_a_list_of_500_is_created_with_one_event_each(head: APIClient) -> None:
    response = head.post(URL, [NEW_TASK] * 500, format="json")
    assert response.status_code == 201
    assert len(response.json()["tasks"]) == TaskEvent.objects.count() == 500


def test_an_external_id_is_taken_once(head: APIClient) -> None:
    head.post(URL, {**NEW_TASK, "externalId": "ERP-1"}, format="json")
    refused(head.post(URL, {**NEW_TASK, "externalId": "ERP-1"}, format="json"), 409, "duplicate")
    assert Task.objects.count() == 1


@pytest.mark.parametrize("length", [1, 2])
def test_a_list_names_the_place_of_what_is_taken(head: APIClient, length: int) -> None:
    taken = {**NEW_TASK, "externalId": "ERP-1"}
    head.post(URL, taken, format="json")
    answer = head.post(URL, [*[NEW_TASK] * (length - 1), taken], format="json")
    details = refused(answer, 409, "duplicate")["details"]
    assert list(details) == [f"[{length - 1}].externalId"]


@pytest.mark.parametrize(
    ("status", "code"),
    [("completed", "sync_not_open"), ("marketplace_sync", "invalid_transition")],
)
def test_a_withdrawn_target_of_a_completed_task_is_no_longer_marked(
    head: APIClient, status: str, code: str
) -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS, targets=["amazon", "shopee"])
    task_id = state.row["task_id"]
    head.patch(URL, {"taskId": task_id, "status": "completed"}, format="json")
    body = {"taskId": task_id, "status": status, "syncStatus": {"shopee": True}}
    refused(head.patch(URL, body, format="json"), 409, code)
    body["syncStatus"] = {"kaway": True}
    refused(head.patch(URL, body, format="json"), 400, "validation_error")


def test_marking_a_target_before_the_sync_is_no_question_of_the_step(head: APIClient) -> None:
    """The step itself is allowed: who followed `allowed` would send the same again."""
    task_id = make_task_in(TaskStatus.APPROVED).row["task_id"]
    body = {"taskId": task_id, "status": "in_progress", "syncStatus": {"amazon": True}}
    details = refused(head.patch(URL, body, format="json"), 409, "sync_not_open")["details"]
    assert details == {
        "syncStatus": ["Os destinos só podem ser marcados enquanto a tarefa está sincronizando."]
    }
    del body["syncStatus"]
    assert head.patch(URL, body, format="json").status_code == 200


@pytest.mark.parametrize("status", ["in_progress", "failed"])
def test_a_step_out_of_the_sync_marks_no_target(head: APIClient, status: str) -> None:
    """What is published everywhere is completed: it is neither a failure nor still in work."""
    state = make_task_in(TaskStatus.MARKETPLACE_SYNC, targets=["amazon", "shopee"])
    task_id = state.row["task_id"]
    before = head.get(f"{URL}/{task_id}").json()["task"]
    body = {
        "taskId": task_id,
        "status": status,
        "syncStatus": {"amazon": True, "shopee": True},
    }
    refused(head.patch(URL, body, format="json"), 409, "sync_not_open")
    after = head.get(f"{URL}/{task_id}").json()["task"]
    assert {**after, "timeSpent": 0} == {**before, "timeSpent": 0}
    body["status"] = "marketplace_sync"
    assert head.patch(URL, body, format="json").json()["task"]["status"] == "completed"


@pytest.mark.parametrize("old", TaskStatus)
@pytest.mark.parametrize("new", TaskStatus)
def test_patch_follows_the_life_cycle(head: APIClient, old: TaskStatus, new: TaskStatus) -> None:
    state = make_task_in(old)
    body = {"taskId": state.row["task_id"], "status": new.value}
    response = head.patch(URL, body, format="json")
    if old == new or new.value in LEGAL[old.value]:
        assert response.status_code == 200
        assert response.json()["task"]["status"] == new.value
    else:
        details = refused(response, 409, "invalid_transition")["details"]
        assert (details["from"], details["to"]) == (old.value, new.value)
        assert set(details["allowed"]) == LEGAL[old.value]


def test_a_stale_version_gets_the_present_task(head: APIClient) -> None:
    state = make_task_in(TaskStatus.APPROVED)
    body = {"taskId": state.row["task_id"], "status": "in_progress", "version": 1}
    answer = refused(head.patch(URL, body, format="json"), 409, "version_conflict")
    assert answer["details"]["task"]["version"] == 2


def test_unknown_tasks_are_not_found(head: APIClient) -> None:
    refused(
        head.patch(URL, {"taskId": "task-x", "status": "approved"}, format="json"),
        404,
        "not_found",
    )
    for path in ("", "/events", "/logs"):
        refused(head.get(f"{URL}/task-x{path}"), 404, "not_found")


def test_a_completion_by_hand_says_what_it_withdrew(head: APIClient) -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS)
    task_id = state.row["task_id"]
    head.patch(
        URL, {"taskId": task_id, "status": "completed", "reason": "feito à mão"}, format="json"
    )
    event = head.get(f"{URL}/{task_id}/events").json()["events"][-1]
    assert event["reason"] == "feito à mão (withdrawn: amazon)"


def test_anonymous_calls_are_refused(client: Client) -> None:
    for method, path in (("GET", URL), ("POST", URL), ("PATCH", URL), ("GET", f"{URL}/x/logs")):
        refused(client.generic(method, path), 401, "not_authenticated")


# -- Logs ----------------------------------------------------------------------------------------


def test_logs_are_appended_and_read_in_pages(head: APIClient) -> None:
    url = f"{URL}/{make_task().row['task_id']}/logs"
    assert head.post(url, {"message": "um"}, format="json").status_code == 201
    lines = [{"message": str(n), "level": "warning"} for n in range(3)]
    assert head.post(url, lines, format="json").status_code == 201
    first = head.get(url, {"limit": 3}).json()
    rest = head.get(url, {"limit": 3, "cursor": first["nextCursor"]}).json()
    assert [line["message"] for line in first["logs"] + rest["logs"]] == ["um", "0", "1", "2"]
    assert rest["nextCursor"] is None


# -- Idempotency ---------------------------------------------------------------------------------


def test_the_same_key_a_hundred_times_is_one_event(head: APIClient) -> None:
    answers = {
        head.post(URL, NEW_TASK, format="json", headers={"Idempotency-Key": "k"}).content
        for _ in range(100)
    }
    assert len(answers) == 1
    assert TaskEvent.objects.count() == 1


def test_the_same_key_with_another_body_is_a_mismatch(head: APIClient) -> None:
    key = {"Idempotency-Key": "k"}
    head.post(URL, NEW_TASK, format="json", headers=key)
    other = head.post(URL, {**NEW_TASK, "title": "outro"}, format="json", headers=key)
    refused(other, 422, "idempotency_mismatch")
    assert Task.objects.count() == 1


def test_a_key_is_of_its_path_whatever_the_method(head: APIClient) -> None:
    key = {"Idempotency-Key": "k"}
    created = head.post(URL, NEW_TASK, format="json", headers=key)
    body = {"taskId": created.json()["task"]["taskId"], "status": "approved"}
    refused(head.patch(URL, body, format="json", headers=key), 422, "idempotency_mismatch")
    assert Task.objects.get().status == "pending"
    # Another path has keys of its own.
    path = f"{URL}/{body['taskId']}/logs"
    line = {"level": "info", "message": "x"}
    assert head.post(path, line, format="json", headers=key).status_code == 201


def test_a_replayed_answer_says_its_own_language(head: APIClient) -> None:
    refused_body = {**NEW_TASK, "channel": "ebay"}

    def post(language: str) -> Any:
        headers = {"Idempotency-Key": "k", "Accept-Language": language}
        return head.post(URL, refused_body, format="json", headers=headers)

    first, again = post("pt-BR"), post("en")
    assert again["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert again["Content-Language"] == first["Content-Language"] == "pt-br"


def test_a_refusal_is_replayed_too(head: APIClient) -> None:
    state = make_task_in(TaskStatus.COMPLETED)
    body = {"taskId": state.row["task_id"], "status": "pending"}
    key = {"Idempotency-Key": "k"}
    first = head.patch(URL, body, format="json", headers=key)
    again = head.patch(URL, body, format="json", headers=key)
    refused(again, 409, "invalid_transition")
    assert first.content == again.content


def test_a_key_belongs_to_one_caller_and_one_path(head: APIClient) -> None:
    key = {"Idempotency-Key": "k"}
    head.post(URL, NEW_TASK, format="json", headers=key)
    other = APIClient()
    other.force_authenticate(make_user("admin"))
    assert other.post(URL, NEW_TASK, format="json", headers=key).status_code == 201
    assert Task.objects.count() == 2
    assert head.post(f"{URL}/", NEW_TASK, format="json", headers=key).status_code == 201
    assert Task.objects.count() == 2  # the slash is no other path


def test_a_key_in_flight_is_a_conflict_until_it_is_abandoned(head: APIClient) -> None:
    key = {"Idempotency-Key": "k"}
    head.post(URL, NEW_TASK, format="json", headers=key)
    IdempotencyKey.objects.update(answer_status=None, answer_body=None)
    refused(head.post(URL, NEW_TASK, format="json", headers=key), 409, "idempotency_in_flight")
    IdempotencyKey.objects.update(claimed_at=clock.now() - idempotency.ABANDONED * 2)
    assert head.post(URL, NEW_TASK, format="json", headers=key).status_code == 201
    assert Task.objects.count() == 2


def test_a_key_is_forgotten_after_a_day(head: APIClient) -> None:
    key = {"Idempotency-Key": "k"}
    head.post(URL, NEW_TASK, format="json", headers=key)
    IdempotencyKey.objects.update(claimed_at=clock.now() - timedelta(hours=25))
    head.post(URL, {**NEW_TASK, "title": "outro"}, format="json", headers=key)
    assert Task.objects.count() == 2


# -- The rest ------------------------------------------------------------------------------------


def test_the_openapi_document_is_31_and_names_every_call(head: APIClient) -> None:
    schema = head.get("/api/schema/", headers={"Accept": "application/json"}).json()
    assert schema["openapi"].startswith("3.1")
    operations = {
        (path.removeprefix("/api/marketplace/orchestration").strip("/"), method)
        for path, methods in schema["paths"].items()
        for method in methods
    }
    assert operations == set(served())


def served() -> Iterator[tuple[str, str]]:
    """Every call that the site answers: its path and method."""
    for pattern in calls:
        path = re.sub(r"\(\?P<(\w+)>.+?\)", r"{\1}", str(pattern.pattern))
        for method in pattern.callback.actions.keys() - {"head"}:
            yield path.removeprefix("^").replace("/?\\Z", ""), method


# -- The events of one task ----------------------------------------------------------------------


def test_a_long_timeline_comes_from_its_end_in_pages(head: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(queries, "MOST_EVENTS", 3)
    state = make_task_in(TaskStatus.IN_PROGRESS)
    for progress in range(51, 57):
        change(state, progress=progress)
    path = f"{URL}/{state.row['task_id']}/events"
    all_of_them = [event["sequence"] for event in queries.events_of(state.row["id"])]
    assert len(all_of_them) == 8
    pages: list[list[int]] = []
    asked: dict[str, str] | None = {}
    while asked is not None:
        answer = head.get(path, asked).json()
        pages.append([event["sequence"] for event in answer["events"]])
        asked = {"cursor": answer["nextCursor"]} if "nextCursor" in answer else None
    assert pages == [all_of_them[5:], all_of_them[2:5], all_of_them[:2]]
    answer = head.get(path, {"limit": "1"}).json()
    assert [event["sequence"] for event in answer["events"]] == all_of_them[-1:]
    refused(head.get(path, {"limit": "4"}), 400, "validation_error")


def test_a_tasks_page_leads_to_what_came_before_its_timeline(
    client: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr(views, "TIMELINE_LENGTH", 2)
    client.force_login(make_user())
    state = make_task_in(TaskStatus.IN_PROGRESS)
    for progress in range(51, 54):
        change(state, progress=progress)
    address = f"/marketplace/tasks/{state.row['task_id']}"
    told: list[str] = []
    query: str | None = ""
    while query is not None:
        page = client.get(address + query).content.decode()
        told += re.findall(r'class="event-text words">([^<]+)<', page)
        assert ("Os eventos mais recentes" in page) == (query != "")
        query = next(iter(re.findall(r'href="(\?before=[^"#]+)#timeline-title"', page)), None)
    assert len(told) == len(queries.events_of(state.row["id"])) == 5
    assert "criou" in told[-1]
    assert "53" in told[0]


@pytest.mark.parametrize("place", ["", "x", "-1", "é", "0" * 5_000])
def test_a_place_in_the_timeline_that_is_none_shows_the_newest(client: Client, place: str) -> None:
    client.force_login(make_user())
    state = make_task_in(TaskStatus.IN_PROGRESS)
    answer = client.get(f"/marketplace/tasks/{state.row['task_id']}", {"before": place})
    assert answer.status_code == 200
    assert answer.content.decode().count('class="event-text words"') == 2
