"""One process for what nobody waits for: queued jobs, and steps that are taken again and again.

Jobs run in the main thread, steps one after another in a second one. Nothing here owns what it
does: rows say what is due, done or leased, so that any number of workers may run, and any of them
may be killed.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.utils.crypto import get_random_string
from django_tasks_db.management.commands.db_worker import Worker as JobWorker

from execution.claiming import end_lapsed_leases
from nexo.shared.origin import working_for
from orchestration.bulk.services import resume_overdue_jobs
from orchestration.services import run_due_templates
from orchestration.unassigned import assign_waiting_tasks

logger = logging.getLogger(__name__)

ORIGIN: Final = "worker"
JOB_POLL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 2.0
# Of five, two of them for a busy machine: what is still at work then is cut off; its rows say what
# is left to do.
STOP_WITHIN_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class PeriodicStep:
    """`function` is called every so often, also when it failed the time before."""

    name: str
    every_seconds: float
    function: Callable[[], Any]


PERIODIC_STEPS: Final[list[PeriodicStep]] = [
    PeriodicStep("due templates", 15.0, run_due_templates),
    PeriodicStep("tasks without an agent", 15.0, assign_waiting_tasks),
    PeriodicStep("lapsed leases", 5.0, end_lapsed_leases),
    PeriodicStep("overdue bulk jobs", 5.0, resume_overdue_jobs),
]


@dataclass(slots=True)
class Steps:
    """Takes each step when its time has come; a step that fails is tried again at its next."""

    steps: Sequence[PeriodicStep]
    stopping: threading.Event = field(default_factory=threading.Event)
    _next_at: dict[str, float] = field(default_factory=dict)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.run, name="periodic-steps", daemon=True)
        thread.start()
        return thread

    def run(self) -> None:
        with working_for(ORIGIN):
            while not self.stopping.is_set():
                self.take_due(time.monotonic())
                self.stopping.wait(max(0.0, self._earliest() - time.monotonic()))

    def take_due(self, now: float) -> None:
        for step in self.steps:
            if self.stopping.is_set():
                return
            if self._next_at.get(step.name, now) <= now:
                self._next_at[step.name] = now + step.every_seconds
                _take(step)

    def _earliest(self) -> float:
        return min(self._next_at.values(), default=time.monotonic() + RETRY_SECONDS)


def _take(step: PeriodicStep) -> None:
    try:
        step.function()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("%s: the database is away: %s", step.name, error)
        connections.close_all()
    except Exception:
        # Whatever it is, the other steps go on, and this one is tried again when it is due.
        logger.exception("%s failed", step.name)
        connections.close_all()


class DatabaseJobs(JobWorker):
    """The queue's own worker, which a database that is away does not end."""

    def __init__(self, steps: Steps) -> None:
        super().__init__(
            queue_names=["*"],
            interval=JOB_POLL_SECONDS,
            batch=False,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=get_random_string(32),
            excluded_queue_names=[],
        )
        self._steps = steps

    def run(self) -> None:
        while self.running:
            try:
                super().run()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the queue cannot be read: %s", error)
                connections.close_all()
                time.sleep(RETRY_SECONDS)

    def shutdown(self, signum: int, frame: FrameType | None) -> None:
        if self.running:
            _begin_to_stop(self._steps)
        super().shutdown(signum, frame)


def _begin_to_stop(steps: Steps) -> None:
    steps.stopping.set()
    _cut_off_later()


def _cut_off_later() -> None:
    """A job or a step that does not end by itself must not outlive the patience of the parent."""
    timer = threading.Timer(STOP_WITHIN_SECONDS, os._exit, args=(128 + signal.SIGTERM,))
    timer.daemon = True
    timer.start()


def _database(steps: Steps) -> Callable[[], None]:
    jobs = DatabaseJobs(steps)
    jobs.configure_signals()
    return jobs.run


def _celery(steps: Steps) -> Callable[[], None]:
    from orchestration.celery_engine import CeleryJobs  # only where Celery is installed

    return CeleryJobs(partial(_begin_to_stop, steps)).run


def work(steps: Sequence[PeriodicStep] | None = None) -> None:
    """Carry out jobs and take steps until a signal ends it; in the main thread."""
    periodic = Steps(PERIODIC_STEPS if steps is None else steps)
    carry_out = _celery(periodic) if settings.TASK_ENGINE == "celery" else _database(periodic)
    thread = periodic.start()
    try:
        with working_for(ORIGIN):
            carry_out()
    finally:
        periodic.stopping.set()
        thread.join(STOP_WITHIN_SECONDS)
