"""Server processes on one database, and what befalls them: killed, ended, stopped, cut off."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from tests.execution.feed.people import shell
from tests.servers import BOTH_SERVERS, RunningServer, ServerName, connected, running_server

STOPPED_SECONDS = 1.5
LOCKED_SECONDS = 1.5


class Cluster:
    """A Daphne and a uvicorn; each may be away at any moment, and comes back at another port."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.environment = environment
        self._folder = folder
        self._running: dict[ServerName, AbstractContextManager[RunningServer]] = {}
        self.servers: dict[ServerName, RunningServer] = {}
        self.kills = 0
        self.exit_seconds: list[float] = []

    def start(self, name: ServerName) -> None:
        running = running_server(name, self.environment, self._folder / f"{name}.log")
        self.servers[name] = running.__enter__()
        self._running[name] = running

    def start_all(self) -> None:
        for name in BOTH_SERVERS:
            self.start(name)

    def end_all(self) -> None:
        for running in self._running.values():
            running.__exit__(None, None, None)
        self._running.clear()

    def url(self, turn: int) -> str:
        return self.servers[BOTH_SERVERS[turn % 2]].url

    def log(self) -> str:
        return "".join(server.log() for server in self.servers.values())

    # -- What befalls it -----------------------------------------------------------------------

    async def kill(self, name: ServerName) -> None:
        """SIGKILL, and started again."""
        self.servers[name].process.kill()
        self.kills += 1
        await self._again(name)

    async def end(self, name: ServerName) -> None:
        """SIGTERM while it is at work, and started again."""
        process = self.servers[name].process
        asked_at = time.monotonic()
        process.terminate()
        await asyncio.to_thread(process.wait)
        self.exit_seconds.append(time.monotonic() - asked_at)
        await self._again(name)

    async def _again(self, name: ServerName) -> None:
        running = self._running.pop(name)
        await asyncio.to_thread(running.__exit__, None, None, None)
        await asyncio.to_thread(self.start, name)

    async def stop(self, name: ServerName) -> None:
        """SIGSTOP, as by a machine that hangs, then on as if nothing had been."""
        process = self.servers[name].process
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(STOPPED_SECONDS)
        process.send_signal(signal.SIGCONT)

    async def lock_database(self) -> None:
        """Somebody else holds what every writer needs."""
        await asyncio.to_thread(self._hold_lock)

    def _hold_lock(self) -> None:
        if url := self.environment.get("DATABASE_URL"):
            with connected(url) as postgres, postgres.transaction():
                postgres.execute("LOCK TABLE execution_task IN ACCESS EXCLUSIVE MODE")
                time.sleep(LOCKED_SECONDS)
            return
        file = Path(self.environment["NEXO_DATA_DIR"]) / "nexo.sqlite3"
        connection = sqlite3.connect(file, isolation_level=None, timeout=30)
        try:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(LOCKED_SECONDS)
            connection.execute("ROLLBACK")
        finally:
            connection.close()

    async def crash_database(self) -> None:
        """SIGKILL to one process of PostgreSQL: all connections end, and it recovers by itself."""
        with connected(self.environment["DATABASE_URL"]) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            os.kill(row[0], signal.SIGKILL)

    # -- What is there when all is over --------------------------------------------------------

    def ask(self, code: str) -> str:
        """Something that only the database knows, asked by a process of its own."""
        return shell(self.environment, code)
