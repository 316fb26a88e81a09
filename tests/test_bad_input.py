"""Hostile input at every door: a clear 4xx, nothing changed, nothing told of the inside.

What each field of a body refuses stands with the calls, in tests/execution/test_api.py; the
socket's part in tests/execution/feed/.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.roles import Role
from execution.models import Stream, Task, TaskEvent, TaskLog, TaskTarget
from tests.factories import make_task, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TASKS = "/api/marketplace/orchestration/task-execution"
PAGE = "/marketplace/tasks/execution"
NEW = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
INSIDE = ("Traceback", "site-packages", "SELECT ", "execution_task", "django.", "<class", ".py")


def everything() -> tuple[Any, ...]:
    """Every row that a request could have changed."""
    tables = (Task, TaskTarget, TaskEvent, TaskLog, Stream)
    return tuple(list(table.objects.order_by("pk").values()) for table in tables)


@pytest.fixture
def task() -> str:
    return make_task().row["task_id"]


@pytest.fixture
def head() -> Client:
    client = Client()
    client.force_login(make_user(Role.HEAD), settings.AUTHENTICATION_BACKENDS[-1])
    return client


@pytest.fixture(autouse=True)
def _nothing_changes(task: str) -> Iterator[None]:
    before = everything()
    yield
    assert everything() == before


def check(answer: Any, status: int, code: str) -> None:
    text = answer.content.decode()
    assert answer.status_code == status, text
    body = json.loads(text)
    assert set(body) == {"status", "timestamp", "error", "code", "details"}
    assert body["code"] == code
    assert not [word for word in INSIDE if word in text]


# -- Bodies, at every call that takes one --------------------------------------------------------

BODIES = {
    "nothing": b"",
    "spaces": b"   ",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "not UTF-8": b'{"title": "\xff"}',
    "cut off": b'{"title": "a',
    "two values": b"{} {}",
    "trailing comma": b'{"a": 1,}',
    "comment": b'{"a": 1} // x',
    "single quotes": b"{'a': 1}",
    "NaN": b'{"a": NaN}',
    "minus infinity": b'{"a": -Infinity}',
    "over every float": b'{"a": 1e999}',
    "a number of 5000 digits": b'{"a": ' + b"1" * 5000 + b"}",
    "deep lists": b"[" * 3000,
    "deep objects": b'{"a":' * 3000,
    "closed deep lists": b"[" * 3000 + b"]" * 3000,
    "the same key twice": b'{"a": 1, "a": 2}',
    "half a surrogate": b'{"title": "\\ud800"}',
    "NUL": b'{"title": "a\\u0000b"}',
    "raw control character": b'{"title": "a\x01b"}',
    "null": b"null",
    "a word": b'"text"',
    "a number": b"7",
    "true": b"true",
    "a list of lists": b"[[]]",
    "a list of nulls": b"[null]",
    "prototype": b'{"__proto__": {"a": 1}}',
    "lookup": b'{"taskId__in": []}',
}
WRITES = (("POST", TASKS), ("PATCH", TASKS), ("POST", TASKS + "/{task}/logs"))


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_bodies(head: Client, task: str, method: str, path: str, body: bytes) -> None:
    answer = head.generic(method, path.format(task=task), body, content_type="application/json")
    assert answer.status_code == 400
    check(answer, 400, json.loads(answer.content)["code"])
    assert json.loads(answer.content)["code"] in ("parse_error", "validation_error")


CONTENT_TYPES = (
    *("text/plain", "application/xml", "application/x-www-form-urlencoded", "text/html", ""),
    *("multipart/form-data; boundary=x", "application/json-patch+json", "nonsense", "a/b/c"),
)


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_content_types(head: Client, task: str, method: str, path: str, content_type: str) -> None:
    body = json.dumps(NEW)
    answer = head.generic(method, path.format(task=task), body, content_type=content_type)
    check(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("charset", ["latin-1", "utf-7", "utf-16", "nonsense"])
def test_json_is_utf_8(head: Client, charset: str) -> None:
    body = json.dumps({**NEW, "title": "São"}, ensure_ascii=False).encode("latin-1")
    kind = f"application/json; charset={charset}"
    answer = head.generic("POST", TASKS, body, content_type=kind)
    assert answer.status_code in (400, 415)


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_oversize(head: Client, task: str, method: str, path: str) -> None:
    body = b'{"title": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}'
    answer = head.generic(method, path.format(task=task), body, content_type="application/json")
    check(answer, 413, "payload_too_large")


# -- Verbs, paths, parameters --------------------------------------------------------------------

VERBS = {
    TASKS: {"GET", "POST", "PATCH"},
    TASKS + "/{task}": {"GET"},
    TASKS + "/{task}/events": {"GET"},
    TASKS + "/{task}/logs": {"GET", "POST"},
}


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", VERBS)
def test_verbs(head: Client, task: str, path: str, verb: str) -> None:
    if verb in VERBS[path]:
        return
    answer = head.generic(verb, path.format(task=task))
    check(answer, 405, "method_not_allowed")
    assert set(answer["Allow"].split(", ")) >= VERBS[path]


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override"])
def test_a_verb_in_a_header_is_not_listened_to(head: Client, task: str, header: str) -> None:
    assert head.get(TASKS, headers={header: "DELETE"}).status_code == 200
    body = {"taskId": task, "status": "approved", "_method": "PATCH"}
    answer = head.post(TASKS, body, content_type="application/json", headers={header: "PATCH"})
    check(answer, 400, "validation_error")


IDS = (
    *("nothing", "0", "-1", "null", "%00", "task-%0a", "%F0%9F%92%A9", "%FF%FE", "*", "%25"),
    *("..%2f..%2fetc%2fpasswd", "%2e%2e", "'%20OR%201=1--", "{}", "x" * 3000, "TASK", "task-"),
)


@pytest.mark.parametrize("task_id", IDS)
@pytest.mark.parametrize("path", ["", "/events", "/logs"])
def test_ids_that_are_none(head: Client, task_id: str, path: str) -> None:
    check(head.get(f"{TASKS}/{task_id}{path}"), 404, "not_found")


@pytest.mark.parametrize("task_id", IDS)
def test_pages_of_tasks_that_are_none(head: Client, task_id: str) -> None:
    assert head.get(f"/marketplace/tasks/{task_id}").status_code == 404
    posted = head.post(f"/marketplace/tasks/{task_id}", {"action": "approve", "version": 1})
    assert posted.status_code == 404


@pytest.mark.parametrize("path", ["", "/{task}", "/{task}/events", "/{task}/logs"])
@pytest.mark.parametrize(
    "query",
    [
        "unknown=1",
        "id=1",
        "task__id=1",
        "order_by=title",
        "fields=*",
        "limit[]=1",
        "__proto__=1",
        "%00=1",
        "=1",
        "%FF=1",
        "x" * 2000,
    ],
)
def test_unknown_parameters(head: Client, task: str, path: str, query: str) -> None:
    check(head.get(f"{TASKS}{path.format(task=task)}?{query}"), 400, "validation_error")


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "%00", "A" * 22, "-" * 22, "A" * 10_000, "été", "==", "%F0%9F%92%A9"]
)
@pytest.mark.parametrize("path", ["", "/{task}/logs"])
def test_forged_cursors(head: Client, task: str, path: str, cursor: str) -> None:
    answer = head.get(f"{TASKS}{path.format(task=task)}?cursor={cursor}")
    if answer.status_code == 200:
        # It happens to be a place: the page after it, and nothing else.
        assert set(answer.json()) >= {"nextCursor"}
        return
    check(answer, 400, "validation_error")


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 201, "a\tb"])
def test_idempotency_keys(head: Client, task: str, key: str) -> None:
    body = {"taskId": task, "status": "approved"}
    headers = {"Idempotency-Key": key}
    answer = head.patch(TASKS, body, content_type="application/json", headers=headers)
    check(answer, 400, "validation_error")


# -- Whose request it is -------------------------------------------------------------------------


@pytest.fixture
def strict() -> Client:
    """A browser's session, with CSRF looked at."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(Role.HEAD), settings.AUTHENTICATION_BACKENDS[-1])
    client.get(PAGE)
    return client


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRFToken": ""},
        {"X-CSRFToken": "x"},
        {"X-CSRFToken": "a" * 32},
        {"X-CSRFToken": "a" * 64},
        {"X-CSRFToken": "right", "Origin": "https://elsewhere.example"},
        {"X-CSRFToken": "right", "Origin": "null"},
        {"X-CSRFToken": "right", "Origin": "http://testserver.elsewhere.example"},
        {"X-CSRFToken": "right", "Origin": "https://testserver"},
        {"X-CSRFToken": "right", "Origin": "http://testserver:8001"},
    ],
    ids=str,
)
def test_other_sites_cannot_write_with_ones_session(
    strict: Client, task: str, headers: dict[str, str]
) -> None:
    if headers.get("X-CSRFToken") == "right":
        headers = {**headers, "X-CSRFToken": strict.cookies["csrftoken"].value}
    body = {"taskId": task, "status": "approved"}
    answer = strict.patch(TASKS, body, content_type="application/json", headers=headers)
    check(answer, 403, "permission_denied")
    page = strict.post(f"/marketplace/tasks/{task}", {"action": "approve"}, headers=headers)
    assert page.status_code == 403


