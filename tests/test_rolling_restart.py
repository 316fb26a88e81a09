"""bin/rolling-restart with a `docker` that keeps what it is told: who is asked and drained when."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.servers import PROJECT

pytestmark = pytest.mark.unit
DOCKER = """#!/bin/sh
echo "$*" >>"$CALLS"
# "web-1 was replaced by one that does not start" is a file, for it is so from then on.
case "$*" in
    *force-recreate*--wait*web-"$FAILS") touch "$CALLS.failed" ;;
    *"WEB_$DEAD/readyz"*) exit 22 ;;
    *"WEB_$FAILS/readyz"*) [ ! -e "$CALLS.failed" ] || exit 22 ;;
esac
"""


def rolled(folder: Path, *, dead: str = "-", fails: str = "-") -> tuple[int, str, list[str]]:
    """Its exit code, what it says, and the steps that it took."""
    docker = folder / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    calls = folder / "calls"
    done = subprocess.run(
        [PROJECT / "bin/rolling-restart"],
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "CALLS": str(calls),
            "DEAD": dead,
            "FAILS": fails,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr, list(map(step, calls.read_text().splitlines()))


def step(call: str) -> str:
    if "readyz" in call:
        return f"ask {call.partition('$WEB_')[2][0]}"
    if "drain" in call:
        return call.partition("nginx ")[2]
    return f"replace {call.rpartition(' ')[2]}"


def test_each_is_replaced_while_the_other_answers(tmp_path: Path) -> None:
    code, _told, steps = rolled(tmp_path)
    assert code == 0
    assert steps == [
        *("ask 2", "drain 1", "replace web-1", "ask 1", "drain"),
        *("ask 1", "drain 2", "replace web-2", "ask 2", "drain"),
        "replace worker",
    ]


def test_the_only_one_that_answers_is_left_alone(tmp_path: Path) -> None:
    code, told, steps = rolled(tmp_path, dead="2")
    assert (code, steps) == (1, ["ask 2"])
    assert "web-2 is not ready" in told


def test_what_does_not_get_ready_is_asked_nothing(tmp_path: Path) -> None:
    code, told, steps = rolled(tmp_path, fails="1")
    assert (code, steps) == (1, ["ask 2", "drain 1", "replace web-1", "ask 1"])
    assert "web-2 has all requests" in told
