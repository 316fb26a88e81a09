"""Hostile and mistaken input to every call and form: refused in the envelope, nothing changed.

Sockets have their own: tests/execution/feed/.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client

from accounts import tokens
from accounts.roles import Role
from execution.enums import LogLevel, TaskStatus
from execution.models import IdempotencyKey, Lease
from execution.task_logs import LogLine, append_logs
from nexo.shared import clock
from nexo.shared.pagination import Listing, encode_place
from tests.envelope import refused, refused_fields
from tests.factories import OPERATOR, hold, make_agent, make_task_in, make_user, rows_of

ORCHESTRATION = "/api/marketplace/orchestration"
TASKS = f"{ORCHESTRATION}/task-execution"
JSON = "application/json"
NEW_TASK = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
LOG = {"message": "feito"}


# -- What must not change ------------------------------------------------------------------------


def everything() -> dict[str, Any]:
    """Every row that a call or a form could change; an answer kept under a key is none of them."""
    return rows_of(set(apps.get_app_config("execution").get_models()) - {IdempotencyKey})


@dataclass(frozen=True, slots=True)
class World:
    """What every test finds; made once, for no test may change it."""

    task_id: str
    lease_id: str
    program_key: str
    agent_key: str
    session_key: str
    rows: dict[str, Any]


@pytest.fixture(scope="module")
def world(module_db: None) -> World:
    """A task in progress on Amazon that alex holds, with a line in its log, and who may call."""
    make_agent("alex")
    state = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
    task_id, lease_id = str(state.row["task_id"]), hold(state)
    Lease.objects.update(expires_at=clock.now() + timedelta(hours=1))
    append_logs(task_id, [LogLine(LogLevel.INFO, "começou")], caller=OPERATOR)
    user = make_user(Role.HEAD)
    _token, program_key = tokens.issue_token(name="robô", by="user:ana", user=user)
    _token, agent_key = tokens.issue_token(name="alex", by="user:ana", agent_id="alex")
    browser = Client()
    browser.force_login(make_user(Role.HEAD), settings.AUTHENTICATION_BACKENDS[-1])
    session_key = browser.cookies[settings.SESSION_COOKIE_NAME].value
    return World(task_id, lease_id, program_key, agent_key, session_key, everything())


@pytest.fixture
def task_id(world: World) -> str:
    return world.task_id


@pytest.fixture
def api(world: World) -> Client:
    """A program that may do what a head may."""
    return Client(headers={"authorization": f"Token {world.program_key}"})


@pytest.fixture
def agent(world: World) -> Client:
    return Client(headers={"authorization": f"Token {world.agent_key}"})


@pytest.fixture
def head(world: World) -> Client:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = world.session_key
    return client


@pytest.fixture(autouse=True)
def _unchanged(world: World, db: None) -> Iterator[None]:
    yield
    assert everything() == world.rows


pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def send(client: Client, method: str, path: str, body: Any = b"", **options: Any) -> Any:
    """One call; a body that is not bytes goes as JSON, exactly as Python writes it."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    options.setdefault("content_type", JSON)
    return client.generic(method, path, body, **options)


def writes(task_id: str) -> list[tuple[str, str]]:
    return [("POST", TASKS), ("PATCH", TASKS), ("POST", f"{TASKS}/{task_id}/logs")]


def good_body(method: str, path: str, task_id: str) -> Mapping[str, Any]:
    if path.endswith("/logs"):
        return LOG
    return NEW_TASK if method == "POST" else {"taskId": task_id, "status": "completed"}


EVERY_WRITE = pytest.mark.parametrize("call", [0, 1, 2], ids=["create", "update", "append logs"])


# -- GET task-execution: parameters --------------------------------------------------------------

NUMBERS = ["", "0", "501", "-1", "+1", "1.5", "1e2", "0x10", "x", "true", "null", "[]", "1,2", " "]
NUMBERS += ["９", "٣", "1\x00", "\u200b1", "9" * 4000, "NaN", "Infinity", "50 OR 1=1"]
CURSORS = ["x", "_" * 28, "A" * 22 + "\x00", "A" * 23, "A" * 21, "é" * 22, "A" * 10_000, "null"]
# The right length, but an instant before the year 1 or after 9999, or a negative id.
CURSORS += ["tv/////////8AAAAAAAAAAQ", "tv_________8AAAAAAAAAAQ", "tAAAAAAAAAAH__________w"]
CURSORS += ["tf_________8AAAAAAAAAAQ", "AAYQ6cYyAAAAAAAAAAAAAQ", "../../etc/passwd", "eyJpZCI6MX0"]
CURSORS += ["' OR 1=1 --"]
STATUSES = ["", "done", "PENDING", "pending,", ",", "pending,,failed", "pending;failed", "*"]
STATUSES += ["['pending']", "pending\x00", "pend\u200bing", "\u202egnidnep", "x" * 5000, "None"]
CHANNELS = ["", "ebay", "Amazon", "amazon,ebay", "аmazon", "amazon' OR '1'='1", "amazon\x00"]
INSTANTS = ["", "yesterday", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "1" * 5000, "0", "-1"]
INSTANTS += ["2026-01-01T25:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
INSTANTS += ["2026-01-01T00:00:00+99:99", "1e400", "NaN", "2026-01-01T00:00:00Z\x00", "٢٠٢٦-٠١-٠١"]
FLAGS = ["", "1", "0", "yes", "TRUE", "True", "true,false", "null", "\x00"]
TEXTS = ["x" * 201, "a\x00b", "\x00"]
BAD_PARAMETERS = {
    "limit": NUMBERS,
    "cursor": ["", *CURSORS],
    "status": STATUSES,
    "channel": CHANNELS,
    "createdAfter": INSTANTS,
    "createdBefore": INSTANTS,
    "overdue": FLAGS,
    "taskId": ["", *TEXTS],
    "agent": ["", *TEXTS],
    "taskType": ["", *TEXTS],
    "q": TEXTS,
}
# A slip of the pen, a lookup that reaches into the tables, a trick of another framework.
UNKNOWN_PARAMETERS = ["taskID", "state", "page", "offset", "ordering", "limit[]", "limit ", "Limit"]
UNKNOWN_PARAMETERS += ["status__in", "agent__name", "marketplace__name", "agent__api_tokens", "id"]
UNKNOWN_PARAMETERS += ["__proto__", "_method", "$where", "status[$ne]", "\x00", "\u200b"]
UNKNOWN_PARAMETERS += ["x" * 9000]


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_PARAMETERS.items() for value in values],
    ids=lambda text: repr(text[:30]),
)
def test_a_bad_parameter_of_the_list_is_named(api: Client, name: str, value: str) -> None:
    assert refused_fields(api.get(TASKS, {name: value})) == {name}


