"""The list's JSON, of which most is kept, is at any moment what would be made anew."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from execution import listing, queries
from execution.enums import TaskStatus
from execution.filters import TaskSelection
from execution.models import Task
from execution.representations import task_json
from nexo.shared import clock
from nexo.shared.generations import Generations
from nexo.shared.renderers import dump_json
from tests.factories import PATHS, change, make_agent, make_task, make_task_in, make_user

URL = "/api/marketplace/orchestration/task-execution"


@pytest.mark.unit
def test_what_is_asked_for_is_kept_and_the_rest_forgotten() -> None:
    kept: Generations[int, str] = Generations(3)
    kept.put(0, "asked for")
    for number in range(1, 20):
        kept.put(number, str(number))
        assert kept.get(0) == "asked for"
        assert kept.get(number) == str(number)
    assert sum(kept.get(number) is not None for number in range(20)) <= 6
    assert kept.get(1) is None


def listed(minutes: int) -> list[dict[str, Any]]:
    """Every task as a list gives it so many minutes from now."""
    selection = TaskSelection({}, Task.objects.all(), sees_all=True)
    page = listing.read_page(selection, limit=50)
    now = clock.now() + timedelta(minutes=minutes)
    told: list[dict[str, Any]] = orjson.loads(dump_json([one.at(now) for one in page.tasks]))
    # Made of the same rows, without anything kept.
    states = {state.row["id"]: state for state in queries.states_of([t.id for t in page.tasks])}
    fresh = [task_json(states[t.id].row, states[t.id].targets, now=now) for t in page.tasks]
    assert told == orjson.loads(dump_json(fresh))
    return told


@pytest.mark.integration
@pytest.mark.django_db
def test_a_task_is_told_as_it_is_whatever_happened_to_it_and_however_late() -> None:
    make_agent("alex")
    tasks = [make_task(targets=("amazon", "shein"), estimated_minutes=60.0) for _ in PATHS]
    assert listed(0) == listed(0)
    for task, path in zip(tasks, PATHS.values(), strict=True):
        for status in path:
            task = change(task, status=status)
            listed(0)
    working = change(tasks[0], status=TaskStatus.IN_PROGRESS, error="Sem estoque")
    syncing = queries.states_of([tasks[list(PATHS).index(TaskStatus.MARKETPLACE_SYNC)].row["id"]])[
        0
    ]
    change(syncing, sync_status={"shein": True})
    marked = next(t for t in listed(0) if t["taskId"] == syncing.row["task_id"])
    assert marked["syncStatus"]["shein"]
    on_time, late = (
        next(t for t in listed(minutes) if t["taskId"] == working.row["task_id"])
        for minutes in (59, 61)
    )
    assert (on_time["timeSpent"], on_time["overdue"]) == (59, False)
    assert (late["timeSpent"], late["overdue"]) == (61, True)
    assert on_time["error"] == "Sem estoque"


@pytest.mark.integration
@pytest.mark.django_db
def test_a_page_that_was_told_before_reads_no_task_again() -> None:
    head = APIClient()
    head.force_authenticate(make_user("head"))
    for _ in range(3):
        task = make_task_in(TaskStatus.COMPLETED)

    def reads_of_tasks() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            head.get(URL)
        statements = [query["sql"] for query in captured.captured_queries]
        return [statement for statement in statements if "estimated_minutes" in statement]

    assert len(reads_of_tasks()) == 1
    assert not reads_of_tasks()
    # Of a page that is partly known, what is missing is read.
    new = make_task()
    (read,) = reads_of_tasks()
    assert str(new.row["id"]) in read.partition("WHERE")[2]
    assert str(task.row["id"]) not in read.partition("WHERE")[2]
