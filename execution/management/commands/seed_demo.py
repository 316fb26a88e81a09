"""Fill a database with demo data; running it again adds nothing."""

import secrets
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from execution.demo import seeding
from nexo.shared import clock
from nexo.shared.commands import migrated_database
from nexo.shared.origin import working_for
from nexo.shared.private import kept_secret
from nexo.shared.progress import ProgressBar
from nexo.shared.statistics import gather_statistics


class Command(BaseCommand):
    help = _("Create demo users, agents and forty days of tasks, unless they are there already.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--tasks",
            type=int,
            metavar="N",
            help=_("N further tasks as load; 0: users and agents only, no task at all"),
        )

    @migrated_database()
    @working_for("command")
    def handle(self, *args: Any, **options: Any) -> None:
        load: int | None = options["tasks"]
        if load is not None and load < 0:
            raise CommandError(_("--tasks must be 0 or more."))
        now = clock.now()
        self.stdout.write(_("Added to this database:"))
        self._people()
        self._report(_("agents"), len(seeding.seed_agents()))
        if load == 0:
            return
        self._report(_("tasks"), seeding.seed_tasks(now))
        if load:
            self._load(load)
        gather_statistics()

    def _people(self) -> None:
        # The same as `make run` tells, whichever of the two makes it.
        kept = settings.DATA_DIR / "demo_password"
        given = settings.DEMO_PASSWORD
        password = given or kept_secret(kept, partial(secrets.token_urlsafe, 9))
        created = seeding.seed_people(password)
        self._report(_("users"), len(created))
        if created and not given:
            values = {"users": ", ".join(created), "password": password}
            self.stdout.write(_("Password of %(users)s: %(password)s") % values)
        if given and not created and not seeding.somebody_has(password):
            self.stderr.write(
                _(
                    "NEXO_DEMO_PASSWORD is for new users. Those of the demo keep the one that they "
                    "have; `manage.py changepassword` sets another."
                )
            )

    def _load(self, wanted: int) -> None:
        bar = ProgressBar(self.stderr, total=wanted)
        written = 0
        for count in seeding.seed_load(wanted, clock.now()):
            written += count
            bar.advance(count)
        bar.clear()
        self._report(_("tasks as load"), written)

    def _report(self, what: str, created: int) -> None:
        if created:
            self.stdout.write(f"{what}: {created}")
        else:
            self.stdout.write(_("%s: 0, all there already") % what)
