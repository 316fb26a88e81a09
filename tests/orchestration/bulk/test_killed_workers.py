"""kill -9 of the worker in the middle of a bulk job: nothing twice, nothing lost."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestration.bulk.services import CHUNK, LEASE
from tests.orchestration.engines import ENGINES, broker_of
from tests.servers import PROJECT, manage, server_environment

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
print(start_job(by_filter("retry", status="failed"), caller=caller_for_user(root)).state)
fail({later})
"""
REPORT = """
import json
from django.db.models import Count
from execution.models import Task, TaskEvent
from orchestration.bulk.models import BulkItem, BulkJob
job = BulkJob.objects.get()
retried = TaskEvent.objects.filter(kind="retried")
print(json.dumps({
    "state": job.state, "total": job.total, "done": job.done, "refusals": job.refusals,
    "outcomes": dict(job.items.values_list("outcome").annotate(Count("id")).order_by()),
    "retried": retried.count(), "tasks": retried.values("task").distinct().count(),
    "noted": job.items.filter(sequence__in=retried.values("sequence")).count(),
    "statuses": dict(Task.objects.values_list("status").annotate(Count("id")).order_by()),
}))
"""


@contextmanager
def worker(
    environment: Mapping[str, str], log_file: Path, lease: float
) -> Iterator["subprocess.Popen[bytes]"]:
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.orchestration.bulk.worker", str(lease)],
            env={**environment, "DJANGO_SETTINGS_MODULE": "nexo.settings"},
            cwd=PROJECT,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(holds: Callable[[], bool], log_file: Path, within: float) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, log_file.read_text()
        time.sleep(0.01)


def report(environment: Mapping[str, str]) -> dict[str, Any]:
    printed = manage(environment, "shell", "--verbosity", "0", "-c", REPORT)
    return dict(json.loads(printed))


def retried_through_kills(
    environment: Mapping[str, str], data_dir: Path, *, count: int, kills: int, lease: float
) -> None:
    order = ORDER.format(count=count, later=LATER)
    state = manage(environment, "shell", "--verbosity", "0", "-c", order)
    assert state.strip() == "queued"
    log_file = data_dir / "log"
    log_file.touch()
    chunks = -(-count // CHUNK)

    def has_done(share: float) -> Callable[[], bool]:
        return lambda: log_file.read_text().count("chunk") >= share * chunks

    for kill in range(1, kills + 1):
        with worker(environment, log_file, lease) as process:
            until(has_done(kill / (kills + 2)), log_file, within=120)
            # Anywhere in the next chunks.
            time.sleep(random.uniform(0, 0.15))
            process.kill()
            process.wait()
        assert report(environment)["state"] == "running"
    with worker(environment, log_file, lease):
        # A chunk may have been committed just before its line was written.
        until(has_done(1 - (kills + 1) / chunks), log_file, within=300)
        deadline = time.monotonic() + 60
        while (found := report(environment))["state"] != "done":
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
    manage(environment, "check_consistency")
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
