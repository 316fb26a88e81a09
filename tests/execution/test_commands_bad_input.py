"""Hostile and mistaken input to the commands: refused in the envelope, nothing changed."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.test import Client

from accounts import tokens
from accounts.roles import Role
from execution.enums import TaskStatus
from execution.models import Task, TaskEvent, TaskTarget
from tests.envelope import refused, refused_fields
from tests.factories import make_agent, make_task_in, make_user, rows_of
from tests.test_bad_input import BAD_IDS, BROKEN_BODIES

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TASKS = "/api/marketplace/orchestration/task-execution"
COMMANDS = ("approve", "reject", "retry", "cancel", "sync")
EVERY_COMMAND = pytest.mark.parametrize("command", COMMANDS)
# What each would take.
GOOD = {"reject": {"reason": "x"}, "cancel": {"reason": "x"}}


def everything() -> Any:
    return rows_of((Task, TaskTarget, TaskEvent))


@pytest.fixture(scope="module")
def task_id(module_db: None) -> str:
    make_agent("alex")
    return str(make_task_in(TaskStatus.PENDING, agent_id="alex").row["task_id"])


@pytest.fixture(scope="module")
def api(task_id: str) -> Client:
    _token, key = tokens.issue_token(name="robô", by="user:ana", user=make_user(Role.HEAD))
    return Client(headers={"authorization": f"Token {key}"})


@pytest.fixture(scope="module")
def before(api: Client) -> Any:
    return everything()


@pytest.fixture(autouse=True)
def _unchanged(before: Any, db: None) -> Iterator[None]:
    yield
    assert everything() == before


def send(client: Client, task_id: str, command: str, body: Any = None) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body or {})
    return client.generic(
        "POST", f"{TASKS}/{task_id}/{command}", content, content_type="application/json"
    )


@EVERY_COMMAND
@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_what_is_no_json_is_refused(api: Client, task_id: str, command: str, body: bytes) -> None:
    refused(send(api, task_id, command, body), 400, "parse_error")


@EVERY_COMMAND
@pytest.mark.parametrize("body", [b"null", b"true", b"1", b'"x"', b"[]", b"[{}]"])
def test_another_kind_of_json_is_refused(
    api: Client, task_id: str, command: str, body: bytes
) -> None:
    refused_fields(send(api, task_id, command, body))


@EVERY_COMMAND
@pytest.mark.parametrize("name", ["status", "Reason", "taskId", "__proto__", "x" * 5000])
def test_an_unknown_field_is_named(api: Client, task_id: str, command: str, name: str) -> None:
    body = {**GOOD.get(command, {}), name: "x"}
    assert refused_fields(send(api, task_id, command, body)) == {name[:100]}


@EVERY_COMMAND
def test_an_unknown_parameter_is_named(api: Client, task_id: str, command: str) -> None:
    path = f"{TASKS}/{task_id}/{command}?force=1"
    answer = api.post(path, GOOD.get(command, {}), content_type="application/json")
    assert refused_fields(answer) == {"force"}


BAD_REASONS = [1, True, [], {}, ["x"], "x" * 4001]
NO_REASONS = [None, "", " ", "\n\t ", "\u200b", "\u200b \u00a0", "\u202e", "\u3164"]
BAD_VERSIONS = [0, -1, 1.0, "1", True, None, [], {}, 2**31, 2**53]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        *product(COMMANDS, BAD_REASONS),
        # Where one is needed it is something to read.
        *product(("reject", "cancel"), NO_REASONS),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_bad_reason_is_named(api: Client, task_id: str, command: str, reason: Any) -> None:
    assert refused_fields(send(api, task_id, command, {"reason": reason})) == {"reason"}


@pytest.mark.parametrize("command", ["approve", "reject", "retry", "cancel"])
@pytest.mark.parametrize("version", BAD_VERSIONS, ids=repr)
def test_a_bad_version_is_named(api: Client, task_id: str, command: str, version: Any) -> None:
    body = {**GOOD.get(command, {}), "version": version}
    assert refused_fields(send(api, task_id, command, body)) == {"version"}


BAD_EDITS: dict[str, list[Any]] = {
    "title": [None, "", " ", "\u200b", "\u3164", "a\nb", "exe\u202egnp", "x" * 201, 1, [], {}],
    "estimatedHours": [None, 0, -1, 5e-324, 0.00016, 1000.1, "1", True, [], {}, 1e308],
    "agentId": [None, "", "nobody", "alex' --", "Alex", "x" * 65, 1, [], {}, "../alex"],
    "targets": [None, [], "amazon", {}, ["amazon", "amazon"], ["amazon"] * 7],
    "priority": [None, "", "alta", "HIGH", 1, True, [], {}],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_EDITS.items() for value in values],
    ids=lambda value: ascii(value)[:24],
)
def test_a_bad_edit_is_named(api: Client, task_id: str, name: str, value: Any) -> None:
    answer = send(api, task_id, "approve", {"edits": {name: value}})
    assert refused_fields(answer) == {f"edits.{name}"}


@pytest.mark.parametrize("value", ["ebay", None, 1, ["amazon"], {"a": 1}, "Amazon"], ids=repr)
def test_a_bad_marketplace_is_named_by_its_place(api: Client, task_id: str, value: Any) -> None:
    answer = send(api, task_id, "approve", {"edits": {"targets": ["amazon", value]}})
    assert refused_fields(answer) == {"edits.targets[1]"}
    assert refused_fields(send(api, task_id, "sync", {"channels": ["amazon", value]})) == {
        "channels[1]"
    }


@pytest.mark.parametrize("value", [None, [], "amazon", {}, ["amazon", "amazon"], 1], ids=repr)
def test_bad_channels_are_named(api: Client, task_id: str, value: Any) -> None:
    assert refused_fields(send(api, task_id, "sync", {"channels": value})) == {"channels"}


@pytest.mark.parametrize("edits", [None, [], "x", 1, True], ids=repr)
def test_edits_are_an_object(api: Client, task_id: str, edits: Any) -> None:
    assert refused_fields(send(api, task_id, "approve", {"edits": edits})) == {"edits"}


def test_what_a_task_is_cannot_be_edited(api: Client, task_id: str) -> None:
    edits = {"status": "completed", "channel": "shein", "taskType": "x", "externalId": "y"}
    answer = send(api, task_id, "approve", {"edits": edits})
    assert refused_fields(answer) == {f"edits.{name}" for name in edits}


@EVERY_COMMAND
@pytest.mark.parametrize("task", BAD_IDS, ids=lambda text: text[:20])
def test_an_id_of_no_task_is_not_found(api: Client, command: str, task: str) -> None:
    refused(send(api, task, command, GOOD.get(command)), 404, "not_found")


@EVERY_COMMAND
@pytest.mark.parametrize("verb", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_commands_are_posted(api: Client, task_id: str, command: str, verb: str) -> None:
    answer = api.generic(verb, f"{TASKS}/{task_id}/{command}")
    refused(answer, 405, "method_not_allowed")