@pytest.mark.parametrize("name", UNKNOWN_PARAMETERS, ids=lambda text: repr(text[:30]))
def test_an_unknown_parameter_is_refused(api: Client, task_id: str, name: str) -> None:
    for path in ("", f"/{task_id}", f"/{task_id}/events", f"/{task_id}/logs"):
        assert refused_fields(api.get(TASKS + path, {name: "1"})) == {name[:100]}
    for method, path in writes(task_id):
        address = f"{path}?{urlencode({name: 1})}"
        answer = send(api, method, address, good_body(method, path, task_id))
        assert refused_fields(answer) == {name[:100]}


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_a_repeated_parameter_is_refused(api: Client, name: str) -> None:
    assert refused_fields(api.get(f"{TASKS}?{name}=1&{name}=1")) == {name}


def test_every_bad_parameter_is_named_at_once(api: Client) -> None:
    values = {"status": "done", "channel": "ebay", "overdue": "1", "createdAfter": "x"}
    assert refused_fields(api.get(TASKS, values)) == set(values)


def test_too_many_parameters_are_refused(api: Client) -> None:
    refused(api.get(TASKS, {f"p{number}": "" for number in range(1001)}), 400, "parse_error")


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", '"', "\ufffd", "\u202e", "ı" * 200, "%' --"])
def test_a_search_means_its_letters(api: Client, text: str) -> None:
    assert api.get(TASKS, {"q": text}).json()["totalTasks"] == 0


@pytest.mark.parametrize("query", ["q=%", "taskType=%zz", "&&&="])
def test_odd_percent_signs_break_nothing(api: Client, query: str) -> None:
    assert api.get(f"{TASKS}?{query}").status_code in (200, 400)


@pytest.mark.parametrize("name", ["q", "agent", "taskId", "taskType", "status", "cursor"])
@pytest.mark.parametrize("value", ["%FF", "caf%C3", "%ED%A0%80", "a+%C0%80", "%EF%BF%BD%FF"])
def test_what_is_not_utf8_is_refused(api: Client, head: Client, name: str, value: str) -> None:
    answer = api.get(f"{TASKS}?limit=1&{name}={value}")
    assert refused_fields(answer) == {name}
    if name not in ("status", "cursor"):
        assert answer.json()["details"][name] == ["Não está em UTF-8."]
    if name != "taskId":  # no filter of the page's
        page = head.get(f"/marketplace/tasks/execution?{name}={value}")
        assert page.status_code == 200
        (ignored,) = page.context["filters"].ignored
        assert ignored.name == name


@pytest.mark.parametrize("name", ["limit", "cursor"])
def test_a_bad_parameter_of_logs_and_events_is_named(api: Client, task_id: str, name: str) -> None:
    for value in BAD_PARAMETERS[name]:
        assert refused_fields(api.get(f"{TASKS}/{task_id}/logs", {name: value})) == {name}
        if value != "501":  # events are shorter, and come by up to 1,000
            assert refused_fields(api.get(f"{TASKS}/{task_id}/events", {name: value})) == {name}


OF_LISTS = {
    "task-execution": Listing.TASKS,
    "task-execution/{task}/events": Listing.EVENTS,
    "task-execution/{task}/logs": Listing.LOGS,
    "optimization": Listing.AGENTS,
    "optimization/weights?agentId=alex": Listing.WEIGHTS,
}


@pytest.mark.parametrize("path", OF_LISTS)
def test_a_cursor_of_another_list_is_refused(api: Client, task_id: str, path: str) -> None:
    address = f"{ORCHESTRATION}/{path.format(task=task_id)}"
    joint = "&" if "?" in address else "?"
    for listing in Listing:
        answer = api.get(f"{address}{joint}cursor={encode_place(1, of=listing)}")
        if listing == OF_LISTS[path]:
            assert answer.status_code == 200
        else:
            assert refused_fields(answer) == {"cursor"}


# -- Paths ---------------------------------------------------------------------------------------

BAD_IDS = ["task-x", "1", "-1", "null", "undefined", "{taskId}", "*", "..", ".", "%2e%2e", "%00"]
BAD_IDS += ["task-x%00", "%FF%FE", "%ED%A0%80", "x" * 5000, "é" * 64, "%E2%80%AEksat", "%0d%0aX:1"]
BAD_IDS += ["'%20OR%20'1'='1", "%3Cscript%3E", "task-x;a=b", "${7*7}", "%252e%252e", "%20", "+"]
BAD_IDS += ["..%2f..%2fetc%2fpasswd", "task-", "%F0%9F%92%A9", "%25", "events", "logs"]


