"""`make run`: prepare the database, then web, worker and simulator under one parent.

The parent forwards SIGINT and SIGTERM and restarts nothing: when one child ends, it ends the
others and exits with that child's code. Of the project it imports only what needs nothing
installed, so that it can say what is wrong before anything has started.
"""

import asyncio
import contextlib
import errno
import ipaddress
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from nexo.shared.private import kept_secret, make_private_folder

PROJECT = Path(__file__).resolve().parent.parent
DEMO_ROLES = {
    "admin": "everything, and the admin site",
    "head": "runs the operation",
    "qa": "approves and rejects",
    "user": "watches",
}
READY_WITHIN_SECONDS = 60.0
READY_POLL_SECONDS = 0.1
# The one part that the site can do without (docs/operations.md).
CHANNEL_LAYER = "channelLayer"
STOP_WITHIN_SECONDS = 5.0
RESTART_AFTER_SECONDS = 1.0
# How a step ends that has told the person at the terminal what is wrong (EX_CONFIG).
HAS_SAID_WHY = 78


class CannotStart(Exception):
    """A sentence for the person at the terminal."""


def say(*lines: str) -> None:
    sys.stdout.write("\n".join((*lines, "")))
    sys.stdout.flush()


# -- What was asked for --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    host: str
    port: int
    demo: bool
    data_dir: Path

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the site."""
        return f"http://{_bracketed(_reachable(self.host))}:{self.port}"


def read_options(environment: Mapping[str, str]) -> Options:
    """HOST, PORT, DEMO and NEXO_DATA_DIR.

    Raises
    ------
    CannotStart: one of them cannot be used
    """
    port = environment.get("PORT") or "8000"
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise CannotStart(f"PORT must be a whole number from 1 to 65535, not {port!r}.")
    demo = environment.get("DEMO") or "1"
    if demo not in {"0", "1"}:
        raise CannotStart(f"DEMO must be 0 or 1, not {demo!r}.")
    return Options(
        host=environment.get("HOST") or "127.0.0.1",
        port=int(port),
        demo=demo == "1",
        data_dir=Path(environment.get("NEXO_DATA_DIR") or PROJECT / "var").resolve(),
    )


def check_port(host: str, port: int, *, again: str = "make run PORT={port}") -> None:
    """Find out before anything is started whether the address can be served.

    `again` is how to start on another port.

    Raises
    ------
    CannotStart: it is taken, reserved or not of this machine
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotStart(f"HOST {host!r} is not an address of this machine.") from error
    family, kind, protocol, _name, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        # As the server does: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError as error:
            raise CannotStart(f"Port {port} may be used by root only. Try PORT=8000.") from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                other = again.format(port=port + 1 if port < 65535 else 8000)
                raise CannotStart(
                    f"Port {port} of {host} is in use. Stop what uses it, or choose another port: "
                    f"{other}"
                ) from error
            raise CannotStart(f"HOST {host!r} is not an address of this machine.") from error


# -- Hosts that a browser may ask for ------------------------------------------------------------


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reachable(host: str) -> str:
    """An address that answers where `host` listens on all of them."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def allowed_hosts(host: str, own_names: Iterable[str] = ()) -> list[str]:
    """Names to serve when nobody named them: loopback, HOST, and `own_names` when HOST is all."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    others = own_names if _reachable(host) != host else [host]
    return list(dict.fromkeys([*names, *map(_bracketed, others)]))


def own_names() -> list[str]:
    """The names and addresses that this machine knows of itself."""
    name = socket.gethostname()
    names = [name.lower()]
    with contextlib.suppress(OSError):
        names += [str(found[4][0]) for found in socket.getaddrinfo(name, None)]
    with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as probe:
        # Sends nothing: the kernel only picks the address it would send from (RFC 5737 range).
        probe.connect(("192.0.2.1", 9))
        names.append(probe.getsockname()[0])
    return names


