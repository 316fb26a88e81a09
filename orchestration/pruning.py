"""Finished jobs whose results nobody looks at any more, and what previews of orders showed.

What was done stays in the event log.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django_tasks_db.models import DBTaskResult

from nexo.shared import pruning
from nexo.shared.pruning import delete_in_batches
from orchestration.bulk.enums import BulkAction, JobState
from orchestration.bulk.models import BulkItem, BulkJob, BulkSelection
from orchestration.bulk.orders import KEPT_FOR

# One may hold the ids of 100,000 tasks, some megabytes.
SELECTIONS_AT_ONCE = 10


def bulk_jobs(now: datetime) -> int:
    """Items first and a little at once: a job may have named thousands of tasks."""
    old = BulkJob.objects.filter(
        state=JobState.DONE, finished_at__lt=now - timedelta(days=settings.JOBS_KEPT_DAYS)
    )
    # A job stays as long as what undid it, which ended later.
    kept_undoings = BulkJob.objects.filter(undo_of__isnull=False).exclude(pk__in=old.values("pk"))
    old = old.exclude(pk__in=kept_undoings.values("undo_of"))
    delete_in_batches(BulkItem.objects.filter(job__in=old.values("pk")))
    undoings = delete_in_batches(old.filter(action=BulkAction.UNDO))
    return undoings + delete_in_batches(old)


def bulk_selections(now: datetime) -> int:
    """A new preview lets go of the old ones too, but the last has none after it."""
    old = BulkSelection.objects.filter(created_at__lte=now - KEPT_FOR)
    return delete_in_batches(old, batch=SELECTIONS_AT_ONCE)


def background_jobs(now: datetime) -> int:
    """What the database engine keeps of each job that it has carried out; with Celery nothing is
    added, and what was there before still goes."""
    before = now - timedelta(days=settings.JOBS_KEPT_DAYS)
    return delete_in_batches(DBTaskResult.objects.finished().filter(finished_at__lt=before))


def register() -> None:
    pruning.register(_("bulk jobs"), bulk_jobs)
    pruning.register(_("bulk previews"), bulk_selections)
    pruning.register(_("background jobs"), background_jobs)
