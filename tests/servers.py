"""Real server processes for tests: daphne as `make run` starts it, uvicorn as the image does."""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import environ
import psycopg
from django.conf import settings
from psycopg.sql import SQL, Identifier

PROJECT = Path(__file__).resolve().parent.parent
APPLICATION = "nexo.asgi:application"
ServerName = Literal["daphne", "uvicorn"]
BOTH_SERVERS: tuple[ServerName, ...] = ("daphne", "uvicorn")
MODULES: dict[ServerName, str] = {"daphne": "nexo.daphne", "uvicorn": "uvicorn"}
READY_WITHIN_SECONDS = 30.0
STOP_WITHIN_SECONDS = 10.0


def server_command(server: ServerName, fd: int, application: str = APPLICATION) -> list[str]:
    """Serve the listening socket `fd`: its port is known and nobody else can take it."""
    options: dict[ServerName, list[str]] = {
        "daphne": ["--verbosity", "0"],
        "uvicorn": [
            *("--timeout-graceful-shutdown", "3", "--ws-per-message-deflate", "false"),
            *("--ws-ping-interval", "86400"),
            *("--no-access-log", "--log-config", "nexo/uvicorn_logs.json"),
        ],
    }
    return [sys.executable, "-m", MODULES[server], *options[server], "--fd", str(fd), application]


@dataclass(frozen=True, slots=True)
class RunningServer:
    port: int
    process: "subprocess.Popen[bytes]"
    environment: Mapping[str, str]
    log_file: Path

    @property
    def name(self) -> ServerName:
        command = map(str, self.process.args)  # type: ignore[arg-type]  # a list of our own
        (module,) = set(MODULES.values()) & set(command)
        return next(name for name in BOTH_SERVERS if MODULES[name] == module)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def log(self) -> str:
        """What the server has written so far, to stdout and stderr."""
        return self.log_file.read_text()

    def is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def server_environment(data_dir: Path, **values: str) -> dict[str, str]:
    """This process's environment with a migrated database of its own, of the kind under test."""
    data_dir.mkdir(parents=True, exist_ok=True)
    own = {"NEXO_DATA_DIR": str(data_dir)}
    template = _migrated_database()
    if os.environ.get("DATABASE_URL"):
        own["DATABASE_URL"] = _create_database(f"nexo_{uuid4().hex}", like=template)
    else:
        shutil.copyfile(template, data_dir / Path(template).name)
    return {**os.environ, "PYTHONUNBUFFERED": "1", **own, **values}


def bare_environment(data_dir: Path, **values: str) -> dict[str, str]:
    """The same with a database that has no tables yet."""
    data_dir.mkdir(parents=True, exist_ok=True)
    own = {"NEXO_DATA_DIR": str(data_dir)}
    if os.environ.get("DATABASE_URL"):
        own["DATABASE_URL"] = _create_database(f"nexo_{uuid4().hex}")
    return {**os.environ, "PYTHONUNBUFFERED": "1", **own, **values}


# A worker that runs at six in the morning would make tasks that no test has counted.
NOTHING_BY_ITSELF = """
from orchestration.models import TaskTemplate
TaskTemplate.objects.update(recurrence="")
"""


@cache
def _migrated_database() -> str:
    """What every server's database is a copy of: a file's path, or a database's name.

    To migrate takes as long as a server takes to start, twice over.
    """
    folder = tempfile.TemporaryDirectory(prefix="nexo-migrated-")
    atexit.register(folder.cleanup)
    name = f"nexo_{uuid4().hex}"
    environment = {**os.environ, "NEXO_DATA_DIR": folder.name}
    if os.environ.get("DATABASE_URL"):
        environment["DATABASE_URL"] = _create_database(name)
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "shell", "--verbosity", "0", "--command", NOTHING_BY_ITSELF)
    if os.environ.get("DATABASE_URL"):
        return name
    # Nobody has it open: all of it is in the one file.
    (database,) = Path(folder.name).glob("*.sqlite3*")
    return str(database)


def connected(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection by a URL as DATABASE_URL has it, whose host may be a folder."""
    place = environ.Env.db_url_config(url)
    return psycopg.connect(
        host=place["HOST"], user=place["USER"], dbname=place["NAME"], autocommit=True
    )


def _create_database(name: str, *, like: str = "template1") -> str:
    """A new database beside the one under test; its URL. It goes with its PostgreSQL."""
    beside = settings.DATABASES["default"]
    with psycopg.connect(
        host=beside["HOST"], user=beside["USER"], dbname="postgres", autocommit=True
    ) as connection:
        create = SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(create.format(Identifier(name), Identifier(like)))
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"


def manage(environment: Mapping[str, str], *arguments: str) -> str:
    """Run a management command and return what it printed."""
    command: Sequence[str] = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running_server(
    server: ServerName, environment: Mapping[str, str], log_file: Path, *, port: int = 0
) -> Iterator[RunningServer]:
    """Serve on a port of 127.0.0.1, a free one if none is named, until the block ends."""
    with running(partial(server_command, server), environment, log_file, port=port) as started:
        yield started


@contextmanager
def running(
    command: Callable[[int], Sequence[str]],
    environment: Mapping[str, str],
    log_file: Path,
    *,
    port: int = 0,
) -> Iterator[RunningServer]:
    """Run what `command` says for a listening socket, until the block ends; it has `/readyz`."""
    with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
        # Accepted connections inherit it. uvicorn sets it only on those of an address it binds.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listener.getsockname()[1]
        with log_file.open("ab") as log:
            process = subprocess.Popen(
                command(listener.fileno()),
                env={**environment, "PORT": str(port)},
                cwd=PROJECT,
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
            )
    started = RunningServer(port, process, environment, log_file)
    try:
        _wait_until_ready(started)
        yield started
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(server: RunningServer) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not server.is_ready():
        assert server.process.poll() is None, f"The server ended:\n{server.log()}"
        assert time.monotonic() < deadline, f"The server did not get ready:\n{server.log()}"
        time.sleep(0.05)
