"""How a job gets to a worker, whichever engine carries it (TASK_ENGINE).

A message is a doorbell only. It may be lost, doubled or late: the rows of the job say what is left
to do, and `resume_overdue_jobs` rings again for those that nobody came for.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django_tasks.base import Task

logger = logging.getLogger(__name__)


def enqueue(job: Task[Any, Any], *arguments: Any, lost: Callable[[], object]) -> None:
    """Have a worker carry the job out if the transaction around this commits.

    `lost` is called when that is known not to happen, after the commit.
    """
    if settings.TASK_ENGINE == "celery":
        # Redis knows no transaction of ours: a worker must not look before the rows are there.
        transaction.on_commit(partial(_send, job, arguments, lost), robust=True)
    else:
        job.enqueue(*arguments)


def _send(job: Task[Any, Any], arguments: Sequence[Any], lost: Callable[[], object]) -> None:
    from kombu.exceptions import OperationalError  # need not be installed for the other engine

    try:
        job.enqueue(*arguments)
    except OperationalError as error:
        logger.warning("%s waits, for Redis is away: %s", job.module_path, error)
        lost()