@pytest.mark.parametrize("task", BAD_IDS, ids=lambda text: text[:20])
def test_an_id_of_no_task_is_not_found(api: Client, head: Client, task: str) -> None:
    for path in ("", "/", "/events", "/logs"):
        refused(api.get(f"{TASKS}/{task}{path}"), 404, "not_found")
    refused(send(api, "POST", f"{TASKS}/{task}/logs", LOG), 404, "not_found")
    assert head.get(f"/marketplace/tasks/{task}").status_code == 404
    values = {"action": "cancel", "note": "não", "version": 1}
    assert head.post(f"/marketplace/tasks/{task}", values).status_code == 404


def test_another_tasks_number_is_no_id(api: Client, task_id: str) -> None:
    number = apps.get_model("execution", "Task").objects.get(task_id=task_id).pk
    refused(api.get(f"{TASKS}/{number}"), 404, "not_found")
    refused(api.get(f"{TASKS}/{task_id.upper()}"), 404, "not_found")


LOST_PATHS = ["/api/", "/api", "/api/nothing", "/api/marketplace", "/api/../admin/", "/api/%2e%2e/"]
LOST_PATHS += [f"{TASKS}//", f"/{TASKS}", f"{TASKS}/a/b", f"{TASKS}/task-x/logs/1", f"{TASKS}.json"]
LOST_PATHS += [
    f"{TASKS}/task-x%2Flogs%2F",
    f"{TASKS}\\task-x",
    f"{TASKS}/task-x//logs",
    f"{TASKS};x",
]
LOST_PATHS += ["/api/%00", "/api/%FF", "/api/" + "a/" * 2000, "/api/SCHEMA/", "/api/docs/x"]


@pytest.mark.parametrize("path", LOST_PATHS, ids=lambda text: text[-30:])
def test_a_path_that_leads_nowhere_is_not_found(api: Client, path: str) -> None:
    answer = api.get(path)
    if path.startswith("/api/"):
        refused(answer, 404, "not_found")
    assert answer.status_code == 404


# -- Verbs ---------------------------------------------------------------------------------------

VERBS = {
    "": {"GET", "HEAD", "POST", "PATCH"},
    "/{task}": {"GET", "HEAD"},
    "/{task}/events": {"GET", "HEAD"},
    "/{task}/logs": {"GET", "HEAD", "POST"},
}
EVERY_VERB = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]


@pytest.mark.parametrize("path", VERBS)
@pytest.mark.parametrize("verb", EVERY_VERB)
def test_a_verb_that_a_path_does_not_know_is_refused(
    api: Client, task_id: str, path: str, verb: str
) -> None:
    if verb in VERBS[path]:
        return
    answer = send(api, verb, TASKS + path.format(task=task_id), NEW_TASK)
    refused(answer, 405, "method_not_allowed")
    allowed = {method.strip() for method in answer["Allow"].split(",")}
    assert allowed == VERBS[path]


def test_what_is_allowed_is_what_is_taken(api: Client, task_id: str) -> None:
    for path, verbs in VERBS.items():
        answer = api.get(TASKS + path.format(task=task_id))
        assert answer.status_code == 200
        assert set(answer["Allow"].split(", ")) == verbs


