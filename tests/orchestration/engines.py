"""Either engine of background jobs for a test; Celery with a broker of its own, to be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.redis_server import OwnRedis
from tests.servers import PROJECT

CELERY = pytest.param(
    "celery",
    marks=pytest.mark.skipif(
        not os.environ.get("REDIS_URL"),
        reason="there is no Redis here: Celery is NOT tested; bin/pytest postgres tests it",
    ),
)
ENGINES = ("database", CELERY)
RUN_WORKER = ("manage.py", "run_worker")


@contextmanager
def broker_of(engine: str, folder: Path) -> Iterator[tuple[OwnRedis, dict[str, str]]]:
    """The broker, started where the engine has one, and the settings that choose the engine."""
    broker = OwnRedis(folder)
    values = {"TASK_ENGINE": engine}
    if engine == "celery":
        broker.start()
        values["REDIS_URL"] = f"unix://{broker.socket}"
    try:
        yield broker, values
    finally:
        broker.kill()


@contextmanager
def running_worker(
    environment: Mapping[str, str], log_file: Path, *command: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker until the block ends, `run_worker` unless another `command` of Python's is given."""
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *(command or RUN_WORKER)],
            env={**environment, "DJANGO_SETTINGS_MODULE": "nexo.settings"},
            cwd=PROJECT,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def heeds(process: "subprocess.Popen[bytes]", number: signal.Signals) -> bool:
    """Whether it has come so far that it does something at a signal, as Linux tells."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)
