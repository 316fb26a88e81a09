"""Many workers of one agent at once: each task is given to one of them."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from rest_framework.exceptions import APIException

from accounts.callers import caller_for_agent
from execution import claiming, services
from execution.commands import Command
from execution.enums import TaskStatus
from execution.models import Agent, Lease, Task, TaskEvent
from execution.services import command_task
from tests.factories import OPERATOR, make_agent, make_task_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
ALEX = caller_for_agent("alex")
WORKERS = 6


def at_once(work: Callable[[], None], *others: Callable[[], None]) -> None:
    """Run `work` in every worker, and the others beside them."""
    jobs = [work] * WORKERS + list(others)
    start = Barrier(len(jobs))

    def run(job: Callable[[], None]) -> None:
        try:
            start.wait()
            job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as threads:
        for done in [threads.submit(run, job) for job in jobs]:
            done.result()


def approve(count: int) -> list[str]:
    make_agent("alex")
    return [make_task_in(TaskStatus.APPROVED, agent_id="alex").row["task_id"] for _ in range(count)]


def test_each_task_is_claimed_once_and_none_is_left() -> None:
    ids = approve(60)
    given: Counter[str] = Counter()

    def work() -> None:
        while claimed := claiming.claim_tasks("alex", caller=ALEX, limit=3):
            given.update(one.state.row["task_id"] for one in claimed)

    at_once(work)
    assert given == Counter(ids)


def test_capacity_holds_whoever_claims() -> None:
    approve(20)
    Agent.objects.update(capacity=4)
    at_once(lambda: list(claiming.claim_tasks("alex", caller=ALEX, limit=3)) and None)
    assert Lease.objects.count() == 4


def test_a_task_that_is_cancelled_meanwhile_is_not_held() -> None:
    ids = approve(30)

    def work() -> None:
        while claiming.claim_tasks("alex", caller=ALEX):
            pass

    def cancel() -> None:
        for task_id in ids:
            command_task(task_id, Command.CANCEL, caller=OPERATOR, reason="não precisa")

    at_once(work, cancel)
    assert not Lease.objects.exists()
    assert set(Task.objects.values_list("status", flat=True)) == {"failed"}


def test_a_lapsed_lease_is_ended_once_whoever_looks() -> None:
    approve(20)
    held = claiming.claim_tasks("alex", caller=ALEX, limit=20)
    Lease.objects.update(expires_at=held[0].state.row["created_at"])
    at_once(lambda: claiming.end_lapsed_leases() and None)
    assert TaskEvent.objects.filter(kind="lease_expired").count() == 20


def test_reports_and_lapses_do_not_cross() -> None:
    """A report that was accepted is never followed by the return of its very lease's hold."""
    approve(12)
    held = claiming.claim_tasks("alex", caller=ALEX, limit=12)
    Lease.objects.filter(task_id__in=[one.state.row["id"] for one in held[::2]]).update(
        expires_at=held[0].state.row["created_at"]
    )
    accepted: list[str] = []

    def report() -> None:
        for one in held:
            change = services.TaskChange(TaskStatus.IN_PROGRESS)
            task_id = one.state.row["task_id"]
            try:
                services.update_task(task_id, change, caller=ALEX, lease_id=one.lease_id)
            except APIException:
                continue
            accepted.append(task_id)

    at_once(report, lambda: claiming.end_lapsed_leases() and None)
    assert set(accepted) == {one.state.row["task_id"] for one in held[1::2]}
    running = Task.objects.filter(status="in_progress").values_list("task_id", flat=True)
    assert set(running) == set(accepted)