@pytest.mark.parametrize("path", ["/api/schema/", "/api/docs/"])
def test_documents_are_read_only(api: Client, path: str) -> None:
    assert api.get(path)["Allow"] == "GET, HEAD"
    for verb in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = send(api, verb, path, {})
        refused(answer, 405, "method_not_allowed")
        assert answer["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("address", ["/api/schema/", "/api/schema"])
def test_the_document_takes_no_parameter_but_its_form_and_language(
    api: Client, address: str
) -> None:
    assert refused_fields(api.get(address, {"foo": "1"})) == {"foo"}
    assert refused_fields(api.get(address, {"version": "1", "format": "json"})) == {"version"}
    for language in ("", "xx", "pt", "../en"):
        assert refused_fields(api.get(address, {"lang": language})) == {"lang"}
    english = api.get(address, {"lang": "en", "format": "json"})
    assert (english.status_code, json.loads(english.content)["openapi"][:3]) == (200, "3.1")


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_header_does_not_change_the_verb(api: Client, task_id: str, header: str) -> None:
    headers = {header: "PATCH"}
    change = {"taskId": task_id, "status": "completed"}
    assert send(api, "GET", TASKS, change, headers=headers).status_code == 200
    answer = send(api, "POST", TASKS, change, headers=headers)
    assert {"taskId", "status"} <= refused_fields(answer)
    assert refused_fields(send(api, "POST", f"{TASKS}?_method=PATCH", change)) == {"_method"}


# -- Bodies: what is no JSON ---------------------------------------------------------------------

BROKEN_BODIES = {
    "blanks": b" \r\n\t ",
    "truncated": b'{"taskId": "task',
    "open": b"{",
    "two documents": b"{}{}",
    "trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "comment": b"{} // fine",
    "a form": b"status=completed",
    "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a mark before": b"\xef\xbb\xbf{}",
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "utf-32": '{"a": 1}'.encode("utf-32"),
    "latin-1": '{"title": "Otimização"}'.encode("latin-1"),
    "overlong": b'{"a": "\xc0\x80"}',
    "surrogate bytes": b'{"a": "\xed\xa0\x80"}',
    "a zero byte": b'{"a": 1}\x00',
    "NaN": b'{"progress": NaN}',
    "Infinity": b'{"progress": Infinity}',
    "-Infinity": b'{"progress": -Infinity}',
    "1e400": b'{"estimatedHours": 1e400}',
    "-1e400": b'{"estimatedHours": -1e400}',
    "a huge whole number": b'{"version": ' + b"9" * 5000 + b"}",
    "a huge exponent": b'{"estimatedHours": 1e' + b"9" * 5000 + b"}",
    "a number of 65 bits": b'{"result": {"a": 18446744073709551615}}',
    "a negative number of 65 bits": b'{"result": {"a": [-9223372036854775809]}}',
    "hexadecimal": b'{"progress": 0x3C}',
    "a leading zero": b'{"progress": 060}',
    "a plus sign": b'{"progress": +60}',
    "a repeated key": b'{"status": "failed", "status": "completed"}',
    "a repeated key inside": b'{"syncStatus": {"amazon": true, "amazon": false}}',
    "a repeated key in disguise": b'{"status": "failed", "st\\u0061tus": "completed"}',
    "a lone surrogate": b'{"title": "\\ud800"}',
    "a surrogate as key": b'{"\\udfff": 1}',
    "NUL": b'{"title": "a\\u0000b"}',
    "NUL as key": b'{"\\u0000": 1}',
    "NUL far inside": b'{"a": [[{"b": ["\\u0000"]}]]}',
    "a raw control character": b'{"title": "a\nb"}',
    "3 kB of [": b"[" * 3000,
    "3 kB of {": b'{"a":' * 3000,
    "closed 3 kB of [": b"[" * 1500 + b"]" * 1500,
    "1 MB of [": b"[" * 1_000_000,
    "deep inside a list": b'[{"a": ' + b"[" * 40 + b"]" * 40 + b"}]",
}


@EVERY_WRITE
@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_what_is_no_json_is_refused(api: Client, task_id: str, call: int, body: bytes) -> None:
    refused(send(api, *writes(task_id)[call], body), 400, "parse_error")


OTHER_JSON = [None, True, 0, 1.5, "text", [1], [None], [[]], {}, [{}], [[{}]], b""]
OTHER_JSON += [{"__proto__": {"status": "completed"}}, {"taskId__in": []}, {"$where": "1"}]


@EVERY_WRITE
@pytest.mark.parametrize("body", OTHER_JSON, ids=ascii)
def test_another_kind_of_json_is_refused(api: Client, task_id: str, call: int, body: Any) -> None:
    assert refused_fields(send(api, *writes(task_id)[call], body))


@EVERY_WRITE
def test_a_body_over_four_megabytes_is_refused(api: Client, task_id: str, call: int) -> None:
    body = b'{"title": "' + b"x" * (4 * 1024 * 1024) + b'"}'
    refused(send(api, *writes(task_id)[call], body), 413, "payload_too_large")


@EVERY_WRITE
def test_many_unknown_fields_make_no_long_answer(api: Client, task_id: str, call: int) -> None:
    many = {f"field{number}": 1 for number in range(50_000)}
    bodies = [
        many,
        {"x" * 1_000_000: 1},
        {"syncStatus": many, "taskId": task_id, "status": "failed"},
    ]
    for body in bodies:
        answer = send(api, *writes(task_id)[call], body)
        assert refused_fields(answer)
        assert len(answer.content) < 10_000


CONTENT_TYPES = [
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "text/html",
    "a/b/c",
]
CONTENT_TYPES += ["multipart/form-data", "multipart/form-data; boundary=x", "application/jsonp"]
CONTENT_TYPES += ["application/json-patch+json", "application/xml", "json", "/", "", ";", "\u00e9"]


@EVERY_WRITE
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_another_content_type_is_refused(
    api: Client, task_id: str, call: int, content_type: str
) -> None:
    method, path = writes(task_id)[call]
    body = good_body(method, path, task_id)
    answer = send(api, method, path, body, content_type=content_type)
    refused(answer, 415, "unsupported_media_type")


@EVERY_WRITE
@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "x"])
def test_a_compressed_body_is_refused(api: Client, task_id: str, call: int, coding: str) -> None:
    method, path = writes(task_id)[call]
    body = good_body(method, path, task_id)
    answer = send(api, method, path, body, headers={"Content-Encoding": coding})
    refused(answer, 415, "unsupported_media_type")


# -- Bodies: POST task-execution -----------------------------------------------------------------

