"""Resets keep their reason, keys hold for what the query means, numbers are rounded half up."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from accounts.roles import Role
from execution.enums import TaskStatus
from execution.models import Task
from nexo.shared import clock
from optimization.models import WeightChange
from optimization.representations import two_decimals
from tests.envelope import refused, refused_fields
from tests.factories import make_agent, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
BASE = "/api/marketplace/orchestration/optimization"
WEIGHTS = f"{BASE}/weights"
SENT = {"approvalRate": 0.55, "completionRate": 0.35, "executionTime": 0.10}


@pytest.fixture
def head() -> APIClient:
    for slug in ("marina", "viral"):
        make_agent(slug)
    client = APIClient()
    client.force_authenticate(make_user(Role.HEAD))
    for slug in ("marina", "viral"):
        client.patch(WEIGHTS, {"agentId": slug, "weights": SENT}, format="json")
    return client


def test_a_reset_keeps_its_reason(head: APIClient) -> None:
    answer = head.delete(f"{WEIGHTS}?agentId=marina", {"reason": "voltar"}, format="json")
    assert answer.json()["optimization"]["weightsSource"] == "adaptive"
    (newest, _first) = head.get(f"{WEIGHTS}?agentId=marina").json()["changes"]
    assert (newest["new"], newest["reason"]) == (None, "voltar")


def test_an_unknown_field_of_a_reset_is_refused_and_nothing_changes(head: APIClient) -> None:
    answer = head.delete(f"{WEIGHTS}?agentId=marina", {"foo": 1}, format="json")
    assert refused_fields(answer) == {"foo"}
    assert WeightChange.objects.count() == 2


def test_a_reset_without_body_is_one(head: APIClient) -> None:
    assert head.delete(f"{WEIGHTS}?agentId=marina").status_code == 200


def test_a_key_used_for_another_agents_reset_is_a_mismatch(head: APIClient) -> None:
    key = {"Idempotency-Key": "k2"}
    assert head.delete(f"{WEIGHTS}?agentId=marina", headers=key).status_code == 200
    again = head.delete(f"{WEIGHTS}?agentId=marina", headers=key)
    assert again["Idempotent-Replayed"] == "true"
    refused(head.delete(f"{WEIGHTS}?agentId=viral", headers=key), 422, "idempotency_mismatch")


def test_a_task_approved_long_before_it_was_created_is_late(head: APIClient) -> None:
    state = make_task_in(TaskStatus.APPROVED, agent_id="marina")
    now = clock.now()
    Task.objects.filter(task_id=state.row["task_id"]).update(
        created_at=now - timedelta(minutes=1),
        approved_at=now - timedelta(hours=10),
        due_at=now + timedelta(minutes=59),
        estimated_minutes=60,
    )
    (marina, _viral) = head.get(BASE).json()["optimizations"]
    assert marina["terms"]["completionRate"] == {
        "rate": 0.0, "completed": 0, "failed": 0, "late": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("approved_days_ago", "estimated_days", "late"),
    [(29, 0.1, 1), (40, 0.1, 0), (40, 7, 1), (60, 7, 0), (60, 22, 1), (400, 199, 1), (400, 180, 0)],
)
def test_late_work_counts_on_the_day_it_became_late_however_long_it_is(
    head: APIClient, approved_days_ago: int, estimated_days: float, late: int
) -> None:
    state = make_task_in(TaskStatus.APPROVED, agent_id="marina")
    approved = clock.now() - timedelta(days=approved_days_ago)
    Task.objects.filter(task_id=state.row["task_id"]).update(
        created_at=approved,
        approved_at=approved,
        due_at=approved + timedelta(days=estimated_days),
        estimated_minutes=estimated_days * 24 * 60,
    )
    (marina, _viral) = head.get(BASE).json()["optimizations"]
    assert marina["terms"]["completionRate"]["late"] == late


@pytest.mark.parametrize(
    ("value", "shown"),
    # 1 of 32 decisions is 3.125 percent.
    [(3.125, 3.13), (66.665, 66.67), (0.0, 0.0), (100.0, 100.0), (33.333333, 33.33), (None, None)],
)
def test_two_decimals_are_rounded_half_up(value: float | None, shown: float | None) -> None:
    assert two_decimals(value) == shown


def test_a_nul_in_a_parameter_is_refused(head: APIClient) -> None:
    answer = head.get(WEIGHTS, {"agentId": "marina\x00"})
    assert answer.status_code == 400
    assert list(answer.json()["details"]) == ["agentId"]
