"""`make run` whole: prepared, served, simulated, and ended with nothing left."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.servers import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.one_database]
STOP_WITHIN_SECONDS = 5.0
SIGN_IN = re.compile(r"^  (admin|head|qa|user) +(\S+) ", re.MULTILINE)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Run:
    """A launcher in a process of its own."""

    def __init__(self, data_dir: Path, **values: str) -> None:
        self.port = free_port()
        names = ("DATABASE_URL", "REDIS_URL", "NEXO_TESTING", "HOST")
        inherited = {name: text for name, text in os.environ.items() if name not in names}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nexo.launcher"],
            env={
                **inherited,
                # A path as people have them.
                "NEXO_DATA_DIR": str(data_dir / "meus dados"),
                "PORT": str(self.port),
                **values,
            },
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.url = f"http://127.0.0.1:{self.port}"

    def read_until(self, line: str) -> str:
        """What it printed up to and with `line`."""
        assert self.process.stdout
        printed = ""
        while line not in printed:
            text = self.process.stdout.readline()
            assert text, f"It ended before saying {line!r}:\n{printed}"
            printed += text
        return printed

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def running(data_dir: Path, **values: str) -> Iterator[Run]:
    run = Run(data_dir, **values)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.terminate()
        run.process.wait(2 * STOP_WITHIN_SECONDS)
        assert run.process.stdout
        run.process.stdout.close()


def test_the_demo_runs_with_its_sign_ins_and_ends_without_a_rest(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        printed = run.read_until("Ctrl+C stops it.")
        assert run.url in printed
        sign_ins = dict(SIGN_IN.findall(printed))
        assert sign_ins.keys() == {"admin", "head", "qa", "user"}
        assert_signs_in(run.url, "qa", sign_ins["qa"])

        children = run.children()
        # Web, worker and simulator.
        assert len(children) == 3
        asked_at = time.monotonic()
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(STOP_WITHIN_SECONDS + 1) == 0
        assert time.monotonic() - asked_at < STOP_WITHIN_SECONDS
        assert [child for child in children if child.is_running()] == []

    with running(tmp_path) as again:
        printed = again.read_until("Ctrl+C stops it.")
        assert dict(SIGN_IN.findall(printed)) == sign_ins
        assert "created" not in printed

        web = next(child for child in again.children() if "nexo.daphne" in child.cmdline())
        web.kill()
        assert again.process.wait(STOP_WITHIN_SECONDS + 1) == 128 + signal.SIGKILL


def assert_signs_in(url: str, username: str, password: str) -> None:
    with httpx.Client(base_url=url, headers={"Origin": url}) as browser:
        browser.get("/accounts/login/")
        answer = browser.post(
            "/accounts/login/",
            data={
                "username": username,
                "password": password,
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            },
        )
        assert (answer.status_code, answer.headers["Location"]) == (
            302,
            "/marketplace/tasks/execution",
        )


def test_without_the_demo_nobody_can_sign_in_yet(tmp_path: Path) -> None:
    with running(tmp_path, DEMO="0") as run:
        printed = run.read_until("Ctrl+C stops it.")
        assert "createsuperuser" in printed
        assert SIGN_IN.findall(printed) == []
        # Web and worker.
        assert len(run.children()) == 2


def test_it_says_that_it_runs_without_redis(tmp_path: Path) -> None:
    with running(tmp_path, DEMO="0", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as run:
        printed = run.read_until("Redis does not answer")
        assert f"NEXO is running at {run.url}" in printed
        assert httpx.get(f"{run.url}/accounts/login/").status_code == 200
