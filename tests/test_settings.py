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
    "WORKERS",
    "FORWARDED_ALLOW_IPS",
    "PROMETHEUS_MULTIPROC_DIR",
    "POSTGRES_PASSWORD",
}
READ_BY_SETTINGS = re.compile(r'environment\.\w+\(\s*"([A-Z_]+)"')


def names_in_settings() -> set[str]:
    return set(READ_BY_SETTINGS.findall((PROJECT / "nexo/settings.py").read_text()))


SHOW = "from nexo.settings import *; print(ALLOWED_ORIGINS, SECRET_KEY, sep='\\n')"


SHOW_ALL = """
import nexo.settings
values = vars(nexo.settings).items()
plain = {name: value for name, value in values if name.isupper() and type(value) in (str, int)}
print(plain, nexo.settings.ALLOWED_HOSTS, nexo.settings.ALLOWED_ORIGINS)
"""


def load(tmp_path: Path, show: str = SHOW, **values: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of their own and print what the test looks at."""
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
        ("NEXO_DATA_DIR", "/dev/null"),
        ("NEXO_DATA_DIR", "/proc/nexo"),
        ("API_RATE", "many"),
        ("API_RATE", "0/min"),
        ("LOGIN_RATE", "10/fortnight"),
        ("ALLOWED_ORIGINS", "nexo.example"),
        ("ALLOWED_ORIGINS", "https://nexo.example/path"),
        ("HTTP_THREADS", "0"),
        ("SOCKETS_PER_CALLER", "0"),
        ("PORT", "http"),
        ("PORT", "70000"),
        ("PORT", "0"),
        ("PORT", "000000070000"),
        ("HTTP_THREADS", "9" * 5000),
        ("API_RATE", "²/min"),
        ("JOBS_KEPT_DAYS", "0"),
        ("JOBS_KEPT_DAYS", "999999999999"),
        ("JOBS_KEPT_DAYS", "36501"),
        ("PROGRESS_KEPT_DAYS", "000000999999"),
        ("PROGRESS_KEPT_DAYS", "-1"),
        ("ALLOWED_HOSTS", "http://nexo.example"),
        ("ALLOWED_HOSTS", "nexo.example:8000"),
        ("ALLOWED_HOSTS", "nexo.example/"),
        ("ALLOWED_HOSTS", "::1"),
        ("ALLOWED_HOSTS", "*.nexo.example"),
        ("ALLOWED_HOSTS", "loja.açaí"),
        ("ALLOWED_ORIGINS", "http://nexo.example:99999"),
        ("ALLOWED_ORIGINS", "http://nexo.example:0"),
        ("ALLOWED_ORIGINS", "http://nexo.example:"),
        ("ALLOWED_ORIGINS", "http://ana@nexo.example"),
        ("ALLOWED_ORIGINS", "http://nexo.example#x"),
        ("ALLOWED_ORIGINS", "http://["),
        ("METRICS_TOKEN", "secreté"),
        ("METRICS_TOKEN", " secret"),
        ("REDIS_URL", "redis://:secret@redis:6379/abc"),
        ("REDIS_URL", "redis://:secret@redis:6379/1/2"),
        ("REDIS_URL", "unix:///secret.sock?db=abc"),
        ("ALLOWED_HOSTS", ".nexo.example"),
        ("ALLOWED_HOSTS", "nexo.example,*"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://nexo:secret@host/nexo"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "postgres://nexo:secret@host:70000/nexo"),
        ("DATABASE_URL", "postgres://nexo:secret@host"),
        ("DATABASE_URL", "postgres://nexo:secret@host/nexo?sslmod=require"),
        ("DATABASE_URL", "postgres://nexo:secret@host/nexo?sslmode=require&conn_max_age="),
        ("DATABASE_URL", "sqlite:////srv/nexo.sqlite3?timeout=1"),
        ("REDIS_URL", "nonsense"),
        ("REDIS_URL", "http://:secret@redis:6379/0"),
        ("REDIS_URL", "redis://:secret@redis:70000/0"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "unix://"),
        ("NEXO_TESTING", "maybe"),
        ("LOG_LEVEL", "LOUD"),
        ("SECOND_FACTOR", "yes"),
        ("NEXO_PRODUCTION", "1"),
        ("TASK_ENGINE", "rabbit"),
    ],
)
def test_a_bad_value_stops_the_start_and_is_named(tmp_path: Path, name: str, bad: str) -> None:
    assert_refused(load(tmp_path, **{name: bad}), name)


def assert_refused(done: subprocess.CompletedProcess[str], name: str) -> None:
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
    assert name in last
    assert last.endswith(".")
    assert "secret" not in last


@pytest.mark.integration
@pytest.mark.parametrize(
    ("values", "origins"),
    [
        ({"PORT": "9000"}, ["http://nexo.example:9000"]),
        ({"PORT": "80"}, ["http://nexo.example"]),
        ({"NEXO_PRODUCTION": "1", "SECRET_KEY": "k" * 50}, ["https://nexo.example"]),
        (
            {"PORT": "9000", "ALLOWED_HOSTS": "a.example, [::1]"},
            ["http://a.example:9000", "http://[::1]:9000"],
        ),
        (
            {"ALLOWED_ORIGINS": " https://A.example, http://[::1]:8000"},
            ["https://a.example", "http://[::1]:8000"],
        ),
        ({"ALLOWED_ORIGINS": "https://other.example:8443"}, ["https://other.example:8443"]),
        (
            {"ALLOWED_HOSTS": ".nexo.example", "ALLOWED_ORIGINS": "https://a.nexo.example"},
            ["https://a.nexo.example"],
        ),
    ],
)
def test_origins_follow_the_allowed_hosts(
    tmp_path: Path, values: dict[str, str], origins: list[str]
) -> None:
    done = load(tmp_path, **{"ALLOWED_HOSTS": "nexo.example", **values})
    assert done.stdout.splitlines()[0] == str(origins), done.stderr


@pytest.mark.integration
@pytest.mark.parametrize(
    ("url", "engine", "name"),
    [
        ("sqlite:////srv/nexo.sqlite3", "sqlite3", "/srv/nexo.sqlite3"),
        ("postgres://nexo:a%2Fb@host:5432/nexo", "postgresql", "nexo"),
        ("postgresql://nexo@%2Frun%2Fpostgresql/nexo", "postgresql", "nexo"),
    ],
)
def test_a_database_is_found_by_its_url(tmp_path: Path, url: str, engine: str, name: str) -> None:
    show = "from nexo.settings import *; print(*map(DATABASES['default'].get, ['ENGINE', 'NAME']))"
    done = load(tmp_path, show, DATABASE_URL=url)
    assert done.stdout == f"django.db.backends.{engine} {name}\n", done.stderr


@pytest.mark.integration
def test_a_connection_is_as_safe_as_its_url_asks(tmp_path: Path) -> None:
    url = "postgres://nexo@host/nexo?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    show = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "nexo.settings"
import django
django.setup()
from django.db import connection
from orchestration.backups.postgres import _environment
asked, told = connection.get_connection_params(), _environment()
print(asked["sslmode"], asked["sslrootcert"], told["PGSSLMODE"], told["PGSSLROOTCERT"])
"""
    done = load(tmp_path, show, DATABASE_URL=url)
    assert done.stdout == "verify-full /etc/ca.pem verify-full /etc/ca.pem\n", done.stderr


@pytest.mark.integration
def test_what_is_kept_is_the_owners_alone(tmp_path: Path) -> None:
    assert load(tmp_path / "new" / "data").returncode == 0
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.integration
def test_the_generated_key_is_private_and_the_same_at_the_next_start(tmp_path: Path) -> None:
    first, second = (load(tmp_path).stdout.splitlines()[1] for _ in range(2))
    assert first == second
    assert len(first) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


@pytest.mark.integration
def test_a_key_that_cannot_be_kept_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "secret_key").mkdir()
    assert_refused(load(tmp_path), "NEXO_DATA_DIR")