NOT_TEXT: list[Any] = [None, True, 7, 1.5, [], ["amazon"], {}, {"a": 1}]
BIDI, INVISIBLE = "Foto \u202egnp.exe", "\u200b\u200d\u2060\ufeff"
BAD_NEW_TASKS: Mapping[str, list[Any]] = {
    "taskType": [
        *NOT_TEXT,
        "",
        " ",
        "a b",
        "é",
        "a/b",
        "\u200ba",
        "а",
        "x" * 65,
        "a,b",
        "a\n",
        " a",
    ],
    "title": [
        *NOT_TEXT,
        "",
        "   ",
        "\u3000",
        "x" * 201,
        "a\nb",
        "a\u0085b",
        "a\u2028b",
        "\x1b[2J",
        BIDI,
        "\u2066a\u2069",
        INVISIBLE,
    ],
    "channel": [*NOT_TEXT, "", "ebay", "Amazon", "amazon ", "amazon,shein", "аmazon"],
    "agentId": [*NOT_TEXT[1:], "", "nobody", "ALEX", "a b", "x" * 65, "\u200balex"],
    "estimatedHours": [
        *(None, True, "1", "", [], {}),
        *(0, -0.0, -1, 5e-324, 0.00016, 1000.5, 1e300, 10**18),
    ],
    "targets": [
        None,
        True,
        1,
        "amazon",
        {},
        [],
        ["amazon", "amazon"],
        ["ebay"],
        [1],
        [None],
        [[]],
        ["amazon", "ebay"],
        ["amazon"] * 7,
        {"amazon": True},
    ],
    "priority": [*NOT_TEXT, "", "highest", "HIGH", "1"],
    "externalId": [*NOT_TEXT[1:], "", " ", "x" * 201, "a\tb", BIDI, INVISIBLE],
    **{name: [1] for name in ("status", "taskId", "progress", "createdAt", "id", "agent__name")},
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in BAD_NEW_TASKS.items() for value in values],
    ids=lambda value: ascii(value)[:40],
)
def test_a_bad_new_task_is_refused(api: Client, field: str, value: Any) -> None:
    bad = {**NEW_TASK, field: value}
    named = refused_fields(send(api, "POST", TASKS, bad))
    assert {name.partition("[")[0] for name in named} == {field}
    named = refused_fields(send(api, "POST", TASKS, [NEW_TASK, bad, NEW_TASK]))
    assert all(name.startswith(f"[1].{field}") for name in named), named


@pytest.mark.parametrize("missing", NEW_TASK)
def test_a_new_task_needs_its_four_fields(api: Client, missing: str) -> None:
    body = {name: value for name, value in NEW_TASK.items() if name != missing}
    assert refused_fields(send(api, "POST", TASKS, body)) == {missing}


def test_a_list_is_of_one_to_500_tasks_with_ids_of_their_own(api: Client) -> None:
    for body in ([], [NEW_TASK] * 501):
        assert refused_fields(send(api, "POST", TASKS, body)) == {"body"}
    twice = [NEW_TASK, {**NEW_TASK, "externalId": "a"}, {**NEW_TASK, "externalId": "a"}]
    details = refused(send(api, "POST", TASKS, twice), 409, "duplicate")["details"]
    assert set(details) == {"[1].externalId", "[2].externalId"}


# -- Bodies: PATCH task-execution ----------------------------------------------------------------

BAD_UPDATES: Mapping[str, list[Any]] = {
    "taskId": [*NOT_TEXT, "", " ", "x" * 65, "task-\n1", "task-\u20281", BIDI],
    "status": [*NOT_TEXT, "", "running", "COMPLETED", "completed ", "complеted", "approve"],
    "progress": [None, True, "60", 60.0, 6e1, [], {}, -1, 0, 49, 75, 101, 2**31, 10**18],
    "error": [True, 5, [], {}, "x" * 4001],
    "failureReason": [*NOT_TEXT, "", "boredom", "ERROR", "timeout", "cancelled"],
    "reason": [True, 5, [], {}, "x" * 4001],
    "version": [None, True, "1", 1.0, [], {}, 0, -1, 2**31, 10**18],
    "leaseId": [*NOT_TEXT, "", "x" * 65, "a\nb", "lease"],
    "result": [None, True, 1, "x", [], {}, {"a": 1}],
    **{name: [1] for name in ("agentId", "title", "attempt", "task_id", "status__in", "Status")},
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in BAD_UPDATES.items() for value in values],
    ids=lambda value: ascii(value)[:40],
)
def test_a_bad_update_is_refused(api: Client, task_id: str, field: str, value: Any) -> None:
    body = {"taskId": task_id, "status": "in_progress", field: value}
    assert refused_fields(send(api, "PATCH", TASKS, body)) == {field}


@pytest.mark.parametrize("missing", ["taskId", "status"])
def test_an_update_needs_its_two_fields(api: Client, task_id: str, missing: str) -> None:
    body = {"taskId": task_id, "status": "in_progress"}
    body.pop(missing)
    assert refused_fields(send(api, "PATCH", TASKS, body)) == {missing}


BAD_MARKS: list[tuple[Any, str]] = [
    *((value, "syncStatus") for value in (None, True, 1, "amazon", [], ["amazon"])),
    *(({"amazon": value}, "syncStatus.amazon") for value in (None, 1, 0, "true", [], {})),
    ({"ebay": True}, "syncStatus.ebay"),
    ({"Amazon": True}, "syncStatus.Amazon"),
    ({"amazon ": True}, "syncStatus.amazon "),
    ({"shein": True}, "syncStatus.shein"),  # no target of this task
    ({"amazon": True, "kaway": False}, "syncStatus.kaway"),
]


@pytest.mark.parametrize(("marks", "field"), BAD_MARKS, ids=ascii)
def test_bad_marks_of_targets_are_refused(
    api: Client, task_id: str, marks: Any, field: str
) -> None:
    body = {"taskId": task_id, "status": "marketplace_sync", "syncStatus": marks}
    assert refused_fields(send(api, "PATCH", TASKS, body)) == {field}


@pytest.mark.parametrize("task", ["task-x", "1", "..", "' OR 1=1 --"])
def test_updating_no_task_is_not_found(api: Client, task: str) -> None:
    body = {"taskId": task, "status": "completed"}
    refused(send(api, "PATCH", TASKS, body), 404, "not_found")


# -- Bodies: from an agent -----------------------------------------------------------------------

BAD_RESULTS: Mapping[str, bytes] = {
    "null": b"null",
    "a list": b"[]",
    "text": b'"x"',
    "a number": b"1",
    "over 64 kB": b'{"a": "' + b"x" * 65536 + b'"}',
    "over 64 kB in UTF-8": b'{"a": "' + "é".encode() * 32768 + b'"}',
}


