"""The documented calls, compared whole, and what they refuse."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from execution import idempotency
from execution.enums import TaskStatus
from execution.models import IdempotencyKey, Task, TaskEvent
from nexo.shared import clock
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


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The error envelope, checked; returns its body."""
    body: dict[str, Any] = json.loads(response.content)
    assert (response.status_code, body["code"]) == (status, code), body
    assert set(body) == {"status", "timestamp", "error", "code", "details"}
    assert body["status"] == "error"
    assert body["timestamp"].endswith("Z")
    assert isinstance(body["error"], str) and body["error"]
    return body


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
    for hours, minutes, shown in ((0.0301, 1.806, 2), (0.1, 6, 6), (2.5, 150, 150)):
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


def test_search_finds_title_and_ids_in_any_case(head: APIClient) -> None:
    state = make_task(title="Revisão de PREÇOS", external_id="ERP-77")
    for words in ("preços", "PREÇOS", "erp-77", state.row["task_id"][5:13], "são de"):
        assert head.get(URL, {"q": words}).json()["totalTasks"] == 1, words
    for words in ("100%", "_", "\\", "nada"):
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
def test_the_list_takes_four_queries_however_long(
    head: APIClient, rows: int, django_assert_num_queries: Any
) -> None:
    for _ in range(rows):
        make_task_in(TaskStatus.MARKETPLACE_SYNC)
    head.get(URL)  # the caller's permissions are read once and kept
    with django_assert_num_queries(4):
        head.get(URL, {"status": "marketplace_sync"})


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "1.5"),
        ("limit", "-1"),
        ("limit", "x"),
        ("limit", "９"),
        ("limit", "9" * 4000),
        ("cursor", "x"),
        ("cursor", "____________________________"),
        ("cursor", "AAAAAAAAAAAAAAAAAAAAAA\x00"),
        ("status", "done"),
        ("status", "pending,"),
        ("status", ""),
        ("channel", "ebay"),
        ("channel", "Amazon"),
        ("createdAfter", "yesterday"),
        ("createdAfter", "2026-02-30T00:00:00Z"),
        ("createdBefore", "0001-01-01T00:00:00+23:59"),
        ("createdBefore", "9999-12-31T23:59:59-23:59"),
        ("overdue", "1"),
        ("overdue", "TRUE"),
        ("agent", "a\x00b"),
        ("q", "x" * 201),
        ("q", "a\x00"),
        ("taskID", "task-1"),
        ("status__in", "pending"),
        ("marketplace__name", "Amazon"),
        ("page", "2"),
    ],
)
def test_a_bad_parameter_is_named(head: APIClient, parameter: str, value: str) -> None:
    body = refused(head.get(URL, {parameter: value}), 400, "validation_error")
    assert list(body["details"]) == [parameter]


def test_a_repeated_parameter_is_refused(head: APIClient) -> None:
    refused(head.get(f"{URL}?status=pending&status=failed"), 400, "validation_error")


# -- Bodies --------------------------------------------------------------------------------------

BAD_NEW_TASKS = [
    ("taskType", ""),
    ("taskType", "a b"),
    ("taskType", "é"),
    ("taskType", "x" * 65),
    ("taskType", 7),
    ("taskType", None),
    ("title", ""),
    ("title", "   "),
    ("title", "x" * 201),
    ("title", ["x"]),
    ("title", "a\nb"),
    ("channel", "ebay"),
    ("channel", 1),
    ("channel", []),
    ("agentId", "nobody"),
    ("agentId", {}),
    ("estimatedHours", 0),
    ("estimatedHours", -1),
    ("estimatedHours", 1000.5),
    ("estimatedHours", "1"),
    ("estimatedHours", True),
    ("targets", []),
    ("targets", "amazon"),
    ("targets", ["amazon", "amazon"]),
    ("targets", ["ebay"]),
    ("targets", [1]),
    ("priority", "highest"),
    ("externalId", ""),
    ("externalId", 5),
    ("externalId", "x" * 201),
    ("status", "completed"),
    ("unknown", 1),
]


