"""Delete what has had its time. Tasks, events and logs stay."""

from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from execution.idempotency import KEPT
from execution.models import IdempotencyKey
from nexo.shared import clock
from nexo.shared.pruning import delete_in_batches

# Longer than an account stays locked: nothing depends on the attempt any more.
ATTEMPTS_KEPT = timedelta(days=30)


class Command(BaseCommand):
    help = "Delete expired sessions, idempotency keys and old failed sign-ins; run it daily."

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        expired = {
            _("sessions"): Session.objects.filter(expire_date__lt=now),
            _("idempotency keys"): IdempotencyKey.objects.filter(claimed_at__lt=now - KEPT),
            _("failed sign-ins"): AccessAttempt.objects.filter(
                attempt_time__lt=now - ATTEMPTS_KEPT
            ),
        }
        for name, rows in expired.items():
            self.stdout.write(f"{name}: {delete_in_batches(rows)}")
