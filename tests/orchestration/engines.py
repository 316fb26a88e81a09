"""Either engine of background jobs for a test; Celery with a broker of its own, to be killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.redis_server import OwnRedis

CELERY = pytest.param(
    "celery",
    marks=pytest.mark.skipif(
        not os.environ.get("REDIS_URL"),
        reason="there is no Redis here: Celery is NOT tested; bin/pytest postgres tests it",
    ),
)
ENGINES = ("database", CELERY)


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
