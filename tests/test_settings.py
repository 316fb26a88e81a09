"""Settings: every one documented, every bad one stopping the start with a sentence."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import PROJECT

# Read by the launcher, bin/serve and the libraries under them, not by nexo/settings.py.
READ_ELSEWHERE = {
    "HOST",
    "DEMO",
    "NEXO_DEMO_PASSWORD",
    "WEB_WORKERS",
    "FORWARDED_ALLOW_IPS",
    "PROMETHEUS_MULTIPROC_DIR",
    "POSTGRES_PASSWORD",
}
READ_BY_SETTINGS = re.compile(
    r'(?:env\.\w+|_choice|_log_level|_rate|_positive|_days|_switch)\("([A-Z_]+)"'
)


def names_in_settings() -> set[str]:
    return set(READ_BY_SETTINGS.findall((PROJECT / "nexo/settings.py").read_text()))


def load(tmp_path: Path, **values: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of their own and print two that tests look at."""
    show = "from nexo.settings import *; print(ALLOWED_ORIGINS, SECRET_KEY, sep='\\n')"
    environment = {"PATH": os.environ["PATH"], "NEXO_DATA_DIR": str(tmp_path), **values}
    return subprocess.run(
        [sys.executable, "-c", show],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.unit
def test_every_setting_is_in_the_example_file() -> None:
    example = (PROJECT / ".env.example").read_text()
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == (
        names_in_settings() | READ_ELSEWHERE
    )


@pytest.mark.unit
def test_every_setting_is_in_the_reference() -> None:
    reference = (PROJECT / "docs/reference/settings.md").read_text()
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", reference, re.MULTILINE)) == (
        names_in_settings() | READ_ELSEWHERE
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("API_RATE", "many"),
        ("API_RATE", "0/min"),
        ("LOGIN_RATE", "10/fortnight"),
        ("ALLOWED_ORIGINS", "nexo.example"),
        ("ALLOWED_ORIGINS", "https://nexo.example/path"),
        ("HTTP_THREADS", "0"),
        ("PORT", "http"),
        ("NEXO_TESTING", "maybe"),
        ("LOG_LEVEL", "LOUD"),
        ("SECOND_FACTOR", "yes"),
        ("NEXO_PRODUCTION", "1"),
    ],
)
def test_a_bad_value_stops_the_start_and_is_named(tmp_path: Path, name: str, bad: str) -> None:
    done = load(tmp_path, **{name: bad})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("values", "origins"),
    [
        ({"PORT": "9000"}, ["http://nexo.example:9000"]),
        ({"PORT": "80"}, ["http://nexo.example"]),
        ({"NEXO_PRODUCTION": "1", "SECRET_KEY": "k" * 50}, ["https://nexo.example"]),
        ({"ALLOWED_ORIGINS": "https://other.example:8443"}, ["https://other.example:8443"]),
    ],
)
def test_origins_follow_the_allowed_hosts(
    tmp_path: Path, values: dict[str, str], origins: list[str]
) -> None:
    done = load(tmp_path, ALLOWED_HOSTS="nexo.example", **values)
    assert done.stdout.splitlines()[0] == str(origins), done.stderr


@pytest.mark.integration
def test_the_generated_key_is_private_and_the_same_at_the_next_start(tmp_path: Path) -> None:
    first, second = (load(tmp_path).stdout.splitlines()[1] for _ in range(2))
    assert first == second
    assert len(first) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
