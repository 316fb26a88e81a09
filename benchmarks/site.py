"""A product to measure: a database of its own, somebody signed in, servers on the server core."""

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

import psycopg
from environ import Env
from psycopg.sql import SQL, Identifier

from benchmarks import machine
from benchmarks.limits import DATABASE_VARIABLE
from benchmarks.stamps import VARIABLE as STAMPS
from benchmarks.stamps import Stamps
from tests import services
from tests.servers import RunningServer, ServerName, manage, running, server_command

TEXTBOOK_SETTINGS = "benchmarks.textbook.settings"
DatabaseName = Literal["sqlite", "postgres"]
API = "/api/marketplace/orchestration/task-execution"
FEED = "/ws/marketplace/tasks/execution/"
# The simulator is not started and nothing is throttled; the rest is as in life.
SETTINGS = {"API_RATE": "1000000/s", "LOG_LEVEL": "WARNING"}
# Settings of whoever starts this must not reach what is measured.
FOREIGN = frozenset(
    {
        *("DATABASE_URL", "REDIS_URL", "HTTP_THREADS", "HOST", "PORT", "DEMO", "SECRET_KEY"),
        *("NEXO_PRODUCTION", "NEXO_TESTING", "METRICS_TOKEN", "ALLOWED_HOSTS", "ALLOWED_ORIGINS"),
    }
)


def in_django(environment: Mapping[str, str], call: str) -> str:
    """What a call of one of this package's modules prints, where Django is set up."""
    module = call.partition("(")[0].rpartition(".")[0]
    code = f"import benchmarks.{module}; benchmarks.{call}"
    return manage(environment, "shell", "--no-imports", "--verbosity", "0", "-c", code)


class Ground:
    """A folder for everything, and a PostgreSQL and a Redis in it for those who ask."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is kept, and what is in it taken up again; else there is a temporary one."""
        self.folder = folder or services.own_folder()
        self._stack = ExitStack()
        self._numbers = count(1 + len(list(self.folder.glob("site-*"))))
        self._prepared: dict[tuple[DatabaseName, int], Site] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @cached_property
    def _postgres(self) -> str:
        return self._stack.enter_context(services.postgres(self.folder))

    @cached_property
    def redis(self) -> str:
        return self._stack.enter_context(services.redis(self.folder))

    def site(self, database: DatabaseName, *, tasks: int = 0) -> "Site":
        """A new database with `tasks` tasks besides the demo's.

        Those alike are copies of one that nobody has served: to make it takes seconds.
        """
        kind = (database, tasks)
        if kind not in self._prepared:
            self._prepared[kind] = self._new_site(database, tasks)
        original = self._prepared[kind]
        folder = self.folder / f"site-{next(self._numbers)}"
        shutil.copytree(original.folder, folder)
        environment, place = self._environment(folder), str(folder / "nexo.sqlite3")
        if database == "postgres":
            like = original.folder.name
            environment["DATABASE_URL"], place = self._new_database(folder.name, like=like)
        return replace(original, folder=folder, environment=environment, database=place)

    def kept_site(self, name: str, session: str, task_ids: list[str]) -> "Site":
        """One that an earlier run has left on PostgreSQL in the folder that is kept."""
        folder = self.folder / name
        url, place = self._place_of(name)
        environment = {**self._environment(folder), "DATABASE_URL": url}
        return Site(folder, environment, place, session, task_ids)

    def _new_site(self, database: DatabaseName, tasks: int) -> "Site":
        folder = self.folder / f"site-{next(self._numbers)}"
        folder.mkdir()
        environment, place = self._environment(folder), str(folder / "nexo.sqlite3")
        if database == "postgres":
            environment["DATABASE_URL"], place = self._new_database(folder.name)
        made = json.loads(in_django(environment, f"prepare.main({tasks})"))
        return Site(folder, environment, place, made["session"], made["task_ids"])

    def _environment(self, folder: Path) -> dict[str, str]:
        environment = {k: v for k, v in os.environ.items() if k not in FOREIGN}
        return environment | {**SETTINGS, "NEXO_DATA_DIR": str(folder)}

    def _new_database(self, name: str, *, like: str = "template1") -> tuple[str, str]:
        """A new database's URL, as the product and as libpq read it."""
        host = Env.db_url_config(self._postgres)["HOST"]
        with psycopg.connect(
            host=host, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            create = SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(create.format(Identifier(name), Identifier(like)))
        return self._place_of(name)

    def _place_of(self, name: str) -> tuple[str, str]:
        host = Env.db_url_config(self._postgres)["HOST"]
        url = f"{self._postgres.rpartition('/')[0]}/{name}"
        return url, f"postgresql://postgres@/{name}?host={quote(host, safe='')}"


@dataclass(frozen=True, slots=True)
class Site:
    """`task_ids` are in progress, each free to be changed; `database` is where a limit finds it."""

    folder: Path
    environment: Mapping[str, str]
    database: str
    session: str
    task_ids: list[str]

    def headers(self) -> list[str]:
        """Of somebody signed in, with the proof that a write comes from the site's own page."""
        csrf = secrets.token_hex(16)
        return [f"Cookie: sessionid={self.session}; csrftoken={csrf}", f"X-CSRFToken: {csrf}"]

    @contextmanager
    def product(self, server: ServerName, **values: str) -> Iterator[RunningServer]:
        with self._started(partial(server_command, server), values) as started:
            yield started

    @contextmanager
    def stamped(self, server: ServerName, **values: str) -> Iterator[tuple[RunningServer, Stamps]]:
        """The product, noting when it commits and publishes."""
        application = "benchmarks.stamped:application"
        command = partial(server_command, server, application=application)
        path = self.folder / "stamps"
        with self._started(command, {STAMPS: str(path), **values}) as started:
            yield started, Stamps(path)

    @contextmanager
    def served_by(
        self, server: ServerName, application: str, **values: str
    ) -> Iterator[RunningServer]:
        """One of the benchmarks' own applications on this database."""
        command = partial(server_command, server, application=application)
        with self._started(command, values) as started:
            yield started

    @contextmanager
    def textbook(self, **values: str) -> Iterator[tuple[RunningServer, Stamps]]:
        """What tutorials build, on this very database, under Channels' own server."""
        path = self.folder / "textbook-stamps"
        own = {"DJANGO_SETTINGS_MODULE": TEXTBOOK_SETTINGS, STAMPS: str(path), **values}
        with self.served_by("daphne", "benchmarks.textbook.asgi:application", **own) as started:
            yield started, Stamps(path)

    @contextmanager
    def limit(self) -> Iterator[RunningServer]:
        """The framework-less server on this very database."""
        application = "benchmarks.limits.tasks:application"
        command = partial(server_command, "uvicorn", application=application)
        with self._started(command, {DATABASE_VARIABLE: self.database}) as started:
            yield started

    @contextmanager
    def raw_websockets(self) -> Iterator[tuple[RunningServer, Stamps]]:
        path = self.folder / "raw-stamps"

        def command(fd: int) -> list[str]:
            module = "benchmarks.limits.raw_websockets"
            return [sys.executable, "-m", module, str(fd), str(path)]

        with self._started(command, {}) as started:
            yield started, Stamps(path)

    @contextmanager
    def _started(
        self, command: Callable[[int], Sequence[str]], values: Mapping[str, str]
    ) -> Iterator[RunningServer]:
        with ExitStack() as stack:
            with machine.on_core(machine.SERVERS):
                log_file = self.folder / "servers.log"
                started = stack.enter_context(
                    running(command, {**self.environment, **values}, log_file)
                )
            yield started
