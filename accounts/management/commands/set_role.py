"""Give a person a role."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.roles import Role
from accounts.services import set_role
from nexo.shared.commands import migrated_database, text
from nexo.shared.origin import working_for


class Command(BaseCommand):
    help = _("Give a person a role: admin, head, qa, or user (none of them).")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME", type=text, help=_("the user name"))
        parser.add_argument("role", choices=Role.values, help=_("the role"))

    @migrated_database()
    @working_for("command")
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = User.objects.get(username=options["username"])
        except User.DoesNotExist as error:
            raise CommandError(
                _("There is no user %(name)s.") % {"name": options["username"]}
            ) from error
        set_role(user, Role(options["role"]))
        self.stdout.write(f"{user.username}: {options['role']}")
