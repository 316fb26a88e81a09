"""Lines that agents and people write to a task's log while the work goes on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction

from accounts.callers import Caller
from accounts.permissions import OPERATE_TASKS
from execution import leases, services
from execution.enums import LogLevel
from execution.exceptions import LeaseLost, NotAllowed
from execution.feed import doorbell
from execution.models import Lease, TaskLog
from nexo.shared import clock


@dataclass(frozen=True, slots=True)
class LogLine:
    level: LogLevel
    message: str
    at: datetime | None = None


def append_logs(
    task_id: str, lines: Iterable[LogLine], *, caller: Caller, lease_id: str | None = None
) -> list[TaskLog]:
    """Append lines to a task's log; an agent's while it holds the task.

    An agent that names its lease renews it; one that does not may be another worker of the same
    agent, which must not keep alive what this one left lying.

    Raises
    ------
    TaskNotFound, NotAllowed, LeaseLost
    """
    if caller.agent_id is None and not caller.may(OPERATE_TASKS):
        raise NotAllowed
    with transaction.atomic():
        # Locked, so that a task's lines are numbered in the order in which they are committed:
        # whoever reads on after a line misses none that came late.
        tasks = (
            services.visible_tasks(caller).select_for_update(no_key=True).filter(task_id=task_id)
        )
        task_pk = tasks.values_list("pk", flat=True).first()
        if task_pk is None:
            services.refuse_missing(task_id, lease_id)
        if caller.agent_id is not None:
            _use_lease(task_pk, lease_id)
        kept = record_logs(task_pk, lines)
        transaction.on_commit(partial(doorbell.ring_for_logs, task_pk), robust=True)
    return kept


def _use_lease(task_pk: int, lease_id: str | None) -> None:
    now = clock.now()
    held = Lease.objects.filter(task_id=task_pk, expires_at__gt=now)
    if lease_id is None:
        is_held = held.exists()
    else:
        is_held = bool(held.filter(lease_id=lease_id).update(expires_at=now + leases.LIFETIME))
    if not is_held:
        raise LeaseLost


def record_logs(task_pk: int, lines: Iterable[LogLine]) -> list[TaskLog]:
    """Write lines that nobody needs to be asked about, in the caller's transaction."""
    now = clock.now()
    return TaskLog.objects.bulk_create(
        TaskLog(task_id=task_pk, level=line.level, message=line.message, at=line.at or now)
        for line in lines
    )
