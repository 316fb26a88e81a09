"""From where a change was asked for stands beside each event."""

import pytest
from django.conf import settings
from django.test import Client

from accounts.roles import Role
from execution.enums import TaskStatus
from execution.models import TaskEvent
from nexo.shared.origin import MAX_LENGTH, working_for
from tests.factories import change, make_task, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TASKS = "/api/marketplace/orchestration/task-execution"


def origins() -> list[str | None]:
    return list(TaskEvent.objects.order_by("sequence").values_list("origin", flat=True))


def post(**extra: str) -> None:
    client = Client()
    client.force_login(make_user(Role.HEAD), settings.AUTHENTICATION_BACKENDS[-1])
    body = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
    answer = client.post(TASKS, body, content_type="application/json", **extra)  # type: ignore[arg-type]  # headers
    assert answer.status_code == 201


def test_a_call_leaves_its_address() -> None:
    post(REMOTE_ADDR="203.0.113.7")
    assert origins() == ["203.0.113.7"]


def test_an_address_that_is_none_breaks_nothing() -> None:
    post(REMOTE_ADDR="x" * 500)
    post(REMOTE_ADDR="")
    assert origins() == ["x" * MAX_LENGTH, None]


def test_what_runs_by_itself_says_what_it_is() -> None:
    with working_for("worker"):
        task = make_task()
    change(task, status=TaskStatus.IN_PROGRESS)
    assert set(origins()) == {"worker", None}