@pytest.mark.parametrize("result", BAD_RESULTS.values(), ids=BAD_RESULTS)
def test_a_bad_result_is_refused(agent: Client, task_id: str, result: bytes) -> None:
    start = json.dumps({"taskId": task_id, "status": "in_progress"}).encode()[:-1]
    answer = send(agent, "PATCH", TASKS, start + b', "result": ' + result + b"}")
    assert refused_fields(answer) == {"result"}


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"leaseId": "forged"}, 409, "lease_lost"),
        ({"leaseId": ...}, 409, "lease_lost"),
        ({"status": "failed", "failureReason": "rejected"}, 403, "permission_denied"),
        ({"status": "failed", "failureReason": "cancelled"}, 403, "permission_denied"),
        ({"status": "pending"}, 409, "invalid_transition"),
        ({"version": 99}, 409, "version_conflict"),
        ({"taskId": "task-of-another"}, 404, "not_found"),
    ],
)
def test_an_agent_takes_no_more_than_is_its_own(
    agent: Client, world: World, fields: Mapping[str, Any], status: int, code: str
) -> None:
    held = {"taskId": world.task_id, "status": "in_progress", "leaseId": world.lease_id}
    body = {name: value for name, value in (held | dict(fields)).items() if value is not ...}
    refused(send(agent, "PATCH", TASKS, body), status, code)


# -- Bodies: POST logs ---------------------------------------------------------------------------

BAD_LINES: Mapping[str, list[Any]] = {
    "message": [*NOT_TEXT, "", "é" * 4097, "x" * 8193],  # 8,194 bytes
    "level": [*NOT_TEXT, "", "loud", "INFO"],
    "at": [
        True,
        5,
        1e300,
        [],
        {},
        "",
        "yesterday",
        "2026-02-30T00:00:00Z",
        "x" * 5000,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-01-01T00:00:00+99:00",
        "2999-01-01T00:00:00Z",
    ],
    **{name: [1] for name in ("line", "taskId", "id", "at__gt")},
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in BAD_LINES.items() for value in values],
    ids=lambda value: ascii(value)[:40],
)
def test_a_bad_log_line_is_refused(api: Client, task_id: str, field: str, value: Any) -> None:
    bad = {**LOG, field: value}
    path = f"{TASKS}/{task_id}/logs"
    for body, place in ((bad, ""), ([LOG, bad], "[1]."), ({"logs": [LOG, LOG, bad]}, "[2].")):
        assert refused_fields(send(api, "POST", path, body)) == {f"{place}{field}"}


@pytest.mark.parametrize("body", [[], [LOG] * 501, {"logs": []}, {"logs": LOG}, {"logs": None}])
def test_what_is_no_list_of_1_to_500_lines_is_refused(api: Client, task_id: str, body: Any) -> None:
    assert refused_fields(send(api, "POST", f"{TASKS}/{task_id}/logs", body)) == {"body"}


# -- Headers -------------------------------------------------------------------------------------

BAD_KEYS = ["", " ", "a b", "é", "x" * 201, "\x7f", "a\tb", "\u200b", "chave única"]


@EVERY_WRITE
@pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
def test_a_bad_idempotency_key_is_named(api: Client, task_id: str, call: int, key: str) -> None:
    method, path = writes(task_id)[call]
    body = good_body(method, path, task_id)
    answer = send(api, method, path, body, headers={"Idempotency-Key": key})
    assert refused_fields(answer) == {"Idempotency-Key"}
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("accept", ["text/turtle", "image/png", "application/xml", "x/y;q=1"])
def test_a_form_that_there_is_not_is_refused(api: Client, accept: str) -> None:
    refused(api.get(TASKS, headers={"Accept": accept}), 406, "not_acceptable")


@pytest.mark.parametrize("name", ["xml", "csv", "", "../json", "\x00", "api'"])
def test_a_format_that_there_is_not_is_named(api: Client, name: str) -> None:
    assert refused_fields(api.get(TASKS, {"format": name})) == {"format"}


@pytest.mark.parametrize("accept", ["*/*", "text/html", "text/csv"])
@pytest.mark.parametrize(
    "query", ["format", "format=", "format=%20", "format=json&format=json", "f%6Frmat=&limit=1"]
)
def test_a_format_is_given_once(api: Client, accept: str, query: str) -> None:
    answer = api.get(f"{TASKS}?{query}", headers={"Accept": accept})
    assert refused_fields(answer) == {"format"}


NONSENSE: list[dict[str, str]] = [
    {"Accept": "////"},
    {"Accept": ";;;,,,"},
    {"Accept-Language": "x" * 10_000},
    {"Accept-Language": "\x00;q=NaN,../../etc/passwd"},
    {"Content-Length": "-5"},
    {"Content-Length": "many"},
    {"Cookie": "nexo_language=../../etc/passwd; nexo_theme=<script>"},
    {"Cookie": "sessionid=\x00; csrftoken=\x00"},
    {"Cookie": "=;=;;=\x7f" * 1000},
    {"If-Modified-Since": "yesterday"},
    {"Range": "bytes=-9999999999999999999"},
    {"Referer": "javascript:alert(1)"},
    {"X-Forwarded-For": "' OR 1=1 --"},
    {"X-Forwarded-Host": "elsewhere.example"},
    {"X-Request-ID": "a\nb" * 100},
]


