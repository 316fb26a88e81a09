"""Throw the facts away and count the event log anew."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from nexo.shared.commands import migrated_database
from optimization import projection


class Command(BaseCommand):
    help = _("Count the daily facts of all agents anew from the event log.")

    @migrated_database()
    def handle(self, *args: Any, **options: Any) -> None:
        position = projection.rebuild()
        self.stdout.write(_("Counted up to event %d.") % position.sequence)
