"""Workers as processes, all at once and killed in the middle: each task is worked on exactly once.

The large form takes minutes and is one of `make prove`.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.nexo_agent.workers import Site, eventually, site, worker

pytestmark = pytest.mark.integration
# One line per piece of work, appended at once: who did what, whatever the server believes.
WORK = """
import json, os, pathlib, sys
task = json.load(sys.stdin)
with open(sys.argv[1], "a") as file:
    file.write(task["taskId"] + "\\n")
"""
_AGE = """
from datetime import timedelta
from django.db.models import F
from execution.claiming import end_lapsed_leases
from execution.models import Lease
aged = Lease.objects.filter(task__task_id__in={tasks!r}).update(
    expires_at=F("expires_at") - timedelta(minutes=2)
)
# The server's own sweep may come first.
end_lapsed_leases()
print(aged)
"""
_EVENTS = """
import json
from collections import Counter
from execution.models import Lease, Task, TaskEvent
kinds = Counter(TaskEvent.objects.values_list("kind", flat=True))
twice = Counter(
    TaskEvent.objects.filter(kind="started").values_list("task__task_id", flat=True)
)
returned = TaskEvent.objects.filter(kind="lease_expired")
print(json.dumps({
    "statuses": Counter(Task.objects.values_list("status", flat=True)),
    "leases": Lease.objects.count(),
    "kinds": kinds,
    "twice": {task: times for task, times in twice.items() if times > 1},
    "returned": sorted(set(returned.values_list("task__task_id", flat=True))),
}))
"""


def work_of(folder: Path) -> list[str]:
    done = folder / "done"
    return done.read_text().split() if done.exists() else []


def command(folder: Path) -> Sequence[str]:
    return [sys.executable, "-S", "-c", WORK, str(folder / "done")]


def is_over(here: Site, count: int) -> bool:
    return here.summary()["completed"] == count


def outcome(here: Site) -> dict[str, Any]:
    return dict(json.loads(here.run(_EVENTS)))


def test_each_task_is_worked_on_once_and_what_a_killed_worker_had_comes_back(
    tmp_path: Path,
) -> None:
    with site(tmp_path) as here, ExitStack() as stack:
        here.approve(60)
        # The first holds three tasks and never ends them.
        stuck = stack.enter_context(
            worker(here, "--concurrency", "3", "--handler", "tests.nexo_agent.handlers:patient")
        )
        eventually(lambda: here.summary()["inProgress"] == 3)
        held = [task["taskId"] for task in in_progress(here)]
        for _ in range(2):
            stack.enter_context(worker(here, "--concurrency", "2", command=command(tmp_path)))
        eventually(lambda: here.summary()["completed"] >= 20, seconds=90)
        stuck.send_signal(signal.SIGKILL)
        stuck.wait()
        # A minute passes; the others are rung for what has come back.
        assert here.run(_AGE.format(tasks=held)) == "3"
        eventually(lambda: is_over(here, 60), seconds=120)
        found = outcome(here)
        done = work_of(tmp_path)
        assert Counter(done).most_common(1)[0][1] == 1
        assert len(done) == 60
        assert found["statuses"] == {"completed": 60}
        assert found["leases"] == 0
        # Begun twice are those alone that the log says came back.
        assert sorted(found["twice"]) == found["returned"] == sorted(held)


def in_progress(here: Site) -> list[dict[str, str]]:
    answer = here.head.get(
        "/api/marketplace/orchestration/task-execution", params={"status": "in_progress"}
    )
    return list(answer.json()["tasks"])


@pytest.mark.skipif(not os.environ.get("NEXO_MANY_WORKERS"), reason="make prove runs it")
def test_eight_workers_claim_two_thousand_tasks(tmp_path: Path) -> None:
    """As a handler that is one function, so that starting commands is not what is measured."""
    with site(tmp_path) as here, ExitStack() as stack:
        here.approve(2000)
        workers: list[subprocess.Popen[str]] = [
            stack.enter_context(
                worker(here, "--concurrency", "4", "--handler", "tests.nexo_agent.handlers:photo")
            )
            for _ in range(8)
        ]
        eventually(lambda: is_over(here, 2000), seconds=1500)
        for process in workers:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
            assert process.returncode == 0
        found = outcome(here)
        assert found["statuses"] == {"completed": 2000}
        assert found["leases"] == 0
        assert found["twice"] == {}
        assert found["returned"] == []
        assert found["kinds"]["started"] == found["kinds"]["completed"] == 2000
