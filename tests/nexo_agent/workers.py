"""A server with approved tasks, and workers as processes of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.execution.feed.people import shell
from tests.servers import PROJECT, RunningServer, running_server, server_environment

API = "/api/marketplace/orchestration"
_PREPARE = """
from accounts.tokens import issue_token
from execution.enums import TaskStatus
from tests.factories import make_agent, make_user
import json
make_agent("alex", "amazon", "shein")
_, agent = issue_token(name="alex", by="user:test", agent_id="alex")
_, head = issue_token(name="head", by="user:test", user=make_user("head", username="helena"))
print(json.dumps([agent, head]))
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A running server with the agent `alex`, its token, and a head's."""

    server: RunningServer
    environment: Mapping[str, str]
    token: str
    head: httpx.Client

    def approve(self, count: int = 1, **fields: Any) -> list[str]:
        """New approved tasks of alex; their ids."""
        new = {
            "taskType": "photo",
            "title": "Foto",
            "channel": "amazon",
            "estimatedHours": 1,
            "agentId": "alex",
            **fields,
        }
        made: list[str] = []
        while len(made) < count:
            part = min(500, count - len(made))
            made += [t["taskId"] for t in self._send("POST", [new] * part)["tasks"]]
        for task_id in made:
            self._send("PATCH", {"taskId": task_id, "status": "approved"})
        return made

    def _send(self, method: str, body: Any) -> dict[str, Any]:
        answer = self.head.request(method, f"{API}/task-execution", json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def get(self, task_id: str, part: str = "") -> Any:
        answer = self.head.get(f"{API}/task-execution/{task_id}{part}")
        assert answer.is_success, answer.text
        return answer.json()

    def summary(self) -> dict[str, int]:
        answer = self.head.get(f"{API}/task-execution", params={"limit": 1})
        return dict(answer.json()["summary"])

    def run(self, code: str) -> str:
        """Something that only the server's own process could do."""
        return shell(self.environment, code).strip()


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    environment = server_environment(folder)
    token, head = json.loads(shell(environment, _PREPARE).splitlines()[-1])
    headers = {"Authorization": f"Token {head}"}
    # The tests' own calls are many; who limits them is tested elsewhere.
    unlimited = {**environment, "API_RATE": "1000000/min"}
    with (
        running_server("uvicorn", unlimited, folder / "server.log") as server,
        httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=30) as client,
    ):
        yield Site(server, environment, token, client)


@contextmanager
def worker(
    where: Site, *options: str, command: Sequence[str] = (), url: str | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """A worker of alex until the block ends."""
    arguments = ["--url", url or where.server.url, "--agent", "alex", *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "nexo_agent", *arguments, *(["--", *command] if command else [])],
        cwd=PROJECT,
        env={**os.environ, "NEXO_TOKEN": where.token},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def eventually(condition: Callable[[], Any], *, seconds: float = 30.0) -> Any:
    """What the condition gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.05)
    return found
