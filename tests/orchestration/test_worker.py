"""Jobs and steps: carried out by whoever runs, however often something fails."""

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import OperationalError

from nexo.shared.origin import current_origin
from orchestration.worker import PERIODIC_STEPS, PeriodicStep, Steps
from tests.orchestration.console import console
from tests.orchestration.engines import heeds, running_worker
from tests.servers import server_environment

WITHIN_SECONDS = 20.0
EXIT_WITHIN_SECONDS = 5.0


@pytest.mark.unit
def test_a_step_is_taken_at_once_and_then_every_so_often() -> None:
    taken: list[str] = []
    steps = Steps(
        [
            PeriodicStep("often", 5, lambda: taken.append("often")),
            PeriodicStep("seldom", 15, lambda: taken.append("seldom")),
        ]
    )
    for second in (0, 1, 4.9, 5, 9.9, 10, 15):
        steps.take_due(second)
    assert taken == ["often", "seldom", "often", "often", "often", "seldom"]


@pytest.mark.unit
@pytest.mark.parametrize("error", [OperationalError("away"), ValueError("wrong")], ids=str)
def test_a_step_that_fails_hinders_no_other_and_is_tried_again(error: Exception) -> None:
    taken: list[str] = []

    def fail() -> None:
        taken.append("fails")
        raise error

    steps = Steps(
        [PeriodicStep("fails", 5, fail), PeriodicStep("works", 5, lambda: taken.append("works"))]
    )
    steps.take_due(0)
    steps.take_due(5)
    assert taken == ["fails", "works"] * 2


@pytest.mark.unit
def test_steps_work_for_the_worker_and_stop_when_asked() -> None:
    origins: list[str | None] = []
    steps = Steps([PeriodicStep("note", 0.01, lambda: origins.append(current_origin()))])
    thread = steps.start()
    until(lambda: len(origins) > 2)
    steps.stopping.set()
    thread.join(1)
    assert not thread.is_alive()
    assert set(origins) == {"worker"}


@pytest.mark.unit
def test_due_templates_are_looked_for_every_quarter_of_a_minute() -> None:
    seconds = {step.name: step.every_seconds for step in PERIODIC_STEPS}
    assert seconds["due templates"] == 15
    assert seconds["tasks without an agent"] == 15
    # With the lease's minute, what a killed agent leaves is back well within 90 s.
    assert seconds["lapsed leases"] == 5


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# -- Whole processes -----------------------------------------------------------------------------

DUE = """
from datetime import timedelta
from nexo.shared import clock
from orchestration.models import TaskTemplate
TaskTemplate.objects.exclude(marketplace="amazon", key="listing-titles").update(is_active=False)
TaskTemplate.objects.filter(marketplace="amazon", key="listing-titles").update(
    is_active=True, recurrence="* * * * *", recurs_since=clock.now() - timedelta(minutes=1))
from tests.orchestration.jobs import note
note.enqueue("one")
"""
COUNTS = """
from accounts.models import AuditEntry
from execution.models import Task, TaskEvent
from orchestration.models import DueRun
runs = DueRun.objects.count()
found = {
    "tasks": Task.objects.count(),
    "runs_at_one_time": runs - DueRun.objects.values("due_at").distinct().count(),
    "notes": list(AuditEntry.objects.filter(action="note").values_list("origin", flat=True)),
}
"""


@pytest.mark.integration
def test_two_workers_share_the_work_and_end_when_asked(tmp_path: Path) -> None:
    environment = server_environment(tmp_path)
    log_file = tmp_path / "log"
    with console(environment) as run, ExitStack() as stack:
        run(DUE)
        workers = [stack.enter_context(running_worker(environment, log_file)) for _ in range(2)]
        # The job is done once; the template's task is made once, and is still open at the next
        # due time.
        until(lambda: (found := run(COUNTS))["tasks"] == 1 and found["notes"] == ["worker"])
        assert run(COUNTS)["runs_at_one_time"] == 0
        # One may have done it all before the other had begun.
        until(lambda: all(heeds(process, signal.SIGTERM) for process in workers))
        assert [process.poll() for process in workers] == [None, None]
        asked_at = time.monotonic()
        for process in workers:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(EXIT_WITHIN_SECONDS) for process in workers] == [0, 0]
        assert time.monotonic() - asked_at < EXIT_WITHIN_SECONDS
        assert "Traceback" not in log_file.read_text()
