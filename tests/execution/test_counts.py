"""Total, cards and chips are a recount of the tasks that match, whatever the filters are."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import combinations
from operator import sub

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from rest_framework.test import APIClient

from execution import queries
from execution.enums import MarketplaceSlug, TaskStatus
from execution.filters import TaskFilter
from execution.models import Task
from nexo.shared import clock
from nexo.shared.pipelines import planned_by_values
from tests.factories import change, make_agent, make_task_in, make_user, recounted

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

API = "/api/marketplace/orchestration/task-execution"
SUMMARY = "/marketplace/tasks/execution/summary"
FILTERS = {
    "agent": "bruna",
    "taskType": "photo",
    "overdue": "true",
    "q": "oferta",
    "channel": "amazon,shein,amazon",
    "status": "pending,completed,pending",
}


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> QuerySet[Task]:
    """Of two agents and types on three marketplaces, in every status, some late."""
    for slug in ("alex", "bruna"):
        make_agent(slug, "amazon", "shopee", "shein")
    now = clock.now()
    for number, status in enumerate([*TaskStatus, *TaskStatus, *TaskStatus]):
        monkeypatch.setattr(clock, "now", partial(sub, now, timedelta(hours=number)))
        made = make_task_in(
            status,
            title=f"Oferta {number}" if number % 4 else f"Foto {number}",
            task_type="photo" if number % 3 else "price",
            marketplace_id=("amazon", "shopee", "shein")[number // 2 % 3],
            agent_id="bruna" if number % 4 > 1 else "alex",
            estimated_minutes=90.0,
        )
        monkeypatch.setattr(clock, "now", lambda: now)
        if status == TaskStatus.MARKETPLACE_SYNC and number > TaskStatus.values.index(status):
            change(made, status=TaskStatus.COMPLETED)  # hours after it began
    return Task.objects.all()


def chosen() -> Iterator[dict[str, str]]:
    for size in range(len(FILTERS) + 1):
        for names in combinations(FILTERS, size):
            yield {name: FILTERS[name] for name in names}


def matching(
    tasks: QuerySet[Task], filters: dict[str, str], *, without: str = ""
) -> QuerySet[Task]:
    kept = {name: value for name, value in filters.items() if name != without}
    return TaskFilter(kept, tasks).qs


def test_counts_are_a_recount_under_every_selection_of_filters(tasks: QuerySet[Task]) -> None:
    program, person = APIClient(), Client()
    user = make_user("head")
    program.force_authenticate(user)
    person.force_login(user)
    seen = 0
    for filters in chosen():
        total = matching(tasks, filters).count()
        cards = recounted(matching(tasks, filters, without="status"))
        channels = matching(tasks, filters, without="channel")
        chips = Counter(channels.values_list("marketplace_id", flat=True))
        listed = program.get(API, filters).json()
        summary = person.get(SUMMARY, filters).json()
        assert (listed["totalTasks"], listed["summary"]) == (total, cards), filters
        assert (summary["totalTasks"], summary["summary"]) == (total, cards), filters
        assert summary["channels"] == {slug: chips[slug] for slug in MarketplaceSlug.values}
        seen += total
    assert seen > 100


@pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="SQLite has none of these indexes")
@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"agent": "bruna"}, "task_counts_by_agent"),
        ({"agent": "bruna", "channel": "amazon"}, "task_counts_by_agent"),
        ({"taskType": "photo"}, "task_counts_by_type"),
        ({"q": "oferta 1"}, "task_search"),
    ],
)
def test_a_large_database_counts_by_an_index(
    tasks: QuerySet[Task], filters: dict[str, str], index: str
) -> None:
    condition = queries.TASKS_COUNTED.condition(matching(tasks, filters))
    assert condition is not None
    counting = queries.COUNTED_REST.format(where=condition.where).partition("UNION")[0]
    statement = f"SELECT marketplace_id, status, COUNT(*) FROM execution_task {counting}"
    with connection.cursor() as cursor, planned_by_values():
        cursor.execute("SET LOCAL enable_seqscan = off")
        # Of so few tasks any way is as short: the way that is taken for many is left.
        for other in ("indexscan", "indexonlyscan") if "q" in filters else ("bitmapscan",):
            cursor.execute(f"SET LOCAL enable_{other} = off")
        cursor.execute(f"EXPLAIN {statement}", condition.values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan
    assert ("Index Only Scan" in plan) == ("q" not in filters)


@pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="SQLite plans every statement anew")
def test_a_search_is_planned_for_its_own_text(tasks: QuerySet[Task]) -> None:
    client = APIClient()
    client.force_authenticate(make_user("head"))
    for _ in range(12):
        assert client.get(API, {"q": "oferta"}).json()["totalTasks"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        prepared = [statement for (statement,) in cursor.fetchall()]
    assert prepared
    assert not any(" LIKE " in statement for statement in prepared)
