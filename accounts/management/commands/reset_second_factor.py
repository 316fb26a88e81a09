"""Reset the second factor of a person who has lost their device and their recovery codes."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.second_factor import reset
from nexo.shared.commands import migrated_database, text
from nexo.shared.origin import working_for


class Command(BaseCommand):
    help = _("Reset a person's second factor and end their sessions; they may enroll again.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="USERNAME", type=text, help=_("the user name"))

    @migrated_database()
    @working_for("command")
    def handle(self, *args: Any, **options: Any) -> None:
        name = options["username"]
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(_("There is no user %(name)s.") % {"name": name})
        if not reset(user):
            raise CommandError(_("%(name)s has no second factor.") % {"name": name})
        self.stdout.write(name + ": " + _("no second factor"))
