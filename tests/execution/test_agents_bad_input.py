"""Hostile and mistaken input to the calls for agents: refused in the envelope, nothing changed."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.test import Client

from accounts import tokens
from accounts.models import AuditEntry
from accounts.roles import Role
from execution.enums import TaskStatus
from tests.envelope import refused, refused_fields
from tests.factories import make_agent, make_task_in, make_user, rows_of
from tests.test_bad_input import (
    BROKEN_BODIES,
    CONTENT_TYPES,
    EVERY_VERB,
    UNKNOWN_PARAMETERS,
    everything,
    send,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

BASE = "/api/marketplace/orchestration/agents"
CALLS = ("claim", "heartbeat", "pause", "resume")
EVERY_CALL = pytest.mark.parametrize("call", CALLS)

NOT_NUMBERS: list[Any] = [None, True, "1", "", 1.0, 1.5, [], {}, 0, -1, 101, 10**18]
NOT_LISTS: list[Any] = [None, True, 0, "photo", {}, {"0": "photo"}]
BAD_BODIES: Mapping[str, Mapping[str, list[Any]]] = {
    "claim": {
        "limit": NOT_NUMBERS,
        "taskTypes": [*NOT_LISTS, [], [1], [None], [[]], ["a b"], ["é"], ["x" * 65], ["a"] * 101],
        "agentId": ["alex"],
        "leaseIds": [["lease-x"]],
        "__proto__": [{}],
    },
    "heartbeat": {
        "leaseIds": [*NOT_LISTS, [1], [None], [[]], [""], [" "], ["x" * 65], ["a"] * 501, ["a\nb"]],
        "leaseId": ["lease-x"],
        "limit": [1],
    },
    "pause": {"reason": [True, 1, [], {}, "x" * 1001], "paused": [True], "is_paused": [True]},
    "resume": {"reason": [True, 1, [], {}, "x" * 1001], "force": [True]},
}
OTHER_JSON: list[Any] = [True, 0, 1.5, "text", [], [1], [{}], [["limit", 1]]]


@pytest.fixture(scope="module")
def clients(module_db: None) -> Mapping[str, Client]:
    """By call, somebody who may make it."""
    make_agent("alex")
    make_task_in(TaskStatus.APPROVED, agent_id="alex")
    agent = tokens.issue_token(name="alex", by="user:ana", agent_id="alex")[1]
    head = tokens.issue_token(name="robô", by="user:ana", user=make_user(Role.HEAD))[1]
    keys = dict(zip(CALLS, (agent, agent, head, head), strict=True))
    return {call: Client(headers={"authorization": f"Token {key}"}) for call, key in keys.items()}


@pytest.fixture(scope="module")
def before(clients: Mapping[str, Client]) -> Any:
    return everything(), rows_of([AuditEntry])


@pytest.fixture(autouse=True)
def _unchanged(before: Any, db: None) -> Iterator[None]:
    yield
    assert (everything(), rows_of([AuditEntry])) == before


def ask(clients: Mapping[str, Client], call: str, body: Any = b"", **options: Any) -> Any:
    return send(clients[call], "POST", f"{BASE}/alex/{call}", body, **options)


@pytest.mark.parametrize(
    ("call", "field", "value"),
    [
        pytest.param(call, field, value, id=f"{call} {field} {ascii(value)[:20]}")
        for call, fields in BAD_BODIES.items()
        for field, values in fields.items()
        for value in values
    ],
)
def test_a_bad_field_is_named(
    clients: Mapping[str, Client], call: str, field: str, value: Any
) -> None:
    named = refused_fields(ask(clients, call, {field: value}))
    assert {name.partition("[")[0].partition(".")[0] for name in named} == {field}


@EVERY_CALL
@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_what_is_no_json_is_refused(clients: Mapping[str, Client], call: str, body: bytes) -> None:
    refused(ask(clients, call, body), 400, "parse_error")


@EVERY_CALL
@pytest.mark.parametrize("body", OTHER_JSON, ids=ascii)
def test_another_kind_of_json_is_refused(
    clients: Mapping[str, Client], call: str, body: Any
) -> None:
    assert refused_fields(ask(clients, call, body))


@EVERY_CALL
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_another_content_type_is_refused(
    clients: Mapping[str, Client], call: str, content_type: str
) -> None:
    answer = ask(clients, call, {}, content_type=content_type)
    refused(answer, 415, "unsupported_media_type")


@EVERY_CALL
@pytest.mark.parametrize("name", UNKNOWN_PARAMETERS, ids=lambda text: repr(text[:30]))
def test_an_unknown_parameter_is_refused(
    clients: Mapping[str, Client], call: str, name: str
) -> None:
    answer = clients[call].post(f"{BASE}/alex/{call}", query_params={name: "1"})
    assert refused_fields(answer) == {name[:100]}


@EVERY_CALL
@pytest.mark.parametrize("verb", sorted({*EVERY_VERB} - {"POST"}))
def test_another_verb_is_refused(clients: Mapping[str, Client], call: str, verb: str) -> None:
    answer = send(clients[call], verb, f"{BASE}/alex/{call}")
    if verb != "HEAD":
        refused(answer, 405, "method_not_allowed")
    assert answer.status_code == 405


BAD_IDS = ["nobody", "ALEX", "x" * 65, "x" * 5000, "%00", "%FF%FE", "é", "..", "%2e%2e", "alex%20"]
BAD_IDS += ["alex%2Fclaim", "*", "'%20OR%20'1'='1", "%E2%80%AExela", "1", "null", "%0d%0a"]


@EVERY_CALL
@pytest.mark.parametrize("agent", BAD_IDS, ids=lambda text: text[:20])
def test_an_id_of_another_or_of_nobody(
    clients: Mapping[str, Client], call: str, agent: str
) -> None:
    answer = clients[call].post(
        f"{BASE}/{agent}/{call}", headers={"Idempotency-Key": "k"}, content_type="application/json"
    )
    assert answer.status_code in (403, 404)
    refused(answer, answer.status_code, answer.json()["code"])


@EVERY_CALL
@pytest.mark.parametrize("key", ["", " ", "é", "a b", "x" * 201, "\x7f"], ids=ascii)
def test_a_bad_idempotency_key_is_refused(
    clients: Mapping[str, Client], call: str, key: str
) -> None:
    answer = ask(clients, call, {}, headers={"Idempotency-Key": key})
    assert refused_fields(answer) == {"Idempotency-Key"}
