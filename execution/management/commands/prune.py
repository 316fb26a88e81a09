"""Delete what has had its time. Tasks stay, and what happened to them; see docs/operations.md."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from nexo.shared import clock, pruning
from nexo.shared.commands import migrated_database


class Command(BaseCommand):
    help = _(
        "Delete expired sessions, idempotency keys, old failed sign-ins, bulk previews, finished "
        "jobs, and old progress reports if PROGRESS_KEPT_DAYS is set; run it daily."
    )

    @migrated_database()
    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        for name, prune in pruning.registered():
            self.stdout.write(f"{name}: {prune(now)}")
