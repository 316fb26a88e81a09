"""What of task execution has had its time: sessions, keys, attempts, reports on the way."""

from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils.translation import gettext_lazy as _

from execution import services
from execution.idempotency import KEPT
from execution.models import IdempotencyKey
from nexo.shared import pruning
from nexo.shared.pruning import delete_in_batches

# Longer than an account stays locked: nothing depends on the attempt any more.
ATTEMPTS_KEPT = timedelta(days=30)


def sessions(now: datetime) -> int:
    return delete_in_batches(Session.objects.filter(expire_date__lt=now))


def idempotency_keys(now: datetime) -> int:
    return delete_in_batches(IdempotencyKey.objects.filter(claimed_at__lt=now - KEPT))


def failed_sign_ins(now: datetime) -> int:
    return delete_in_batches(AccessAttempt.objects.filter(attempt_time__lt=now - ATTEMPTS_KEPT))


def progress_reports(now: datetime) -> int:
    """Nothing unless PROGRESS_KEPT_DAYS says how long they are kept."""
    if not settings.PROGRESS_KEPT_DAYS:
        return 0
    return services.prune_progress(now - timedelta(days=settings.PROGRESS_KEPT_DAYS))


def register() -> None:
    pruning.register(_("sessions"), sessions)
    pruning.register(_("idempotency keys"), idempotency_keys)
    pruning.register(_("failed sign-ins"), failed_sign_ins)
    pruning.register(_("progress reports"), progress_reports)
