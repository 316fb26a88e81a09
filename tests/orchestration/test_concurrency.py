"""Twelve at once: one plan's worth of tasks, each due time once. Threads, real transactions."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts.models import AuditEntry
from execution.models import Task
from orchestration.models import DueRun, Plan, PlanTask, TaskTemplate
from orchestration.services import activate, run_due_templates
from tests.factories import OPERATOR, make_agent
from tests.orchestration.playbook import only

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
CLIENTS = 12


def at_once(work: Callable[[], Any]) -> list[Any]:
    together = Barrier(CLIENTS)

    def run(_number: int) -> Any:
        together.wait()
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(CLIENTS) as threads:
        return list(threads.map(run, range(CLIENTS)))


def test_twelve_activations_make_one_plans_worth_of_tasks() -> None:
    make_agent("alex", "amazon")
    templates = TaskTemplate.objects.count()
    made = at_once(lambda: activate(None, caller=OPERATOR))
    assert sorted(len(one.tasks) for one in made) == [0] * (CLIENTS - 1) + [templates]
    assert Task.objects.count() == PlanTask.objects.count() == templates
    assert {one.plan for one in made} == set(Plan.objects.all())
    assert AuditEntry.objects.filter(object_kind="plan").count() == Plan.objects.count() == 1


def test_twelve_activations_of_overlapping_marketplaces() -> None:
    choices = [["amazon", "shopee"], ["shopee", "kaway"], ["kaway", "amazon"]] * 4
    numbers = iter(range(CLIENTS))
    at_once(lambda: activate(choices[next(numbers)], caller=OPERATOR))
    assert Task.objects.count() == PlanTask.objects.values("template").distinct().count() == 24


def test_twelve_schedulers_serve_each_due_time_once() -> None:
    six = datetime(2026, 11, 26, 9, tzinfo=UTC)
    only(
        {"recurrence": "0 6 * * *", "recurs_since": six - timedelta(days=3)},
        {"recurrence": "0 6 * * *", "recurs_since": six - timedelta(days=1), "key": "stock"},
    )
    at_once(lambda: run_due_templates(six + timedelta(hours=1)))
    assert Task.objects.count() == DueRun.objects.count() == 2
    assert Plan.objects.count() == 1
