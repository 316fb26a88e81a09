"""Play agents and a head who work through the public API; Ctrl+C or SIGTERM ends it."""

import asyncio
import math
import signal
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from random import Random
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.permissions import OPERATE_TASKS
from execution.demo.roster import PROFILES
from execution.demo.seeding import simulator
from execution.models import Agent
from execution.simulation.board import Board
from execution.simulation.client import Api, Moved, TokenRefused
from execution.simulation.credentials import LIFETIME, credentials
from execution.simulation.driver import Driver
from nexo.shared.commands import migrated_database
from nexo.shared.origin import working_for

DEFAULT_RATE = 1.5
MAX_RATE = 1000.0
# New tokens well before the old ones end.
SESSION_SECONDS = LIFETIME.total_seconds() / 2
PAUSE_AFTER_REFUSED_TOKEN_SECONDS = 5.0


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ArgumentTypeError(_("It must be a number over 0, not %s.") % text)
    return number


def _rate(text: str) -> float:
    return min(_positive(text), MAX_RATE)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ArgumentTypeError(_("It must look like http://127.0.0.1:8000, not %s.") % text)
    return text


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Between two sessions too, SIGTERM unwinds the stack, so that tokens are revoked."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Command(BaseCommand):
    help = _("Let the demo's agents work on their tasks through the API, until it is stopped.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url",
            type=_url,
            default=f"http://127.0.0.1:{settings.PORT}",
            help=_("where NEXO is served (%(default)s)"),
        )
        parser.add_argument(
            "--rate",
            type=_rate,
            default=DEFAULT_RATE,
            help=_("steps per second (%(default)s)"),
        )
        parser.add_argument("--seed", type=int, help=_("the same choices each time"))
        parser.add_argument("--duration", type=_positive, help=_("seconds; without it, no end"))

    @migrated_database()
    @working_for("command")
    def handle(self, *args: Any, **options: Any) -> None:
        agents = self._agents()
        head = self._head()
        self._rate: float = options["rate"]
        self._url: str = options["url"]
        self._rng = Random(options["seed"])  # noqa: S311  # repeatable on purpose
        if options["verbosity"]:
            told = {"count": len(agents), "url": self._url}
            self.stdout.write(_("Simulating %(count)d agents at %(url)s.") % told)
        left = options["duration"] or math.inf
        with suppress(KeyboardInterrupt), _interrupted_by_sigterm():
            while left > 0:
                seconds = min(left, SESSION_SECONDS)
                with credentials(head, agents) as keys:
                    asyncio.run(self._session(keys, agents, seconds))
                left -= seconds

    def _head(self) -> User:
        head = simulator()
        if not head.has_perm(OPERATE_TASKS):
            raise CommandError(_("The user %s may not create tasks.") % head.get_username())
        return head

    def _agents(self) -> list[str]:
        slugs = [profile.slug for profile in PROFILES]
        agents = list(
            Agent.objects.filter(slug__in=slugs, is_active=True).values_list("slug", flat=True)
        )
        if not agents:
            raise CommandError(_("There is none of the demo's agents: run seed_demo."))
        return agents

    async def _session(self, keys: dict[str, str], agents: Sequence[str], seconds: float) -> None:
        """Play for so long with these tokens.

        Raises
        ------
        KeyboardInterrupt: a signal asked to end
        CommandError: NEXO is served elsewhere
        """
        loop = asyncio.get_running_loop()
        play = asyncio.create_task(self._play(keys, agents, loop.time() + seconds))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, play.cancel)
        try:
            await play
        except asyncio.CancelledError as asked:
            raise KeyboardInterrupt from asked

    async def _play(self, keys: dict[str, str], agents: Sequence[str], until: float) -> None:
        async with Api(self._url, keys) as api:
            try:
                await Driver(api, Board(agents, self._rng), self._rate).run(until)
            except TokenRefused:
                # Revoked in the administration, or the database was replaced: take new ones.
                await asyncio.sleep(PAUSE_AFTER_REFUSED_TOKEN_SECONDS)
            except Moved as moved:
                sentence = _("The server sends calls on to %s: give that as --url.")
                raise CommandError(sentence % moved.address) from moved
