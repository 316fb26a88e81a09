"""`bin/serve` beside the image: what it says, where it listens, and what it leaves alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.one_database]
ENDS_WITHIN_SECONDS = 20.0


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
