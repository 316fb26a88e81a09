"""Celery on Redis as the engine of background jobs (TASK_ENGINE=celery)."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from celery import current_app, signals
from django.core import checks
from django_tasks_fennel import CeleryBackend


class CeleryEngine(CeleryBackend):
    def check(self, **kwargs: Any) -> Iterable[checks.CheckMessage]:
        """Without its warnings that nobody can read a result, or have one job before another:
        both are done without here."""
        return [found for found in super().check(**kwargs) if found.level >= checks.ERROR]


class CeleryJobs:
    """Celery's own worker, one job at a time, in the main thread."""

    def __init__(self, on_signal: Callable[[], None]) -> None:
        self._on_signal = on_signal
        signals.setup_logging.connect(_leave_logging_alone)
        signals.worker_shutting_down.connect(self._shutting_down)

    def run(self) -> None:
        worker = current_app.Worker(
            pool="solo",
            concurrency=1,
            quiet=True,
            # Workers need not know of each other, and Redis has enough to do.
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        worker.start()
        if worker.exitcode:
            sys.exit(worker.exitcode)

    def _shutting_down(self, **kwargs: Any) -> None:
        self._on_signal()


def _leave_logging_alone(**kwargs: Any) -> None:
    """As long as somebody listens to this signal, Celery sets up no log of its own."""
