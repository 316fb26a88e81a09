"""A marketplace that only a newer version knows, while this one's processes go on working."""

from itertools import product

import pytest
from django.conf import settings
from django.test import Client

from accounts.roles import Role
from execution import queries
from execution.enums import MARKETPLACES, TaskStatus
from execution.models import Marketplace, TaskCount
from execution.representations import task_json
from execution.schema import SyncStatusSerializer
from nexo.shared import clock
from tests.factories import change, make_agent, make_task, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TASKS = "/api/marketplace/orchestration/task-execution"


def add_marketplace(*, counted: bool = True) -> None:
    """As a migration of the newer version does."""
    Marketplace.objects.create(slug="novo", name="Novo", short_name="NO", position=99)
    if counted:
        counts = [TaskCount(status=status, marketplace_id="novo") for status in TaskStatus.values]
        TaskCount.objects.bulk_create(counts)


def test_every_page_and_call_goes_on_with_what_it_does_not_know() -> None:
    add_marketplace()
    make_agent("alex", "novo", "amazon")
    waiting = make_task(marketplace_id="novo", agent_id="alex", targets=("novo", "amazon"))
    task = make_task(marketplace_id="novo", agent_id="alex", targets=("novo", "amazon"))
    for status in (TaskStatus.IN_PROGRESS, TaskStatus.MARKETPLACE_SYNC):
        task = change(task, status=status)
    client = Client()
    client.force_login(make_user(Role.ADMIN), settings.AUTHENTICATION_BACKENDS[-1])
    for address in (
        "/marketplace/tasks/execution",
        "/marketplace/tasks/execution?q=o",
        "/marketplace/tasks/execution/csv",
        f"/marketplace/tasks/{task.row['task_id']}",
        f"/marketplace/tasks/{waiting.row['task_id']}",
        "/marketplace/orchestration",
        "/marketplace/tasks/approvals",
        "/marketplace/orchestration/optimization?agent=alex",
        f"{TASKS}?q=o",
        f"{TASKS}/{task.row['task_id']}/events",
        "/api/marketplace/orchestration/status",
        "/api/marketplace/orchestration/metrics",
        "/api/marketplace/orchestration/optimization",
    ):
        assert client.get(address).status_code == 200, address
    assert client.get(TASKS).json()["totalTasks"] == 2
    assert queries.feed_summary()["all"]["pending"] == 1


def test_no_task_is_made_that_the_totals_would_leave_out() -> None:
    add_marketplace(counted=False)
    with pytest.raises(RuntimeError, match="no row for pending/novo"):
        make_task(marketplace_id="novo")


def test_each_marketplace_has_its_row_and_its_counts() -> None:
    assert list(Marketplace.objects.values_list("slug", flat=True)) == list(MARKETPLACES)
    counted = set(TaskCount.objects.values_list("status", "marketplace_id"))
    assert counted == set(product(TaskStatus.values, MARKETPLACES))
    state = make_task()
    documented = SyncStatusSerializer().get_fields()
    assert (
        list(documented)
        == list(task_json(state.row, state.targets, now=clock.now())["syncStatus"])
        == list(MARKETPLACES)
    )
