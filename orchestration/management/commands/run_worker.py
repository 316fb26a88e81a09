"""Queued jobs, recurring templates and what else is done from time to time."""

import logging
import time
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connections
from django.utils.translation import gettext as _

from nexo.shared.commands import require_migrated_database
from orchestration.worker import RETRY_SECONDS, work

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = _("Carry out queued jobs and what is due, until SIGTERM. Any number may run.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._wait_for_database()
        work()

    def _wait_for_database(self) -> None:
        while True:
            try:
                return require_migrated_database()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the database is away: %s", error)
                connections.close_all()
                time.sleep(RETRY_SECONDS)