@pytest.mark.parametrize("headers", NONSENSE, ids=lambda headers: ascii(headers)[:50])
def test_nonsense_in_headers_breaks_nothing(
    api: Client, head: Client, headers: dict[str, str]
) -> None:
    answer = api.get(TASKS, {"q": "é%"}, headers=headers)
    assert answer.status_code == 200 or refused(answer, 406, "not_acceptable")
    session = f"sessionid={head.cookies['sessionid'].value}; "
    headers = {**headers, "Cookie": session + headers.get("Cookie", "")}
    answer = Client().get("/marketplace/tasks/execution", {"q": "é%"}, headers=headers)
    assert answer.status_code in (200, 302)


@pytest.mark.parametrize(
    "host",
    [
        "elsewhere.example",
        "testserver@elsewhere.example",
        "",
        "a b",
        "localhost:x",
        "[::1",
        "\x00",
        "a\\b",
    ],
)
def test_another_host_is_refused(api: Client, head: Client, host: str) -> None:
    refused(api.get(TASKS, headers={"Host": host}), 400, "parse_error")
    page = head.get("/marketplace/tasks/execution", headers={"Host": host})
    assert page.status_code == 400
    assert "elsewhere" not in page.content.decode()


# -- Forged requests -----------------------------------------------------------------------------


@pytest.fixture
def strict(head: Client) -> Client:
    """The head's browser, with the checks that Django's test client leaves out."""
    client = Client(enforce_csrf_checks=True)
    client.cookies = head.cookies
    client.get("/marketplace/tasks/execution")
    return client


FORGERIES: dict[str, dict[str, str]] = {
    "no token": {},
    "an empty token": {"X-CSRFToken": ""},
    "a wrong token": {"X-CSRFToken": "a" * 64},
    "a token of other signs": {"X-CSRFToken": "é\x00'"},
    "a right token from elsewhere": {"Origin": "https://elsewhere.example", "X-CSRFToken": "right"},
    "a right token from a like name": {
        "Origin": "http://testserver.elsewhere.example",
        "X-CSRFToken": "right",
    },
    "a right token from another scheme": {"Origin": "https://testserver", "X-CSRFToken": "right"},
    "a right token from another port": {"Origin": "http://testserver:99", "X-CSRFToken": "right"},
    "a right token from nowhere": {"Origin": "null", "X-CSRFToken": "right"},
    "a right token from nonsense": {"Origin": "\x00://[", "X-CSRFToken": "right"},
}


@EVERY_WRITE
@pytest.mark.parametrize("headers", FORGERIES.values(), ids=FORGERIES)
def test_a_session_alone_writes_nothing(
    strict: Client, task_id: str, call: int, headers: dict[str, str]
) -> None:
    if headers.get("X-CSRFToken") == "right":
        headers = {**headers, "X-CSRFToken": strict.cookies["csrftoken"].value}
    method, path = writes(task_id)[call]
    body = good_body(method, path, task_id)
    refused(send(strict, method, path, body, headers=headers), 403, "csrf_failed")
    page = f"/marketplace/tasks/{task_id}"
    form = {"action": "complete", "version": 2}
    answer = strict.post(page, form, headers=headers)
    assert answer.status_code == 403
    assert 'data-code="csrf_failed"' in answer.content.decode()
    as_script = {**headers, "Accept": "application/json"}
    refused(strict.post(page, form, headers=as_script), 403, "csrf_failed")


@pytest.mark.parametrize("referer", ["", "https://elsewhere.example/", "http://testserver/", "x"])
def test_over_https_the_referer_counts_too(strict: Client, referer: str) -> None:
    headers = {"X-CSRFToken": strict.cookies["csrftoken"].value, "Referer": referer}
    answer = send(strict, "POST", TASKS, NEW_TASK, headers=headers, secure=True)
    refused(answer, 403, "csrf_failed")


@EVERY_WRITE
@pytest.mark.parametrize("key", ["", "x", "0" * 32, "../../x", "'; DROP TABLE task; --", "é" * 32])
def test_a_forged_session_writes_nothing(task_id: str, call: int, key: str) -> None:
    client = Client()
    client.cookies["sessionid"] = key
    method, path = writes(task_id)[call]
    body = good_body(method, path, task_id)
    refused(send(client, method, path, body), 401, "not_authenticated")
    refused(client.get(TASKS), 401, "not_authenticated")


# -- Pages ---------------------------------------------------------------------------------------

BAD_ACTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no version": {"action": "complete"},
    "an unknown action": {"action": "explode"},
    "a status for an action": {"action": "completed"},
    "a lookup": {"action__in": "complete"},
    "two things at once": {"action": "complete", "channel": "amazon"},
    "an unknown marketplace": {"channel": "ebay"},
    "another task's marketplace": {"channel": "shein", "synced": "on"},
    "no cause for a failure": {"action": "fail"},
    "a blank cause": {"action": "fail", "note": "  "},
    "no reason to cancel": {"action": "cancel"},
    "a long reason": {"action": "cancel", "note": "x" * 4001},
    "NUL": {"action": "cancel", "note": "a\x00b"},
    "an illegal step": {"action": "retry"},
    "an old version": {"action": "complete", "version": "1"},
    "a version to come": {"action": "complete", "version": "99"},
    **{
        f"version {version[:9]!r}": {"action": "complete", "version": version}
        for version in ("", "0", "-1", "x", "1.5", "1e2", "NaN", "9" * 4000, "\x00", "[2]")
    },
}


