"""Django's own, with a line in the audit: nobody who may do everything appears unseen."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from accounts.noting import noting_people
from nexo.shared.commands import migrated_database
from nexo.shared.origin import working_for

DETAILS = {"old": None, "new": {"is_active": True, "is_superuser": True}}


class Command(createsuperuser.Command):
    @migrated_database()
    @working_for("command")
    def handle(self, *args: Any, **options: Any) -> Any:
        with noting_people("created", actor="system:createsuperuser", details=DETAILS):
            return super().handle(*args, **options)
