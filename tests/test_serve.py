"""`bin/serve` beside the image: what it says, where it listens, and what it leaves alone."""

import os
import re
import shutil
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
from django.core.exceptions import ImproperlyConfigured

from nexo import before_serving
from tests.servers import PROJECT, RunningServer, server_environment

pytestmark = [pytest.mark.integration, pytest.mark.one_database]
ENDS_WITHIN_SECONDS = 20.0
READY_WITHIN_SECONDS = 30.0
TOKEN = "a-token-of-the-operators"


def serving(data_dir: Path, **values: str) -> dict[str, str]:
    """The environment of a supervisor that was told these settings and no others."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "NEXO_DATA_DIR": str(data_dir), **values}


def refused(environment: dict[str, str]) -> str:
    """What it says before it ends, which it must do at once."""
    done = subprocess.run(
        ["bin/serve"],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("LOGIN_RATE", "foo"),
        ("NEXO_PRODUCTION", "1"),
        ("PORT", "http"),
        ("WEB_WORKERS", "many"),
        ("WEB_WORKERS", "0"),
        ("TASK_ENGINE", "celery"),
    ],
)
def test_a_setting_that_cannot_be_meant_ends_it_with_a_sentence(
    tmp_path: Path, name: str, bad: str
) -> None:
    told = refused(serving(tmp_path, **{name: bad}))
    assert name in told and "Traceback" not in told


@contextmanager
def served(data_dir: Path, **values: str) -> Iterator[RunningServer]:
    migrated = server_environment(data_dir)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = serving(data_dir, PORT=str(port), METRICS_TOKEN=TOKEN, **values)
    environment["DATABASE_URL"] = migrated.get("DATABASE_URL", "")
    log_file = data_dir / "server.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            ["bin/serve"], cwd=PROJECT, env=environment, stdout=log, stderr=log
        )
    running = RunningServer(port, process, environment, log_file)
    try:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not running.is_ready():
            assert process.poll() is None and time.monotonic() < deadline, running.log()
            time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait(ENDS_WITHIN_SECONDS)


def test_workers_add_up_their_numbers_and_no_other_server_takes_them_away(tmp_path: Path) -> None:
    with served(tmp_path, WEB_WORKERS="2") as server:
        asked = 20
        for _ in range(asked):
            # A new connection each, so that both workers get some.
            httpx.get(f"{server.url}/not-there")
        assert {count_of_404(server) for _ in range(6)} == {asked}
        told = refused(server.environment)
        assert f"Port {server.port} of 127.0.0.1 is in use" in told and "bin/serve" in told
        assert count_of_404(server) == asked
        folder = tmp_path / "metrics" / str(server.port)
        assert list(folder.glob("*.db"))


def test_without_redis_it_is_one_process(tmp_path: Path) -> None:
    """Each would count sign-ins for itself."""
    with served(tmp_path) as server:
        assert psutil.Process(server.process.pid).children() == []


def test_it_listens_for_this_machine_alone_unless_told(tmp_path: Path) -> None:
    with served(tmp_path, WEB_WORKERS="1") as server, socket.socket() as other:
        # Another of this machine's addresses would answer if it listened on all of them.
        assert other.connect_ex(("127.0.0.2", server.port)) != 0


def count_of_404(server: RunningServer) -> int:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    text = httpx.get(f"{server.url}/metrics", headers=headers).text
    found = re.findall(
        r'nexo_http_request_seconds_count{method="GET",status="404",view=""} (\S+)', text
    )
    return int(float(found[0]))


def test_numbers_of_servers_that_ran_before_are_not_added(tmp_path: Path) -> None:
    old = tmp_path / "metrics/8123/counter_1.db"
    old.parent.mkdir(parents=True)
    old.touch()
    beside = tmp_path / "metrics/8124/counter_1.db"
    beside.parent.mkdir()
    beside.touch()
    before_serving.empty_metrics(old.parent)
    assert (old.exists(), beside.exists()) == (False, True)


def test_metrics_that_cannot_be_kept_end_it_with_a_sentence(tmp_path: Path) -> None:
    told = refused(serving(tmp_path, PROMETHEUS_MULTIPROC_DIR="/dev/null"))
    assert "PROMETHEUS_MULTIPROC_DIR" in told


def test_a_static_file_that_was_not_collected_ends_it_with_a_sentence(tmp_path: Path) -> None:
    sources, collected = tmp_path / "static", tmp_path / "staticfiles"
    old, new = Path("shared/old.css"), Path("shared/new.css")
    (sources / "shared").mkdir(parents=True)
    for file in (old, new, ".hidden"):
        (sources / file).write_text("before")
    # Never collected: files are served as they are.
    before_serving.check_static_files(sources, collected)
    (collected / "shared").mkdir(parents=True)
    manifest = collected / "staticfiles.json"
    manifest.write_text('{"paths": {"shared/old.css": "shared/old.0.css"}}')
    shutil.copy(sources / old, collected / old)
    with pytest.raises(ImproperlyConfigured, match=r"new\.css is missing.*collectstatic --noinput"):
        before_serving.check_static_files(sources, collected)
    manifest.write_text('{"paths": {"shared/old.css": "1", "shared/new.css": "2"}}')
    shutil.copy(sources / new, collected / new)
    before_serving.check_static_files(sources, collected)
    # The same size, within the same instant.
    (sources / new).write_text("after!")
    with pytest.raises(ImproperlyConfigured, match=r"new\.css has changed since.*--noinput"):
        before_serving.check_static_files(sources, collected)