@pytest.mark.parametrize(("field", "value"), BAD_NEW_TASKS)
def test_a_bad_new_task_is_refused_and_changes_nothing(
    head: APIClient, field: str, value: Any
) -> None:
    body = refused(
        head.post(URL, {**NEW_TASK, field: value}, format="json"), 400, "validation_error"
    )
    assert all(key.startswith(field) for key in body["details"])
    body = refused(
        head.post(URL, [NEW_TASK, {**NEW_TASK, field: value}], format="json"),
        400,
        "validation_error",
    )
    assert all(key.startswith(f"[1].{field}") for key in body["details"]), body["details"]
    assert Task.objects.count() == 0


@pytest.mark.parametrize("missing", NEW_TASK)
def test_a_new_task_needs_its_four_fields(head: APIClient, missing: str) -> None:
    body = {key: value for key, value in NEW_TASK.items() if key != missing}
    details = refused(head.post(URL, body, format="json"), 400, "validation_error")["details"]
    assert list(details) == [missing]


@pytest.mark.parametrize("body", [[], "text", 1, None, [1], [[]], [NEW_TASK] * 501])
def test_what_is_no_task_and_no_list_of_up_to_500_is_refused(head: APIClient, body: Any) -> None:
    refused(
        head.post(URL, json.dumps(body), content_type="application/json"), 400, "validation_error"
    )
    assert Task.objects.count() == 0


def test_a_list_of_500_is_created_with_one_event_each(head: APIClient) -> None:
    response = head.post(URL, [NEW_TASK] * 500, format="json")
    assert response.status_code == 201
    assert len(response.json()["tasks"]) == TaskEvent.objects.count() == 500


def test_an_external_id_is_taken_once(head: APIClient) -> None:
    head.post(URL, {**NEW_TASK, "externalId": "ERP-1"}, format="json")
    refused(head.post(URL, {**NEW_TASK, "externalId": "ERP-1"}, format="json"), 409, "duplicate")
    assert Task.objects.count() == 1


BAD_UPDATES = [
    ({"status": "in_progress"}, "taskId"),
    ({"taskId": 5, "status": "in_progress"}, "taskId"),
    ({"progress": 60}, "status"),
    ({"status": "running"}, "status"),
    ({"status": None}, "status"),
    ({"status": "in_progress", "progress": 49}, "progress"),
    ({"status": "in_progress", "progress": 75}, "progress"),
    ({"status": "in_progress", "progress": "60"}, "progress"),
    ({"status": "in_progress", "progress": 60.0}, "progress"),
    ({"status": "in_progress", "progress": True}, "progress"),
    ({"status": "in_progress", "progress": -1}, "progress"),
    ({"status": "in_progress", "error": 5}, "error"),
    ({"status": "in_progress", "error": "x" * 4001}, "error"),
    ({"status": "in_progress", "failureReason": "timeout"}, "failureReason"),
    ({"status": "failed", "failureReason": "boredom"}, "failureReason"),
    ({"status": "marketplace_sync", "syncStatus": []}, "syncStatus"),
    ({"status": "marketplace_sync", "syncStatus": {"ebay": True}}, "syncStatus.ebay"),
    ({"status": "marketplace_sync", "syncStatus": {"shein": True}}, "syncStatus.shein"),
    ({"status": "marketplace_sync", "syncStatus": {"amazon": 1}}, "syncStatus.amazon"),
    ({"status": "in_progress", "version": 0}, "version"),
    ({"status": "in_progress", "version": "1"}, "version"),
    ({"status": "in_progress", "version": 2**40}, "version"),
    ({"status": "in_progress", "leaseId": "x"}, "leaseId"),
    ({"status": "in_progress", "result": {}}, "result"),
    ({"status": "in_progress", "agentId": "alex"}, "agentId"),
]