def child_environment(options: Options, environment: Mapping[str, str]) -> dict[str, str]:
    """What web, worker and simulator run with; anything that was set explicitly stays."""
    names = own_names() if _reachable(options.host) != options.host else []
    return {
        # The terminal belongs to the sign-ins; LOG_LEVEL=INFO shows every request.
        "LOG_LEVEL": "WARNING",
        "ALLOWED_HOSTS": ",".join(allowed_hosts(options.host, names)),
        **environment,
        "PORT": str(options.port),
        "DEMO": str(int(options.demo)),
        "NEXO_DATA_DIR": str(options.data_dir),
        "PYTHONUNBUFFERED": "1",
    }


# -- The demo's sign-ins -------------------------------------------------------------------------


def demo_password(data_dir: Path, environment: Mapping[str, str]) -> str:
    """NEXO_DEMO_PASSWORD, or one made once and kept beside the data.

    Raises
    ------
    CannotStart: it cannot be kept there
    """
    if given := environment.get("NEXO_DEMO_PASSWORD"):
        return given
    try:
        make_private_folder(data_dir)
        return kept_secret(data_dir / "demo_password", partial(secrets.token_urlsafe, 9))
    except OSError as error:
        raise CannotStart(
            f"NEXO_DATA_DIR must be a folder that can be written, not {str(data_dir)!r}: "
            f"{error.strerror}."
        ) from error


def welcome(options: Options, password: str | None, *, has_database_url: bool = False) -> list[str]:
    lines = ["", f"NEXO is running at {options.url}", ""]
    if password is None:
        # By its name: the value may hold a password.
        database = 'DATABASE_URL="$DATABASE_URL" ' if has_database_url else ""
        lines += [
            "There is no demo data. If nobody can sign in yet, make a first user:",
            f"  {database}NEXO_DATA_DIR='{options.data_dir}' .venv/bin/python manage.py "
            "createsuperuser",
        ]
    else:
        lines.append("Sign in with one of these (password: the same for all, unless changed):")
        lines += [f"  {name:<6} {password}   {what}" for name, what in DEMO_ROLES.items()]
    return [*lines, "", "Ctrl+C stops it.", ""]


# -- Processes ----------------------------------------------------------------------------------


def manage(*arguments: str) -> list[str]:
    return [sys.executable, str(PROJECT / "manage.py"), *arguments]


def web(options: Options) -> list[str]:
    daphne = [sys.executable, "-m", "nexo.daphne", "--verbosity", "0"]
    return [*daphne, "--bind", options.host, "--port", str(options.port), "nexo.asgi:application"]


def exit_code(return_code: int) -> int:
    """As a shell reports it: 128 + n for a process that signal n ended."""
    return 128 - return_code if return_code < 0 else return_code


