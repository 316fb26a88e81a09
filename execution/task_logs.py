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
from execution.exceptions import NotAllowed, TaskNotFound
from execution.feed import doorbell
from execution.models import Lease, TaskLog
from nexo.shared import clock


@dataclass(frozen=True, slots=True)
class LogLine:
    level: LogLevel
    message: str
    at: datetime | None = None


def append_logs(task_id: str, lines: Iterable[LogLine], *, caller: Caller) -> list[TaskLog]:
    """Append lines to a task's log; an agent's to its own task only.

    Raises
    ------
    TaskNotFound, NotAllowed
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
            raise TaskNotFound
        now = clock.now()
        kept = TaskLog.objects.bulk_create(
            TaskLog(task_id=task_pk, level=line.level, message=line.message, at=line.at or now)
            for line in lines
        )
        if caller.agent_id is not None:
            held = Lease.objects.filter(task_id=task_pk, expires_at__gt=now)
            held.update(expires_at=now + leases.LIFETIME)
        transaction.on_commit(partial(doorbell.ring_for_logs, task_pk), robust=True)
    return kept
