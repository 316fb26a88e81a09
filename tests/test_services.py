"""What runs that were killed left behind is ended; nothing else is."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import services

pytestmark = pytest.mark.integration


@contextmanager
def process(*words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Sleeps; `words` are only seen in its command line."""
    made = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *words])
    yield made
    made.kill()
    made.wait()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run whose owner has ended."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = tmp_path / f"{services.PREFIX}left"
    made.mkdir()
    with process() as owner:
        (made / services.OWNER).write_text(str(owner.pid))
    return made


def test_a_dead_runs_server_and_folder_are_removed(folder: Path) -> None:
    with process(str(folder)) as server:
        (folder / "redis.pid").write_text(f"{server.pid}\n")
        services.sweep()
        assert server.poll() is not None
    assert not folder.exists()


def test_a_process_that_took_over_the_number_is_left_alone(folder: Path) -> None:
    with process() as stranger:
        (folder / "redis.pid").write_text(f"{stranger.pid}\n")
        services.sweep()
        assert stranger.poll() is None
    assert not folder.exists()


def test_a_living_runs_folder_is_left_alone(folder: Path) -> None:
    with process() as owner:
        (folder / services.OWNER).write_text(str(owner.pid))
        services.sweep()
        assert folder.exists()