# -- Nothing given -------------------------------------------------------------------------------


@pytest.mark.integration
def test_what_is_empty_is_as_good_as_not_set(tmp_path: Path) -> None:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    names = {line.lstrip("#").partition("=")[0] for line in lines if re.match("#?[A-Z_]+=", line)}
    empty = dict.fromkeys(names, "") | {"NEXO_DATA_DIR": str(tmp_path)}
    unset, told = (load(tmp_path, SHOW_ALL, **values).stdout for values in ({}, empty))
    assert told == unset != ""


# -- Celery --------------------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.one_database
def test_celery_without_redis_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "NEXO_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "manage.py", "run_worker"],
        env={**environment, "TASK_ENGINE": "celery"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "TASK_ENGINE=celery needs REDIS_URL.\n"


@pytest.mark.integration
@pytest.mark.one_database
@pytest.mark.parametrize("missing", ["celery", "django_tasks_fennel"])
def test_without_celery_the_start_says_what_to_install(tmp_path: Path, missing: str) -> None:
    hide = f"import sys; sys.modules['{missing}'] = None; import nexo.settings"
    done = load(tmp_path, hide, TASK_ENGINE="celery", REDIS_URL="redis://127.0.0.1:1/0")
    assert "requirements-celery.txt" in done.stderr.splitlines()[-1]


@pytest.mark.integration
@pytest.mark.one_database
def test_without_the_setting_celery_is_not_loaded(tmp_path: Path) -> None:
    show = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "nexo.settings"
import django
django.setup()
import orchestration.worker
print({"celery", "kombu", "django_tasks_fennel"} & set(sys.modules))
"""
    assert load(tmp_path, show).stdout.strip() == "set()"


@pytest.mark.integration
@pytest.mark.one_database
@pytest.mark.parametrize(
    ("url", "host", "database", "checks_certificate"),
    [
        ("redis://nexo:secret@redis:6380/2", "redis", 2, None),
        ("rediss://redis/1", "redis", 1, True),
        ("unix:///run/redis.sock?db=3", "/run/redis.sock", 3, None),
        ("unix:///run/redis.sock", "/run/redis.sock", 0, None),
    ],
)
def test_celery_finds_the_redis_that_the_rest_uses(
    tmp_path: Path, url: str, host: str, database: int, checks_certificate: bool | None
) -> None:
    show = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "nexo.settings"
import django
django.setup()
from types import SimpleNamespace
from celery import current_app
from kombu.transport.redis import Channel
class Unconnected(Channel):
    def __init__(self, client):
        self.connection = SimpleNamespace(client=client, default_port=6379)
found = Unconnected(current_app.connection())._connparams()
print([found.get("host") or found["path"], found["db"], found.get("ssl_cert_reqs")])
"""
    done = load(tmp_path, show, TASK_ENGINE="celery", REDIS_URL=url)
    expected = "<VerifyMode.CERT_REQUIRED: 2>" if checks_certificate else None
    assert done.stdout.strip() == f"['{host}', {database}, {expected}]", done.stderr