@pytest.mark.parametrize(("body", "field"), BAD_UPDATES)
def test_a_bad_update_is_refused_and_changes_nothing(
    head: APIClient, body: dict[str, Any], field: str
) -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS)
    before = (Task.objects.values().get(), TaskEvent.objects.count())
    if field != "taskId":
        body = {"taskId": state.row["task_id"], **body}
    answer = refused(head.patch(URL, body, format="json"), 400, "validation_error")
    assert list(answer["details"]) == [field]
    assert before == (Task.objects.values().get(), TaskEvent.objects.count())


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


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "parse_error"),
        (b'{"taskId": NaN}', "parse_error"),
        (b'{"taskId": Infinity}', "parse_error"),
        (b'{"estimatedHours": 1e400}', "parse_error"),
        (b'{"estimatedHours": ' + b"9" * 5000 + b"}", "parse_error"),
        (b"[" * 3000, "parse_error"),
        (b'{"a":' * 3000, "parse_error"),
        (b"[" * 1_000_000, "parse_error"),
        (b"\xff\xfe{}", "parse_error"),
        (b'{"title": "a", "title": "b"}', "parse_error"),
        (b'{"title": "\\ud800"}', "parse_error"),
        (b'{"title": "\\u0000"}', "parse_error"),
        (b'{"\\u0000": 1}', "parse_error"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_broken_json_is_refused(head: APIClient, method: str, body: bytes, code: str) -> None:
    refused(head.generic(method, URL, body, content_type="application/json"), 400, code)
    assert Task.objects.count() == 0


def test_wrong_types_sizes_and_verbs_are_refused(head: APIClient) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        refused(
            head.generic("POST", URL, b"{}", content_type=content_type),
            415,
            "unsupported_media_type",
        )
    oversize = b'{"title": "' + b"x" * (4 * 1024 * 1024) + b'"}'
    refused(
        head.generic("POST", URL, oversize, content_type="application/json"),
        413,
        "payload_too_large",
    )
    for method, path in (
        ("PUT", URL),
        ("DELETE", URL),
        ("OPTIONS", URL),
        ("POST", f"{URL}/task-x"),
        ("PATCH", f"{URL}/task-x"),
        ("DELETE", f"{URL}/task-x/logs"),
        ("POST", f"{URL}/task-x/events"),
    ):
        refused(head.generic(method, path), 405, "method_not_allowed")
    for path in ("/api/", "/api/nothing", f"{URL}/a/b", f"{URL}//", "/api/marketplace"):
        refused(head.get(path), 404, "not_found")
    refused(head.get(URL, headers={"Accept": "text/turtle"}), 406, "not_acceptable")


def test_anonymous_calls_are_refused(client: Client) -> None:
    for method, path in (("GET", URL), ("POST", URL), ("PATCH", URL), ("GET", f"{URL}/x/logs")):
        refused(client.generic(method, path), 401, "not_authenticated")


def test_a_session_needs_the_csrf_token_to_write() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("head"))
    response = client.post(URL, NEW_TASK, content_type="application/json")
    refused(response, 403, "permission_denied")
    assert Task.objects.count() == 0


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


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"message": ""},
        {"message": 5},
        {"message": "é" * 4097},  # 8,194 bytes
        {"message": "x", "level": "loud"},
        {"message": "x", "at": "yesterday"},
        {"message": "x", "at": "0001-01-01T00:00:00+14:00"},
        {"message": "x", "line": 1},
        [],
        [{"message": "x"}] * 501,
        "text",
    ],
)
def test_a_bad_log_line_is_refused(head: APIClient, line: Any) -> None:
    state = make_task()
    url = f"{URL}/{state.row['task_id']}/logs"
    refused(head.post(url, line, format="json"), 400, "validation_error")
    assert head.get(url).json()["logs"] == []


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


@pytest.mark.parametrize("key", ["a b", "é", "x" * 201])
def test_a_bad_key_is_refused(head: APIClient, key: str) -> None:
    refused(
        head.post(URL, NEW_TASK, format="json", headers={"Idempotency-Key": key}),
        400,
        "validation_error",
    )


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
        (path.removeprefix("/api/marketplace/orchestration").rstrip("/"), method)
        for path, methods in schema["paths"].items()
        for method in methods
    }
    assert operations == {
        ("/task-execution", "get"),
        ("/task-execution", "post"),
        ("/task-execution", "patch"),
        ("/task-execution/{task_id}", "get"),
        ("/task-execution/{task_id}/events", "get"),
        ("/task-execution/{task_id}/logs", "get"),
        ("/task-execution/{task_id}/logs", "post"),
        ("/optimization", "get"),
        ("/optimization/recommend", "post"),
        ("/optimization/weights", "get"),
        ("/optimization/weights", "patch"),
        ("/optimization/weights", "delete"),
        ("/optimization/weights/preview", "post"),
    }
