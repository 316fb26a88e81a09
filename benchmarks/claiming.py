"""Seconds per claim, the product's and the bare one in turns. Runs where Django is set up."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from statistics import median

from django.db import connection

from accounts.callers import Caller, caller_for_agent
from benchmarks.measures import interleave
from execution import services
from execution.claiming import claim_tasks
from execution.enums import TaskStatus
from execution.models import Agent, Lease, Task
from nexo.shared import clock

OPERATOR = Caller(actor="user:head", is_superuser=True)
PRODUCT, BARE = "claims-product", "claims-bare"
# The next task in the product's own order; the condition decides who has it.
UPDATE = """
    UPDATE execution_task SET status = 'in_progress', progress = 50, started_at = approved_at
    WHERE status = 'approved' AND id = (
        SELECT id FROM execution_task WHERE agent_id = %s AND status = 'approved'
        ORDER BY CASE WHEN priority = 'urgent' THEN 0 WHEN priority = 'high' THEN 1
            WHEN priority = 'normal' THEN 2 ELSE 3 END, id
        LIMIT 1
    ) RETURNING id
"""


def stock(agent: str, size: int) -> None:
    """Approved tasks, made in bulk: the benchmark's database has no one who reads their past."""
    Agent.objects.get_or_create(slug=agent, defaults={"name": agent})
    new = services.NewTask("photo", "Foto", "amazon", 60.0, agent_id=agent)
    for start in range(0, size, 500):
        services.create_tasks([new] * min(500, size - start), caller=OPERATOR)
    made = Task.objects.filter(agent_id=agent, status=TaskStatus.PENDING)
    made.update(status=TaskStatus.APPROVED, progress=25, approved_at=clock.now())


class Bare:
    def __init__(self) -> None:
        is_sqlite = connection.vendor == "sqlite"
        self._begin = "BEGIN IMMEDIATE" if is_sqlite else "BEGIN"
        self._update = UPDATE.replace("%s", "?") if is_sqlite else UPDATE
        self._cursor = connection.connection.cursor()

    def claim(self) -> int:
        self._cursor.execute(self._begin)
        self._cursor.execute(self._update, (BARE,))
        won = len(self._cursor.fetchall())
        self._cursor.execute("COMMIT")
        return won


def claim_one() -> int:
    return len(claim_tasks(PRODUCT, caller=caller_for_agent(PRODUCT)))


def begin_what_was_claimed() -> None:
    """As an agent does at once: nobody looks through what it holds and has not begun."""
    held = Task.objects.filter(agent_id=PRODUCT, status=TaskStatus.APPROVED, lease__isnull=False)
    held.update(status=TaskStatus.IN_PROGRESS, progress=50, started_at=clock.now())
    # Or they would run out while the rest is measured, and be returned one by one.
    Lease.objects.filter(agent_id=PRODUCT).delete()


def timed(claim: Callable[[], int], times: int) -> float:
    """The median of so many claims, each of which must get its task."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        won = claim()
        seconds.append(time.perf_counter() - began)
        assert won == 1
        begin_what_was_claimed()
    return median(seconds)


def main(rounds: int, claims: int) -> None:
    """Print the rounds as JSON."""
    connection.ensure_connection()
    for agent in (PRODUCT, BARE):
        stock(agent, (rounds + 1) * claims)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    bare = Bare()
    kept = interleave(rounds, lambda: timed(claim_one, claims), lambda: timed(bare.claim, claims))
    sys.stdout.write(json.dumps(asdict(kept)))