@pytest.mark.parametrize("host", ["elsewhere.example", "testserver@elsewhere.example", "a\\b", ""])
def test_foreign_hosts(host: str) -> None:
    answer = Client(headers={"host": host}).get(TASKS)
    assert answer.status_code == 400
    assert not [word for word in INSIDE if word in answer.content.decode()]


# -- Pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "status=nothing",
        "channel=ebay,amazon",
        "status__in=pending",
        "agent=%00",
        "q=" + "x" * 3000,
        "q=%3Cscript%3Ealert(1)%3C/script%3E",
        "period=forever",
        "overdue=perhaps",
        "cursor=x",
        "taskType=%0a",
        "createdAfter=0001-01-01T00:00:00+14:00",
        "a=" * 500,
    ],
)
def test_a_page_leaves_out_what_it_cannot_read(head: Client, query: str) -> None:
    answer = head.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()
    assert head.get(f"{PAGE}/summary?{query}").status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"action": "approve"},
        {"action": "approve", "version": "x"},
        {"action": "approve", "version": "0"},
        {"action": "approve", "version": "9" * 40},
        {"action": "approve", "version": "7"},
        {"action": "destroy", "version": "1"},
        {"action": "reject", "version": "1"},
        {"action": "reject", "version": "1", "note": "   "},
        {"action": "reject", "version": "1", "note": "x" * 4001},
        {"action": "reject", "version": "1", "note": "a\0b"},
        {"action": "approve", "channel": "amazon", "version": "1"},
        {"channel": "ebay", "version": "1"},
        {"channel": "amazon", "synced": "true", "version": "1"},
        {"action": "complete", "version": "1"},
    ],
    ids=str,
)
def test_bad_page_forms_change_nothing_and_say_so(
    head: Client, task: str, fields: dict[str, str]
) -> None:
    answer = head.post(f"/marketplace/tasks/{task}", fields, follow=True)
    assert answer.status_code == 200
    assert [message.level_tag for message in answer.context["messages"]] == ["error"]
