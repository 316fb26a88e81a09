"""The calls for agents, compared whole; what they refuse stands in test_agents_bad_input.py."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import tokens
from accounts.models import AuditEntry, Scope
from execution.enums import Priority, TaskStatus
from execution.models import Agent, Lease
from execution.rows import TaskState
from nexo.shared import clock
from tests.envelope import refused, refused_fields
from tests.factories import make_agent, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

BASE = "/api/marketplace/orchestration"
ALEX = f"{BASE}/agents/alex"
JSON = "application/json"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    instant = datetime(2026, 2, 24, 14, 35, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: instant)
    return instant


def client_of(**owner: Any) -> Client:
    _token, key = tokens.issue_token(name="test", by="user:test", **owner)
    return Client(headers={"authorization": f"Token {key}"})


@pytest.fixture
def alex() -> Client:
    make_agent("alex")
    return client_of(agent_id="alex")


@pytest.fixture
def head() -> Client:
    return client_of(user=make_user("head", username="helena"))


def approved(**fields: Any) -> TaskState:
    return make_task_in(TaskStatus.APPROVED, agent_id="alex", **fields)


def post(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    """Without a body there is no content type either, as programs do it."""
    if body is None:
        return client.generic("POST", path, content_type="", headers=headers)
    return client.post(path, body, content_type=JSON, headers=headers)


def test_a_claim_is_the_task_with_its_lease(alex: Client, now: datetime) -> None:
    state = approved()
    answer = post(alex, f"{ALEX}/claim")
    (task,) = answer.json()["tasks"]
    lease = Lease.objects.get()
    assert task.pop("leaseId") == lease.lease_id
    assert task.pop("leaseExpiresAt") == "2026-02-24T14:36:12Z"
    assert task == alex.get(f"{BASE}/task-execution/{state.row['task_id']}").json()["task"]
    assert set(answer.json()) == {"status", "timestamp", "tasks"}
    assert post(alex, f"{ALEX}/claim/").json()["tasks"] == []


def test_limit_and_types_are_honoured(alex: Client) -> None:
    photo = approved(task_type="photo", priority=Priority.LOW)
    approved(task_type="price"), approved(task_type="text")
    body = {"limit": 100, "taskTypes": ["photo", "unheard-of"]}
    (task,) = post(alex, f"{ALEX}/claim", body).json()["tasks"]
    assert task["taskId"] == photo.row["task_id"]
    assert len(post(alex, f"{ALEX}/claim", {"limit": 2}).json()["tasks"]) == 2


def test_the_work_goes_on_under_the_lease(alex: Client) -> None:
    approved()
    (task,) = post(alex, f"{ALEX}/claim").json()["tasks"]
    patch = {"taskId": task["taskId"], "status": "in_progress"}
    path = f"{BASE}/task-execution"
    refused(alex.patch(path, patch, content_type=JSON), 409, "lease_lost")
    held = {**patch, "leaseId": task["leaseId"]}
    assert alex.patch(path, held, content_type=JSON).status_code == 200


def test_log_lines_go_under_the_lease(alex: Client, head: Client) -> None:
    state = approved()
    path = f"{BASE}/task-execution/{state.row['task_id']}/logs"
    line = {"level": "info", "message": "oi"}
    refused(post(alex, path, line), 409, "lease_lost")
    (task,) = post(alex, f"{ALEX}/claim").json()["tasks"]
    lease = {"leaseId": task["leaseId"]}
    for body in (line, [line], {**line, **lease}, {"logs": [line], **lease}):
        assert post(alex, path, body).status_code == 201
    for body in ({**line, "leaseId": "lease-x"}, {"logs": [line], "leaseId": "lease-x"}):
        refused(post(alex, path, body), 409, "lease_lost")
    for bad in (1, None, "", "a\nb", "x" * 65):
        assert refused_fields(post(alex, path, {**line, "leaseId": bad})) == {"leaseId"}
    assert refused_fields(post(head, path, {**line, **lease})) == {"leaseId"}
    assert post(head, path, line).status_code == 201
    assert len(alex.get(path).json()["logs"]) == 5


def test_a_claim_repeated_under_its_key_gives_the_same_leases(alex: Client) -> None:
    approved(), approved()
    key = {"Idempotency-Key": "once"}
    first = post(alex, f"{ALEX}/claim", {"limit": 1}, **key)
    again = post(alex, f"{ALEX}/claim", {"limit": 1}, **key)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Lease.objects.count() == 1
    refused(post(alex, f"{ALEX}/claim", {"limit": 2}, **key), 422, "idempotency_mismatch")


def test_a_heartbeat_renews_all_or_those_named(alex: Client, now: datetime) -> None:
    first, second = approved(), approved()
    ids = [task["leaseId"] for task in post(alex, f"{ALEX}/claim", {"limit": 2}).json()["tasks"]]
    soon = now + timedelta(seconds=5)
    Lease.objects.update(expires_at=soon)
    named = post(alex, f"{ALEX}/heartbeat", {"leaseIds": [ids[1], "lease-of-nobody"]}).json()
    assert named["leases"] == [
        {
            "taskId": second.row["task_id"],
            "leaseId": ids[1],
            "leaseExpiresAt": "2026-02-24T14:36:12Z",
        }
    ]
    assert Lease.objects.get(lease_id=ids[0]).expires_at == soon
    assert post(alex, f"{ALEX}/heartbeat", {"leaseIds": []}).json()["leases"] == []
    everything = post(alex, f"{ALEX}/heartbeat").json()["leases"]
    assert [one["taskId"] for one in everything] == [first.row["task_id"], second.row["task_id"]]


def test_pause_and_resume_say_how_the_agent_is(alex: Client, head: Client) -> None:
    approved()
    agent = {"agentId": "alex", "agentName": "Alex", "active": True, "paused": True}
    reason = "férias " * 100
    assert post(head, f"{ALEX}/pause", {"reason": reason}).json()["agent"] == agent
    assert post(head, f"{ALEX}/pause").json()["agent"] == agent
    assert post(alex, f"{ALEX}/claim").json()["tasks"] == []
    assert post(head, f"{ALEX}/resume").json()["agent"] == {**agent, "paused": False}
    assert len(post(alex, f"{ALEX}/claim").json()["tasks"]) == 1
    of_agents = AuditEntry.objects.filter(object_kind="agent").order_by("id")
    told = list(of_agents.values_list("action", "reason"))
    assert told == [("paused", reason.strip()), ("resumed", "")]
    latest = Agent.history.first()
    assert latest is not None
    assert not latest.is_paused


def test_an_unknown_agent_cannot_be_paused(head: Client) -> None:
    for call in ("pause", "resume"):
        refused(post(head, f"{BASE}/agents/nobody/{call}"), 404, "not_found")


def test_a_reading_token_takes_no_work() -> None:
    make_agent("alex")
    reader = client_of(agent_id="alex", scope=Scope.READ)
    approved()
    for call in ("claim", "heartbeat"):
        refused(post(reader, f"{ALEX}/{call}"), 403, "permission_denied")
    assert not Lease.objects.exists()


@pytest.mark.parametrize("tasks", [1, 3])
def test_the_number_of_tasks_costs_no_query(
    alex: Client, tasks: int, django_assert_num_queries: Any
) -> None:
    for _ in range(tasks):
        approved()
    post(alex, f"{ALEX}/heartbeat")  # the token is known from here on
    # Lapsed leases, a transaction, agent, tasks, targets, the leases, and its end.
    with django_assert_num_queries(CLAIM_QUERIES):
        post(alex, f"{ALEX}/claim", {"limit": tasks})
    with django_assert_num_queries(HEARTBEAT_QUERIES):
        post(alex, f"{ALEX}/heartbeat")


CLAIM_QUERIES = 7
HEARTBEAT_QUERIES = 4
