"""Hostile and mistaken bulk orders: refused in the envelope, nothing changed."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from accounts import tokens
from accounts.models import AuditEntry
from accounts.roles import Role
from execution.models import IdempotencyKey
from orchestration.bulk.services import start_job
from tests.envelope import refused, refused_fields
from tests.factories import make_agent, make_user, rows_of
from tests.orchestration.bulk.orders import by_ids, make_tasks, person
from tests.test_bad_input import BAD_IDS, BAD_PARAMETERS, BROKEN_BODIES, OTHER_JSON, send

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
BULK = "/api/marketplace/orchestration/task-execution/bulk"


def everything() -> dict[str, Any]:
    models = {
        *apps.get_app_config("execution").get_models(),
        *apps.get_app_config("orchestration").get_models(),
        AuditEntry,
    }
    return rows_of(models - {IdempotencyKey})


@pytest.fixture(scope="module")
def job_id(module_db: None) -> str:
    """A job that can still be undone."""
    make_agent("alex")
    return start_job(by_ids("cancel", *make_tasks(2)), caller=person()).job_id


@pytest.fixture(scope="module")
def task_id(job_id: str) -> str:
    return make_tasks(1)[0]


@pytest.fixture(scope="module")
def api(task_id: str) -> Client:
    _token, key = tokens.issue_token(name="robô", by="user:ana", user=make_user(Role.HEAD))
    return Client(headers={"authorization": f"Token {key}"})


@pytest.fixture(scope="module")
def before(api: Client) -> Any:
    return everything()  # after the token, whose issue is in the audit


@pytest.fixture(autouse=True)
def _unchanged(before: Any, db: None) -> Iterator[None]:
    yield
    assert everything() == before


def order(**fields: Any) -> dict[str, Any]:
    body = {"action": "cancel", "taskIds": ["task-x"], "reason": "x", **fields}
    return {name: value for name, value in body.items() if value is not ...}


FILTER = {"taskIds": ..., "filter": {}}
BAD_ORDERS: list[tuple[dict[str, Any], set[str]]] = [
    (order(action=...), {"action"}),
    *[
        (order(action=action), {"action"})
        for action in (None, "", "undo", "start", "CANCEL", "cancel ", 1, True, ["cancel"], {})
    ],
    (order(taskIds=...), {"body"}),
    (order(filter={}), {"body"}),
    (order(selectionId="selection-x"), {"body"}),
    (order(**FILTER, selectionId="selection-x"), {"body"}),
    *[
        (order(taskIds=..., selectionId=given), {"selectionId"})
        for given in (None, "", 1, ["selection-x"], {}, "a b", "x" * 65, "selection-of-nobody")
    ],
    (order(taskIds=..., selectionId="selection-x", dryRun=True), {"selectionId"}),
    (order(filter=None), {"filter"}),
    *[
        (order(taskIds=ids), {"taskIds"})
        for ids in (
            *(None, "task-x", {}, {"a": 1}, [], [""], [" "], [None], [1], [True], [["task-x"]]),
            *([{}], ["x" * 65], ["a\tb"], ["\u202eksat"], ["task-x", "task-x"], ["task-x", 1.5]),
            [str(number) for number in range(10_001)],
        )
    ],
    *[
        (order(action=action, reason=reason), {"reason"})
        for action in ("cancel", "approve", "retry")
        for reason in (..., None, "", "  ", "\u200b", " \u2060", 1, [], "x" * 4001)
    ],
    *[(order(dryRun=flag), {"dryRun"}) for flag in (None, "true", 1, 0, [])],
    (order(agentId="alex"), {"agentId"}),
    (order(action="assign"), {"agentId"}),
    *[
        (order(action="assign", agentId=agent), {"agentId"})
        for agent in (None, "", "nobody", "a b", 1, ["alex"], "x" * 65, "' OR 1=1 --")
    ],
    *[
        (order(**{name: 1}), {name})
        for name in ("taskId", "dryrun", "limit", "__proto__", "x" * 90)
    ],
    *[
        (order(**FILTER | {"filter": filter_}), {"filter"})
        for filter_ in (None, "", "status=failed", [], [{}], 1, True)
    ],
    *[
        (order(**FILTER | {"filter": {name: value}}), {f"filter.{name}"})
        for name, value in (
            *(("limit", "10"), ("cursor", "x"), ("Status", "failed"), ("status__in", "failed")),
            *(("status", ["failed"]), ("status", None), ("status", 1), ("overdue", True)),
            *(("status", {}), ("agent__name", "x"), ("", "x"), ("q", None), ("pk", "1")),
        )
        if name
    ],
]


@pytest.mark.parametrize(("body", "fields"), BAD_ORDERS, ids=lambda value: repr(value)[:60])
def test_a_bad_order_is_named(api: Client, body: dict[str, Any], fields: set[str]) -> None:
    assert refused_fields(send(api, "POST", BULK, body)) == fields


@pytest.mark.parametrize("name", sorted(BAD_PARAMETERS.keys() - {"limit", "cursor"}))
def test_a_bad_filter_is_named_as_in_the_list(api: Client, name: str) -> None:
    for value in BAD_PARAMETERS[name]:
        if "\x00" in value:
            # JSON with NUL is refused as a whole.
            continue
        for dry in (True, False):
            body = order(**FILTER | {"filter": {name: value}}, dryRun=dry)
            assert refused_fields(send(api, "POST", BULK, body)) == {f"filter.{name}"}, value


def test_every_fault_of_a_filter_is_named_but_not_without_end(api: Client) -> None:
    body = order(**FILTER | {"filter": {f"p{number}": "x" for number in range(5000)}})
    assert len(refused_fields(send(api, "POST", BULK, body))) == 20
    body = order(**FILTER | {"filter": {"status": "done", "overdue": "1"}})
    assert refused_fields(send(api, "POST", BULK, body)) == {"filter.status", "filter.overdue"}


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_what_is_no_json_is_refused(api: Client, job_id: str, body: bytes) -> None:
    for path in (BULK, f"{BULK}/{job_id}/undo"):
        refused(send(api, "POST", path, body), 400, "parse_error")


@pytest.mark.parametrize("body", OTHER_JSON, ids=ascii)
def test_another_kind_of_json_is_refused(api: Client, job_id: str, body: Any) -> None:
    refused_fields(send(api, "POST", BULK, body))
    if body not in ({}, b""):
        refused_fields(send(api, "POST", f"{BULK}/{job_id}/undo", body))


@pytest.mark.parametrize("reason", [1, True, [], {}, "x" * 4001])
def test_a_bad_reason_to_undo_is_named(api: Client, job_id: str, reason: Any) -> None:
    answer = send(api, "POST", f"{BULK}/{job_id}/undo", {"reason": reason})
    assert refused_fields(answer) == {"reason"}


@pytest.mark.parametrize("job", BAD_IDS, ids=lambda text: text[:20])
def test_an_id_of_no_job_is_not_found(api: Client, job: str) -> None:
    refused(api.get(f"{BULK}/{job}"), 404, "not_found")
    refused(send(api, "POST", f"{BULK}/{job}/undo", {}), 404, "not_found")


@pytest.mark.parametrize("name", ["limit", "cursor"])
def test_a_bad_parameter_of_the_results_is_named(api: Client, job_id: str, name: str) -> None:
    for value in BAD_PARAMETERS[name]:
        assert refused_fields(api.get(f"{BULK}/{job_id}", {name: value})) == {name}


def test_unknown_parameters_and_verbs_are_refused(api: Client, job_id: str) -> None:
    assert refused_fields(send(api, "POST", f"{BULK}?status=failed", order())) == {"status"}
    assert refused_fields(api.get(f"{BULK}/{job_id}?status=done")) == {"status"}
    assert refused_fields(send(api, "POST", f"{BULK}/{job_id}/undo?x=1", {})) == {"x"}
    for verb in ("GET", "PUT", "PATCH", "DELETE"):
        refused(send(api, verb, BULK, order()), 405, "method_not_allowed")
    for verb in ("POST", "PUT", "PATCH", "DELETE"):
        refused(send(api, verb, f"{BULK}/{job_id}", {}), 405, "method_not_allowed")
    for verb in ("GET", "PUT", "DELETE"):
        refused(send(api, verb, f"{BULK}/{job_id}/undo", {}), 405, "method_not_allowed")


def test_a_form_is_no_order(api: Client, job_id: str) -> None:
    for path in (BULK, f"{BULK}/{job_id}/undo"):
        answer = api.post(path, {"action": "cancel"})
        refused(answer, 415, "unsupported_media_type")
