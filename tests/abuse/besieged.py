"""A server process that is attacked, and its state as the database itself tells it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.abuse import traces
from tests.execution.feed.people import People
from tests.servers import RunningServer, connected
from tests.test_role_matrix import TASKS

SOON_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Besieged:
    server: RunningServer
    people: People

    @property
    def token(self) -> str:
        return f"Authorization: Token {self.people.tokens['head']}"

    @property
    def secrets(self) -> list[str]:
        return [*self.people.tokens.values(), *self.people.sessions.values()]

    def state(self) -> dict[str, str]:
        with closing(self._connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(self._tables)
            return traces.fingerprint(cursor, [name for (name,) in cursor.fetchall()])

    @property
    def _tables(self) -> str:
        if self.server.environment.get("DATABASE_URL"):
            return "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return "SELECT name FROM sqlite_master WHERE type = 'table'"

    def _connection(self) -> Any:
        if url := self.server.environment.get("DATABASE_URL"):
            return connected(url)
        (database,) = Path(self.server.environment["NEXO_DATA_DIR"]).glob("*.sqlite3")
        return sqlite3.connect(database)

    def serves(self) -> None:
        """Somebody who means well is answered, soon."""
        answer = httpx.get(
            f"{self.server.url}{TASKS}",
            headers={"Authorization": f"Token {self.people.tokens['head']}"},
            timeout=SOON_SECONDS,
        )
        assert answer.status_code == 200, answer.text
