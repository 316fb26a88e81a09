"""kill -9 of the worker in the middle of a bulk job: nothing twice, nothing lost."""

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orchestration.bulk.services import CHUNK, LEASE
from tests.orchestration.console import Console, console
from tests.orchestration.engines import ENGINES, broker_of, running_worker
from tests.servers import manage, server_environment

pytestmark = pytest.mark.integration
LATER = 5
ORDER = """
from django.contrib.auth.models import User
from accounts.callers import caller_for_user
from execution.changes import TaskChange
from execution.enums import TaskStatus
from execution.models import Task
from execution.services import update_task
from orchestration.bulk.services import start_job
from tests.factories import OPERATOR
from tests.orchestration.bulk.orders import by_filter, make_tasks
def fail(count):
    for task_id in make_tasks(count):
        update_task(task_id, TaskChange(TaskStatus.FAILED), caller=OPERATOR)
fail({count})
root = User.objects.create_user("root", is_superuser=True)
found = start_job(by_filter("retry", status="failed"), caller=caller_for_user(root)).state
fail({later})
"""
REPORT = """
from django.db.models import Count
from execution.models import Task, TaskEvent
from orchestration.bulk.models import BulkItem, BulkJob
job = BulkJob.objects.get()
retried = TaskEvent.objects.filter(kind="retried")
found = {
    "state": job.state, "total": job.total, "done": job.done, "refusals": job.refusals,
    "outcomes": dict(job.items.values_list("outcome").annotate(Count("id")).order_by()),
    "retried": retried.count(), "tasks": retried.values("task").distinct().count(),
    "noted": job.items.filter(sequence__in=retried.values("sequence")).count(),
    "statuses": dict(Task.objects.values_list("status").annotate(Count("id")).order_by()),
}
"""


def until(holds: Callable[[], bool], log_file: Path, within: float) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, log_file.read_text()
        time.sleep(0.01)


def retried_through_kills(
    environment: Mapping[str, str], data_dir: Path, *, count: int, kills: int, lease: float
) -> None:
    with console(environment) as run:
        assert run(ORDER.format(count=count, later=LATER)) == "queued"
        work_through_kills(run, environment, data_dir, count=count, kills=kills, lease=lease)
    manage(environment, "check_consistency")


def work_through_kills(
    run: Console,
    environment: Mapping[str, str],
    data_dir: Path,
    *,
    count: int,
    kills: int,
    lease: float,
) -> None:
    command = ("-m", "tests.orchestration.bulk.worker", str(lease))
    log_file = data_dir / "log"
    log_file.touch()
    chunks = -(-count // CHUNK)

    def has_done(share: float) -> Callable[[], bool]:
        return lambda: log_file.read_text().count("chunk") >= share * chunks

    for kill in range(1, kills + 1):
        with running_worker(environment, log_file, *command) as process:
            until(has_done(kill / (kills + 2)), log_file, within=120)
            # Anywhere in the next chunks.
            time.sleep(random.uniform(0, 0.15))
            process.kill()
            process.wait()
        assert run(REPORT)["state"] == "running"
    with running_worker(environment, log_file, *command):
        # A chunk may have been committed just before its line was written.
        until(has_done(1 - (kills + 1) / chunks), log_file, within=300)
        deadline = time.monotonic() + 60
        while (found := run(REPORT))["state"] != "done":
            assert time.monotonic() < deadline, found
    assert found == {
        "state": "done",
        "total": count,
        "done": count,
        "refusals": {},
        "outcomes": {"done": count},
        "retried": count,
        "tasks": count,
        "noted": count,
        "statuses": {"pending": count, "failed": LATER},
    }
    assert "Traceback" not in log_file.read_text()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bulk_retry_survives_the_death_of_its_worker(tmp_path: Path, engine: str) -> None:
    with broker_of(engine, tmp_path) as (_broker, values):
        environment = server_environment(tmp_path, **values)
        retried_through_kills(environment, tmp_path, count=600, kills=1, lease=2.0)


@pytest.mark.proof
@pytest.mark.parametrize("engine", ENGINES)
def test_five_thousand_retries_survive_two_deaths(tmp_path: Path, engine: str) -> None:
    with broker_of(engine, tmp_path) as (_broker, values):
        environment = server_environment(tmp_path, **values)
        lease = LEASE.total_seconds()
        retried_through_kills(environment, tmp_path, count=5_000, kills=2, lease=lease)
