"""Sentry: off and not even loaded by default; where it is on, nothing about anybody is sent."""

import gzip
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nexo.sentry import scrubbed
from tests.servers import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.one_database]
SECRET = "maria-da-silva"
BREAK = f"""
import django
django.setup()
from accounts.views import LoginView
from django.test import RequestFactory
from nexo.shared.requests import NexoHandler
def broken(self, request, *args, **kwargs):
    password = "{SECRET}"
    raise ValueError(password)
LoginView.get = broken
factory = RequestFactory(HTTP_USER_AGENT="{SECRET}", REMOTE_ADDR="192.0.2.77")
factory.cookies["sessionid"] = "{SECRET}"
request = factory.get("/accounts/login/?q={SECRET}", headers={{"X-Note": "{SECRET}"}})
def answer(status, headers, exc_info=None):
    print(status.split()[0], dict(headers)["X-Request-ID"])
list(NexoHandler()(request.environ, answer))
import logging
logging.getLogger("nexo").error("only a line about {SECRET}")
import sentry_sdk
sentry_sdk.flush(5)
"""

BREAK_A_COMMAND = f"""
import runpy, sys
import django
django.setup()
from django.core.management import CommandError
from execution.management.commands import prune
def broken(self, *args, **options):
    password = "{SECRET}"
    raise {{error}}(password)
prune.Command.handle = broken
sys.argv = ["manage.py", "prune"]
runpy.run_path("manage.py", run_name="__main__")
"""


class Sentry(ThreadingHTTPServer):
    received: list[bytes]


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            server.received.append(body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    server = Sentry(("127.0.0.1", 0), Handler)
    server.received = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def run(code: str, tmp_path: Path, **values: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "NEXO_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "nexo.settings",
        "ALLOWED_HOSTS": "testserver",
        **values,
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_setting_the_library_is_not_loaded(tmp_path: Path) -> None:
    code = "import django; django.setup(); import sys; print('sentry_sdk' in sys.modules)"
    assert run(code, tmp_path).stdout.strip() == "False"


def test_an_error_is_sent_once_with_its_place_and_nothing_about_anybody(
    sentry: Sentry, tmp_path: Path
) -> None:
    port = sentry.server_address[1]
    done = run(BREAK, tmp_path, SENTRY_DSN=f"http://key@127.0.0.1:{port}/1")
    status, request_id = done.stdout.split()
    assert status == "500", done.stderr
    sent = b"".join(sentry.received).decode()
    assert sent.count('"ValueError"') == 1
    assert '"function":"broken"' in sent
    assert "http://testserver/accounts/login/" in sent
    assert request_id in sent
    for private in (SECRET, "192.0.2.77", "sessionid", "X-Note", os.uname().nodename):
        assert private not in sent


def break_a_command(sentry: Sentry, folder: Path, error: str) -> tuple[str, str]:
    """What it says, and what is sent."""
    port = sentry.server_address[1]
    code = BREAK_A_COMMAND.format(error=error)
    done = run(code, folder, SENTRY_DSN=f"http://key@127.0.0.1:{port}/1")
    assert done.returncode == 1
    return done.stderr, b"".join(sentry.received).decode()


def test_an_error_of_a_command_is_sent_too(sentry: Sentry, tmp_path: Path) -> None:
    said, sent = break_a_command(sentry, tmp_path, "ValueError")
    assert said.startswith("Traceback")
    assert said.endswith(f"ValueError: {SECRET}\n")
    assert sent.count('"ValueError"') == 1
    assert '"function":"broken"' in sent
    for private in (SECRET, os.uname().nodename):
        assert private not in sent


@pytest.mark.parametrize("error", ["CommandError", "django.db.OperationalError"])
def test_what_a_command_says_in_a_sentence_is_not_sent(
    sentry: Sentry, tmp_path: Path, error: str
) -> None:
    said, sent = break_a_command(sentry, tmp_path, error)
    assert said.count("\n") == 1
    assert sent == ""


@pytest.mark.parametrize("dsn", ["nonsense", "http://", "https://key@sentry.example/"])
def test_a_dsn_that_is_none_stops_the_start(tmp_path: Path, dsn: str) -> None:
    done = run("import django; django.setup()", tmp_path, SENTRY_DSN=dsn)
    assert done.returncode != 0
    assert "SENTRY_DSN" in done.stderr.splitlines()[-1]


def test_without_the_library_the_start_says_what_to_install(tmp_path: Path) -> None:
    hide = "import sys; sys.modules['sentry_sdk'] = None; import django; django.setup()"
    done = run(hide, tmp_path, SENTRY_DSN="https://key@sentry.example/1")
    assert "requirements-sentry.txt" in done.stderr.splitlines()[-1]


def test_an_event_that_is_no_exception_is_not_sent() -> None:
    assert importlib.util.find_spec("sentry_sdk")
    assert scrubbed({"message": SECRET, "level": "error"}, {}) is None