class Ended(Exception):
    """It is over: a child ended on its own, or a signal asked for it."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Children:
    """The processes under this one; none outlives it."""

    environment: Mapping[str, str]
    asked_to_stop: asyncio.Event = field(default_factory=asyncio.Event)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    # What is started again whenever it ends, each in a task that does so.
    kept: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, name: str, command: Sequence[str]) -> None:
        # A session of its own: Ctrl+C reaches the parent alone, which forwards it once.
        self.processes[name] = await asyncio.create_subprocess_exec(
            *command, env=self.environment, cwd=PROJECT, start_new_session=True
        )
        if self.stopping.is_set():
            self.processes[name].terminate()

    async def keep(self, name: str, command: Sequence[str]) -> None:
        """Start it, and again whenever it ends: the site does without it for a moment."""
        await self.start(name, command)
        self.kept[name] = asyncio.create_task(self._keep(name, command))

    async def _keep(self, name: str, command: Sequence[str]) -> None:
        while True:
            code = exit_code(await self.processes[name].wait())
            if self.stopping.is_set():
                return
            say(f"{name} ended with exit code {code}; it is started again.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), RESTART_AFTER_SECONDS)
                return
            await self.start(name, command)

    async def run(self, name: str, command: Sequence[str]) -> None:
        """Run one step to its end.

        Raises
        ------
        Ended: it failed, or a signal came
        """
        await self.start(name, command)
        await self._first(asyncio.create_task(self.processes[name].wait()))
        code = exit_code(self.processes.pop(name).returncode or 0)
        if code == HAS_SAID_WHY:
            raise Ended(1)
        if code:
            say(f"{name} failed with exit code {code}.")
            raise Ended(code)

    async def watch(self, *tasks: "asyncio.Task[object]") -> None:
        """Return when one of `tasks` is done.

        Raises
        ------
        Ended: a child that is not kept ended before, or a signal came
        """
        ends = {
            asyncio.create_task(process.wait()): name
            for name, process in self.processes.items()
            if name not in self.kept
        }
        done = await self._first(*tasks, *ends)
        for task, name in ends.items():
            if task in done:
                code = exit_code(task.result())
                say(f"{name} ended with exit code {code}; stopping.")
                raise Ended(code)

    async def _first(self, *tasks: "asyncio.Task[object]") -> "set[asyncio.Task[object]]":
        asked = asyncio.create_task(self.asked_to_stop.wait())
        done, _pending = await asyncio.wait({asked, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if asked in done:
            raise Ended(0)
        asked.cancel()
        return done

    async def stop(self) -> None:
        """End all that still run: asked first, then killed."""
        self.stopping.set()
        left = [process for process in self.processes.values() if process.returncode is None]
        for process in left:
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_SECONDS):
                await asyncio.gather(*(process.wait() for process in left), *self.kept.values())
        for process in self.processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()


def lacking(options: Options) -> frozenset[str] | None:
    """What the web process says that it is not ready for want of; None while it says nothing."""
    # More than a check may take that finds nobody.
    connection = HTTPConnection(_reachable(options.host), options.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        checks = json.loads(connection.getresponse().read())["checks"]
        return frozenset(name for name, passes in checks.items() if not passes)
    except (OSError, HTTPException, ValueError, LookupError):
        return None
    finally:
        connection.close()


async def until_ready(options: Options) -> frozenset[str]:
    """Wait until it serves; what it does without meanwhile."""
    while True:
        lacks = await asyncio.to_thread(lacking, options)
        if lacks is not None and lacks <= {CHANNEL_LAYER}:
            return lacks
        await asyncio.sleep(READY_POLL_SECONDS)


async def serve(options: Options, environment: dict[str, str]) -> int:
    """Prepare, start, and stay until something ends; the exit code."""
    password = None
    if options.demo:
        password = demo_password(options.data_dir, environment)
    children = Children(environment)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, children.asked_to_stop.set)
    try:
        await children.run("prepare", [sys.executable, "-m", "nexo.prepare"])
        await children.start("web", web(options))
        async with asyncio.timeout(READY_WITHIN_SECONDS):
            ready = asyncio.create_task(until_ready(options))
            await children.watch(ready)
        await children.keep("worker", manage("run_worker"))
        has_database_url = bool(environment.get("DATABASE_URL"))
        say(*welcome(options, password, has_database_url=has_database_url))
        if ready.result():
            say("Redis does not answer: changes by other processes appear half a second later.")
        if options.demo:
            quietly = ("--url", options.url, "--verbosity", "0")
            await children.keep("simulate", manage("simulate", *quietly))
        await children.watch()
    except Ended as end:
        return end.code
    except TimeoutError:
        say(f"The web process did not get ready within {READY_WITHIN_SECONDS:.0f} s.")
        return 1
    finally:
        await children.stop()
    raise AssertionError("watching no task returns only by Ended")


def main() -> int:
    try:
        options = read_options(os.environ)
        check_port(options.host, options.port)
        return asyncio.run(serve(options, child_environment(options, os.environ)))
    except CannotStart as problem:
        say(str(problem))
        return 1


if __name__ == "__main__":
    sys.exit(main())