@pytest.mark.parametrize("values", BAD_ACTIONS.values(), ids=BAD_ACTIONS)
def test_a_bad_form_changes_nothing_and_says_so(
    head: Client, task_id: str, values: dict[str, Any]
) -> None:
    path = f"/marketplace/tasks/{task_id}"
    if values and "version" not in values and values is not BAD_ACTIONS["no version"]:
        values = {**values, "version": "2"}
    page = head.post(path, values, follow=True)
    assert page.redirect_chain[-1][0] == path
    assert [message.level_tag for message in page.context["messages"]] == ["error"]
    answer = head.post(path, values, headers={"Accept": JSON})
    body = json.loads(answer.content)
    assert 400 <= answer.status_code < 500
    refused(answer, answer.status_code, body["code"])


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"action": "complete", "version": 2}', JSON, 302),
        (b"action=complete&version=2", "text/plain", 302),
        (b"\xff=\xfe&action=complete", "application/x-www-form-urlencoded", 302),
        (b"no parts", "multipart/form-data; boundary=", 400),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 302),
        (b"a&" * 1001, "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * (5 * 1024 * 1024), "application/x-www-form-urlencoded", 413),
    ],
)
def test_a_body_that_is_no_form_changes_nothing(
    head: Client, task_id: str, body: bytes, content_type: str, status: int
) -> None:
    path = f"/marketplace/tasks/{task_id}"
    assert send(head, "POST", path, body, content_type=content_type).status_code == status


BAD_FILTERS = {**BAD_PARAMETERS, "period": ["yesterday", "\x00", "7D", "-1"]}
BAD_FILTERS |= {name: ["pending"] for name in ("status__in", "agent__name", "x" * 9000, "\x00")}


@pytest.mark.parametrize("name", BAD_FILTERS, ids=lambda text: ascii(text)[:30])
def test_a_page_leaves_out_what_it_cannot_read(head: Client, name: str) -> None:
    for path in ("/marketplace/tasks/execution", "/marketplace/tasks/execution/summary"):
        for value in BAD_FILTERS[name]:
            assert head.get(path, {name: value}).status_code == 200, value
        assert head.get(f"{path}?{quote(name)}=1&{quote(name)}=%FF").status_code == 200


def test_a_page_shows_what_it_was_given_as_text(head: Client) -> None:
    attack = "\"'><script>alert(1)</script>{{7*7}}"
    for name in ("q", "status", "agent", "taskType", "period", "cursor"):
        page = head.get("/marketplace/tasks/execution", {name: attack}).content.decode()
        assert "<script>alert" not in page


def test_the_browsable_api_shows_what_it_was_given_as_text(head: Client) -> None:
    answer = head.get(
        TASKS, {"status": "<script>alert(1)</script>"}, headers={"Accept": "text/html"}
    )
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("text/html")
    assert "<script>alert" not in answer.content.decode()


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "DELETE", "TRACE", "COPY"])
def test_pages_refuse_other_verbs(head: Client, task_id: str, verb: str) -> None:
    for path in ("/marketplace/tasks/execution", f"/marketplace/tasks/{task_id}"):
        answer = send(head, verb, path)
        assert answer.status_code == 405
        assert "GET" in answer["Allow"]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/i18n/setlang/", {"language": "../../etc/passwd", "next": "//elsewhere.example"}),
        ("/i18n/setlang/", {"language": "\x00", "next": "javascript:alert(1)"}),
        ("/accounts/theme/", {"theme": "\x00", "next": "https://elsewhere.example"}),
        ("/accounts/theme/", {"theme": "x" * 5000, "next": "\x00"}),
    ],
)
def test_a_bad_preference_is_not_kept(head: Client, path: str, values: dict[str, str]) -> None:
    answer = head.post(path, values)
    assert answer.status_code in (204, 302)
    assert "elsewhere" not in answer.get("Location", "")
    assert not {"nexo_theme", "nexo_language"} & set(answer.cookies)


@pytest.mark.parametrize("name", ["username", "password", "next"])
@pytest.mark.parametrize("value", ["\x00", "x" * 100_000, "\u202e", "' OR 1=1 --", "<script>"])
def test_a_bad_sign_in_is_nobodys(name: str, value: str) -> None:
    client = Client()
    fields = {"username": "ana", "password": "errada", name: value}
    page = client.post("/accounts/login/", fields)
    assert page.status_code == 200
    assert "<script>" + "alert" not in page.content.decode()
    assert "sessionid" not in client.cookies


# -- The administration --------------------------------------------------------------------------

BAD_ADMIN_PATHS = [
    ("auth/user/?q=%00", {400}),
    ("auth/user/?o=99.-99.x", {200}),
    ("auth/user/?p=99999999999999999999", {200, 302}),
    ("auth/user/?all=x", {200}),
    ("auth/user/?id__exact=x", {302}),
    ("auth/user/?password__startswith=p", {400}),
    ("accounts/apitoken/?user__password__startswith=p", {400}),
    ("accounts/apitoken/?key_hash__startswith=p", {400}),
    ("auth/user/x/change/", {302, 404}),
    ("auth/user/%00/change/", {404}),
    ("auth/user/99999999999999999999999/change/", {302, 404}),
    ("auth/user/1/../../group/", {302, 404}),
    ("execution/agent/%00/change/", {404}),
    ("nothing/", {404}),
]


@pytest.mark.parametrize(("path", "statuses"), BAD_ADMIN_PATHS)
def test_the_administration_survives_bad_addresses(path: str, statuses: set[int]) -> None:
    client = Client()
    admin = make_user(Role.ADMIN)
    client.force_login(admin, settings.AUTHENTICATION_BACKENDS[-1])
    try:
        assert client.get(f"/admin/{path}").status_code in statuses
    finally:
        admin.delete()
