"""/metrics for Prometheus: off until METRICS_TOKEN is set, then for those who show it."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from execution import queries
from nexo.shared import clock
from orchestration.queries import worker_behind_seconds

SCHEMES = frozenset({"bearer", "token"})


@csrf_exempt  # nothing is written here: another verb is refused as such, not for want of a form
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in SCHEMES:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    if not secrets.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode()):
        return HttpResponse(status=403)
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    """This process's numbers or, where PROMETHEUS_MULTIPROC_DIR is set, those of all workers."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        _forget_dead_processes(Path(folder))
        MultiProcessCollector(registry, path=folder)
    else:
        registry.register(_Everything())
    return registry


def _forget_dead_processes(folder: Path) -> None:
    """A worker that was killed no longer counts in gauges of what is open now."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, PermissionError):
            # Numbers are given again: another user's process is none of our workers.
            mark_process_dead(pid, str(folder))


class _Everything(Collector):
    """The library's own registry, so that every module's metrics are in the answer."""

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()


class DatabaseCollector(Collector):
    """Read at each scrape: true for all processes, whichever of them answers."""

    def collect(self) -> Iterator[Metric]:
        started = perf_counter()
        try:
            position = queries.stream_position()
            tallies = queries.tallies_by_marketplace()
            behind = worker_behind_seconds(clock.now())
        except (DatabaseError, InterfaceError):
            yield GaugeMetricFamily("nexo_database_up", "Whether the database answers.", value=0)
            return
        seconds = perf_counter() - started
        yield GaugeMetricFamily("nexo_database_up", "Whether the database answers.", value=1)
        yield GaugeMetricFamily(
            "nexo_database_read_seconds", "Time of this scrape's reads.", value=seconds
        )
        yield CounterMetricFamily(
            "nexo_events", "Events in the log: its newest number.", value=position.sequence
        )
        yield GaugeMetricFamily(
            "nexo_worker_behind_seconds",
            "How long the oldest work for a worker has waited.",
            value=behind,
        )
        tasks = GaugeMetricFamily("nexo_tasks", "Tasks.", labels=["status", "marketplace"])
        for marketplace, tally in tallies.items():
            for status, count in tally.counts.items():
                tasks.add_metric([status, marketplace], count)
        yield tasks
