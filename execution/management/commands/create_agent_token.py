"""Issue a token for an agent; it is printed alone and cannot be had again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.tokens import issue_token
from execution.models import Agent
from nexo.shared.commands import migrated_database, text
from nexo.shared.origin import working_for


class Command(BaseCommand):
    help = _("Print a new token for an agent. Only its hash is kept.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("agent", metavar="AGENT", type=text, help=_("the agent's id"))

    @migrated_database()
    @working_for("command")
    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["agent"]
        if not Agent.objects.filter(slug=slug).exists():
            raise CommandError(_("There is no agent %s.") % slug)
        _token, key = issue_token(
            name=f"create_agent_token {slug}", by="system:create_agent_token", agent_id=slug
        )
        self.stdout.write(key)
