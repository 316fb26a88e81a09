"""`task-execution/bulk`: what is answered, replayed, paged and undone."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django_tasks_db.models import DBTaskResult

from accounts import tokens
from accounts.models import AuditEntry
from accounts.roles import Role
from execution.enums import TaskStatus
from execution.models import TaskEvent
from orchestration.bulk import rules
from orchestration.bulk.models import BulkItem, BulkJob
from orchestration.bulk.services import run_job
from tests.envelope import refused
from tests.factories import make_agent, make_task_in, make_user
from tests.orchestration.bulk.orders import make_tasks, statuses

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
BULK = "/api/marketplace/orchestration/task-execution/bulk"


@pytest.fixture
def api() -> Client:
    make_agent("alex")
    client = Client()
    user = make_user(Role.HEAD, username="ana")
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    return client


def post(client: Client, path: str = "", key: str | None = None, **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(BULK + path, body, content_type="application/json", headers=headers)


def test_the_answer_names_every_task(api: Client) -> None:
    first, second = make_tasks(2)
    answer = post(
        api, action="cancel", taskIds=[first, "task-x", second], reason="Sem estoque"
    ).json()
    job = BulkJob.objects.get()
    times = {name: answer.pop(name) for name in ("timestamp", "createdAt", "finishedAt")}
    assert answer.pop("undoUntil") > times["finishedAt"] >= times["createdAt"]
    assert answer == {
        "status": "success",
        "jobId": job.job_id,
        "action": "cancel",
        "state": "done",
        "dryRun": False,
        "reason": "Sem estoque",
        "agentId": None,
        "selection": {"taskIds": 3},
        "actor": "user:ana",
        "total": 3,
        "done": 2,
        "refused": [{"code": "not_found", "count": 1}],
        "results": [
            {"taskId": first, "outcome": "done", "code": None},
            {"taskId": "task-x", "outcome": "refused", "code": "not_found"},
            {"taskId": second, "outcome": "done", "code": None},
        ],
        "undoOf": None,
        "undoneBy": None,
    }


def test_a_dry_run_has_the_same_shape_and_needs_no_reason(api: Client) -> None:
    (task,) = make_tasks(1)
    ended = make_task_in(TaskStatus.COMPLETED).row["task_id"]
    answer = post(api, action="cancel", filter={}, dryRun=True).json()
    answer.pop("timestamp")
    shown = answer.pop("selectionId")
    assert answer == {
        "status": "success",
        "jobId": None,
        "action": "cancel",
        "state": None,
        "dryRun": True,
        "reason": None,
        "agentId": None,
        "selection": {"filter": {}},
        "actor": "user:ana",
        "createdAt": None,
        "finishedAt": None,
        "total": 2,
        "done": 1,
        "refused": [{"code": "invalid_transition", "count": 1}],
        "results": [
            {"taskId": ended, "outcome": "refused", "code": "invalid_transition"},
            {"taskId": task, "outcome": "done", "code": None},
        ],
        "undoUntil": None,
        "undoOf": None,
        "undoneBy": None,
    }
    assert statuses()[task] == "pending"
    assert not BulkJob.objects.exists()
    assert not AuditEntry.objects.exists()
    make_tasks(1)
    job = post(api, action="cancel", selectionId=shown, reason="x").json()
    assert [result["taskId"] for result in job["results"]] == [ended, task]
    assert job["selection"] == {"filter": {}}


def test_a_large_job_is_taken_and_its_results_are_paged(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "DIRECT_LIMIT", 2)
    monkeypatch.setattr("orchestration.bulk.api.DIRECT_LIMIT", 2)
    at_once = post(api, action="cancel", taskIds=make_tasks(2), reason="x")
    assert (at_once.status_code, at_once.json()["state"]) == (200, "done")
    ids = make_tasks(3)
    taken = post(api, action="cancel", filter={"status": "pending"}, reason="x")
    assert taken.status_code == 202
    body = taken.json()
    assert (body["state"], body["total"], body["done"], body["results"]) == ("queued", 3, 0, [])
    assert body["selection"] == {"filter": {"status": "pending"}}
    path = f"{BULK}/{body['jobId']}"
    assert {one["outcome"] for one in api.get(path).json()["results"]} == {"pending"}
    run_job(body["jobId"])
    first = api.get(f"{path}/?limit=2").json()
    assert (first["state"], first["done"]) == ("done", 3)
    second = api.get(path, {"limit": 2, "cursor": first["nextCursor"]}).json()
    assert second["nextCursor"] is None
    found = [one["taskId"] for one in first["results"] + second["results"]]
    assert sorted(found) == sorted(ids)


def test_a_key_orders_once(api: Client) -> None:
    (task,) = make_tasks(1)
    body = {"action": "cancel", "taskIds": [task], "reason": "x"}
    first = post(api, key="k1", **body)
    again = post(api, key="k1", **body)
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    assert BulkJob.objects.count() == 1
    refused(post(api, key="k1", **{**body, "reason": "y"}), 422, "idempotency_mismatch")


@pytest.mark.django_db(transaction=True)
def test_a_keyed_order_is_all_or_nothing(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its chunks share the key's transaction: the answer and the work are kept together."""
    ids = make_tasks(60)
    monkeypatch.setattr("orchestration.bulk.api.job_json", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        post(api, key="k1", action="cancel", taskIds=ids, reason="x")
    assert set(statuses().values()) == {"pending"}
    assert not BulkJob.objects.exists()
    monkeypatch.undo()
    assert post(api, key="k1", action="cancel", taskIds=ids, reason="x").json()["done"] == 60


def test_undo_by_api_once(api: Client) -> None:
    (task,) = make_tasks(1)
    job = post(api, action="reject", taskIds=[task], reason="x").json()["jobId"]
    undone = post(api, f"/{job}/undo", key="u1", reason="engano")
    assert undone.status_code == 200
    body = undone.json()
    assert (body["action"], body["undoOf"], body["done"], body["undoUntil"]) == (
        *("undo", job, 1),
        None,
    )
    assert api.get(f"{BULK}/{job}").json()["undoneBy"] == body["jobId"]
    assert post(api, f"/{job}/undo", key="u1", reason="engano").content == undone.content
    refused(post(api, f"/{job}/undo/"), 409, "undo_unavailable")
    assert statuses() == {task: "pending"}


def test_quality_decides_on_named_tasks_only(api: Client) -> None:
    (task,) = make_tasks(1)
    qa = Client()
    qa.force_login(make_user(Role.QA), settings.AUTHENTICATION_BACKENDS[-1])
    refused(post(qa, action="approve", filter={}, reason="x"), 403, "permission_denied")
    refused(post(qa, action="cancel", taskIds=[task], reason="x"), 403, "permission_denied")
    refused(
        post(qa, action="approve", taskIds=[task, *map(str, range(500))], reason="x"),
        403,
        "permission_denied",
    )
    assert post(qa, action="approve", taskIds=[task], reason="conferido").json()["done"] == 1
    assert TaskEvent.objects.get(kind="approved").reason == "conferido"


def test_a_token_orders_for_its_person(api: Client) -> None:
    (task,) = make_tasks(1)
    _token, key = tokens.issue_token(name="robô", by="user:ana", user=make_user(Role.HEAD))
    program = Client(headers={"authorization": f"Token {key}"})
    assert post(program, action="cancel", taskIds=[task], reason="x").json()["done"] == 1


@pytest.mark.parametrize("count", [1, 50])
def test_reading_a_job_takes_the_same_statements(
    api: Client, django_assert_num_queries: Any, count: int
) -> None:
    job = post(api, action="cancel", taskIds=make_tasks(count), reason="x").json()["jobId"]
    api.get(f"{BULK}/{job}")
    with django_assert_num_queries(2):
        assert len(api.get(f"{BULK}/{job}").json()["results"]) == count


def test_ten_thousand_named_tasks_make_one_job(api: Client) -> None:
    ids = [f"task-{number}" for number in range(10_000)]
    body = post(api, action="cancel", taskIds=ids, reason="x").json()
    assert (body["total"], body["state"]) == (10_000, "queued")
    assert BulkItem.objects.count() == 10_000
    assert DBTaskResult.objects.count() == 1
