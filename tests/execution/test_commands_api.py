"""Approve, reject, retry, cancel and sync again, as programs call them."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from execution import queries
from execution.enums import SyncState, TaskStatus
from execution.models import Task, TaskEvent, TaskTarget
from execution.rows import TaskState
from tests.envelope import refused, refused_fields
from tests.factories import change, make_agent, make_task, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
URL = "/api/marketplace/orchestration/task-execution"


def client_of(role: str | None, **fields: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user(role, **fields))
    return client


@pytest.fixture
def head() -> APIClient:
    make_agent("alex")
    return client_of("head", username="helena")


def send(client: APIClient, state: TaskState, call: str, body: Any = None, **headers: Any) -> Any:
    path = f"{URL}/{state.row['task_id']}/{call}"
    return client.post(path, body or {}, format="json", **headers)


def last_event(state: TaskState) -> Any:
    return queries.events_of(state.row["id"])[-1]


def test_approval_answers_like_a_patch(head: APIClient) -> None:
    state = make_task(agent_id="alex")
    answer = send(head, state, "approve", {"reason": "boa foto", "version": 1})
    body = answer.json()
    assert (answer.status_code, body["message"]) == (200, "Task approved")
    assert body["task"] == head.get(f"{URL}/{state.row['task_id']}").json()["task"]
    assert body["task"]["status"] == "approved"
    event = last_event(state)
    assert (event["actor"], event["reason"], event["details"]) == ("user:helena", "boa foto", None)


def test_edits_change_what_the_task_is_to_be(head: APIClient) -> None:
    make_agent("marina", "shein")
    state = make_task(agent_id="alex")
    edits = {
        "title": "  Novo título ",
        "estimatedHours": 1.1,
        "agentId": "marina",
        "targets": ["shein", "amazon"],
        "priority": "urgent",
    }
    task = send(head, state, "approve", {"edits": edits}).json()["task"]
    assert {
        "title": "Novo título",
        "timeEstimate": 66,
        "agentId": "marina",
        "targets": ["amazon", "shein"],
        "priority": "urgent",
    }.items() <= task.items()
    assert last_event(state)["details"]["edits"] == {
        "title": ["Otimizar título", "Novo título"],
        "estimated_minutes": [60.0, 66.0],
        "agent_id": ["alex", "marina"],
        "priority": ["normal", "urgent"],
        "targets": [["amazon"], ["amazon", "shein"]],
    }


def test_edits_of_nothing_are_none(head: APIClient) -> None:
    state = make_task(agent_id="alex")
    send(head, state, "approve", {"edits": {}, "reason": None})
    assert last_event(state)["details"] is None


def test_rejecting_and_cancelling_need_a_reason(head: APIClient) -> None:
    for call, reason in (("reject", "rejected"), ("cancel", "cancelled")):
        state = make_task(agent_id="alex")
        assert refused_fields(send(head, state, call)) == {"reason"}
        task = send(head, state, call, {"reason": "repetida"}).json()["task"]
        assert (task["status"], task["failureReason"]) == ("failed", reason)
        assert last_event(state)["reason"] == "repetida"
        task = send(head, state, "retry").json()["task"]
        assert (task["status"], task["attempt"]) == ("pending", 2)


@pytest.mark.parametrize("is_superuser", [False, True])
def test_nobody_approves_their_own_task(is_superuser: bool) -> None:
    client = client_of("head", is_superuser=is_superuser)
    new = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
    task_id = client.post(URL, new, format="json").json()["task"]["taskId"]
    refused(client.post(f"{URL}/{task_id}/approve", {}, format="json"), 403, "own_task")
    assert Task.objects.get().status == "pending"
    # To take one's own task back is no approval.
    answer = client.post(f"{URL}/{task_id}/reject", {"reason": "engano"}, format="json")
    assert answer.status_code == 200


def test_what_moved_on_is_told_with_what_is_allowed(head: APIClient) -> None:
    state = make_task_in(TaskStatus.COMPLETED, agent_id="alex")
    for call in ("approve", "reject", "retry", "cancel"):
        details = refused(send(head, state, call, {"reason": "x"}), 409, "invalid_transition")[
            "details"
        ]
        assert (details["from"], details["allowed"]) == ("completed", [])


def test_a_command_that_comes_too_late_says_what_it_is_for(head: APIClient) -> None:
    """The step as such is allowed: by PATCH an approved task may fail."""
    state = make_task_in(TaskStatus.APPROVED, agent_id="alex")
    body = refused(send(head, state, "reject", {"reason": "x"}), 409, "invalid_transition")
    assert body["error"] == (
        "Isto vale para tarefas em “Aguardando”; a tarefa está em “Aprovada”. Nada foi alterado."
    )
    assert body["details"] == {"from": "approved", "to": "failed", "allowed": ["in_progress"]}


def test_an_old_image_is_a_conflict_with_the_present_one(head: APIClient) -> None:
    state = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
    change(state, progress=60)
    answer = send(head, state, "cancel", {"reason": "x", "version": state.row["version"]})
    details = refused(answer, 409, "version_conflict")["details"]
    assert details["task"]["progress"] == 60


def test_sync_queues_those_named_or_all(head: APIClient) -> None:
    state = make_task_in(
        TaskStatus.MARKETPLACE_SYNC, agent_id="alex", targets=["amazon", "shein", "shopee"]
    )
    TaskTarget.objects.update(state=SyncState.FAILED, error="x")
    answer = send(head, state, "sync", {"channels": ["shein"], "reason": "agora vai"}).json()
    assert (answer["message"], answer["queued"]) == ("Sync queued", ["shein"])
    task = answer["task"]
    states = {slug: detail["state"] for slug, detail in task["syncDetail"].items()}
    assert states == {"amazon": "failed", "shein": "queued", "shopee": "failed"}
    assert (last_event(state)["reason"], last_event(state)["details"]) == (
        "agora vai",
        {"queued": ["shein"]},
    )
    answer = send(head, state, "sync").json()
    assert (answer["message"], answer["queued"]) == ("Sync queued", ["amazon", "shopee"])
    task = answer["task"]
    assert {detail["state"] for detail in task["syncDetail"].values()} == {"queued"}
    events = TaskEvent.objects.count()
    answer = send(head, state, "sync")
    assert answer.status_code == 200
    assert (answer.json()["message"], answer.json()["queued"]) == ("Nothing to queue", [])
    assert TaskEvent.objects.count() == events
    assert refused_fields(send(head, state, "sync", {"channels": ["kaway"]})) == {"channels"}
    refused(send(head, make_task(agent_id="alex"), "sync"), 409, "invalid_transition")


def test_a_repeated_key_does_it_once(head: APIClient) -> None:
    state = make_task(agent_id="alex")
    answers = [
        send(head, state, "approve", {"reason": "sim"}, HTTP_IDEMPOTENCY_KEY="k").json()["task"]
        for _ in range(3)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert TaskEvent.objects.filter(kind="approved").count() == 1
    refused(
        send(head, state, "approve", {"reason": "não"}, HTTP_IDEMPOTENCY_KEY="k"),
        422,
        "idempotency_mismatch",
    )


def test_paths_work_with_their_slash(head: APIClient) -> None:
    state = make_task(agent_id="alex")
    answer = head.post(f"{URL}/{state.row['task_id']}/approve/")
    assert answer.status_code == 200
