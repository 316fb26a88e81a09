"""Rows read without the ORM are those that its filters select."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from execution.enums import TaskStatus
from execution.models import Task
from execution.queries import TASKS
from tests.factories import make_task, make_task_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_a_status_stands_in_the_statement_so_that_it_is_planned_for() -> None:
    pending = make_task(title="50 % off")
    make_task_in(TaskStatus.APPROVED, title="50 % off")
    selected = Task.objects.filter(title="50 % off", status=TaskStatus.PENDING, attempt=1)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        rows = TASKS.matching(selected, "ORDER BY id")
    assert [row["task_id"] for row in rows] == [pending.row["task_id"]]
    assert "status\" = 'pending'" in captured.captured_queries[-1]["sql"]


def test_a_text_that_is_a_status_by_chance_is_found_all_the_same() -> None:
    task = make_task(title="pending", external_id="failed")
    selected = Task.objects.filter(
        title="pending", external_id="failed", status__in=("failed", "pending")
    )
    assert [row["task_id"] for row in TASKS.matching(selected)] == [task.row["task_id"]]
