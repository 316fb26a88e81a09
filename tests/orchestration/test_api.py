"""`POST activate`, whole answers."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts import tokens
from accounts.roles import Role
from execution.models import Task
from orchestration.models import Plan
from tests.envelope import refused
from tests.factories import make_agent, make_user
from tests.orchestration.playbook import only

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
BASE = "/api/marketplace/orchestration"


def client_of(role: Role | None, **headers: str) -> Client:
    _token, key = tokens.issue_token(name="robô", by="user:ana", user=make_user(role))
    return Client(headers={"authorization": f"Token {key}", **headers})


def post(client: Client, body: Any, **options: Any) -> Any:
    return client.post(f"{BASE}/activate", body, content_type="application/json", **options)


def test_activation() -> None:
    make_agent("alex", "amazon")
    only({}, {"key": "stock"})
    head = client_of(Role.HEAD)
    answer = post(head, {"channels": ["amazon"]})
    body = answer.json()
    plan = Plan.objects.get()
    assert (answer.status_code, body.pop("timestamp")[-1]) == (201, "Z")
    assert body == {
        "status": "success",
        "plan": {
            "planId": plan.plan_id,
            "channels": ["amazon"],
            "totalTasksGenerated": 2,
            "skipped": [],
            "tasks": list(Task.objects.order_by("pk").values_list("task_id", flat=True)),
            "unassigned": [],
            "status": "executing",
        },
    }
    assert plan.plan_id.startswith("plan-")
    again = post(head, {})
    assert (again.status_code, again.json()["plan"]["planId"]) == (200, plan.plan_id)
    assert again.json()["plan"]["skipped"] == [
        {"template": "amazon/titles", "reason": "open_task"},
        {"template": "amazon/stock", "reason": "open_task"},
    ]


def test_dry_run() -> None:
    only({})
    answer = post(client_of(Role.HEAD), {"dryRun": True})
    assert answer.status_code == 200
    assert answer.json()["plan"] == {
        "planId": None,
        "channels": ["amazon", "mercadolivre", "shopee", "shein", "tiktokshop", "kaway"],
        "totalTasksGenerated": 1,
        "skipped": [],
        "tasks": [],
        "unassigned": [
            {"template": "amazon/titles", "taskId": None, "reason": "no_candidate"},
        ],
        "status": "executing",
    }
    assert Task.objects.count() == 0


def test_a_key_makes_a_repeated_call_harmless() -> None:
    only({})
    head = client_of(Role.HEAD)
    first = post(head, {}, headers={"Idempotency-Key": "uma"})
    again = post(head, {}, headers={"Idempotency-Key": "uma"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert json.loads(first.content) == json.loads(again.content)
    assert Plan.objects.count() == 1


def test_no_body_stands_for_everything() -> None:
    only({})
    answer = client_of(Role.HEAD).generic("POST", f"{BASE}/activate/")
    assert answer.status_code == 201


@pytest.mark.parametrize("role", [None, Role.QA])
def test_who_may_not(role: Role | None) -> None:
    refused(post(client_of(role), {}), 403, "permission_denied")


def test_get_is_not_for_activating() -> None:
    refused(client_of(Role.HEAD).get(f"{BASE}/activate"), 405, "method_not_allowed")
