"""Django's own, with a line in the audit."""

from typing import Any

from django.contrib.auth.management.commands import changepassword

from accounts.noting import noting_people
from nexo.shared.commands import migrated_database
from nexo.shared.origin import working_for


class Command(changepassword.Command):
    @migrated_database()
    @working_for("command")
    def handle(self, *args: Any, **options: Any) -> Any:
        with noting_people("password_set", actor="system:changepassword"):
            return super().handle(*args, **options)
