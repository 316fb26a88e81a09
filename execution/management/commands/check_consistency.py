"""Recount what is kept beside the tasks; exit 1 on any difference, 2 if nothing was compared."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from execution.consistency import differences
from nexo.shared.commands import migrated_database

NOT_COMPARED = 2


class Command(BaseCommand):
    help = _("Compare counters, event numbers and tasks with the rows they come from.")

    @migrated_database(returncode=NOT_COMPARED)
    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for difference in differences():
            found += 1
            self.stdout.write(difference)
        if found:
            raise CommandError(ngettext("%d difference.", "%d differences.", found) % found)
        self.stdout.write(_("Everything agrees."))
