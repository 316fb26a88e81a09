"""The Dockerfile's steps, carried out in a bare folder: build, serve, measure, stop."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers import PROJECT, RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.one_database]
METRICS_TOKEN = "a-token-of-the-operators"
BEHIND_PROXY = {"Host": "nexo.example", "X-Forwarded-Proto": "https"}
HASHED = re.compile(r"\.[0-9a-f]{12}\.")
IMPORT = re.compile(r"""(?:from|import)\s*\(?["'](\.[^"']+)["']""")
READY_WITHIN_SECONDS = 30.0
EXIT_WITHIN_SECONDS = 5.0


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """/app of the image: what .dockerignore lets through, and what the build step makes of it."""
    folder = tmp_path_factory.mktemp("image") / "app"
    folder.mkdir()
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            source, target = PROJECT / line[1:], folder / line[1:]
            target.parent.mkdir(exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
    build = {"NEXO_DATA_DIR": str(folder.parent / "build"), "NEXO_COLLECTSTATIC": "1"}
    run_in(folder, build, "manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    return folder


def image_environment(app: Path, **values: str) -> dict[str, str]:
    """The image's ENV and what whoever runs it must set; nothing of this process but its PATH."""
    declared = dict(re.findall(r"(\w+)=(\S+)", (PROJECT / "Dockerfile").read_text()))
    assert (declared["NEXO_PRODUCTION"], declared["NEXO_DATA_DIR"]) == ("1", "/data")
    # A container's own 127.0.0.1 is nobody else's.
    assert declared["HOST"] == "0.0.0.0"
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NEXO_PRODUCTION": "1",
        "NEXO_DATA_DIR": str(app.parent / "data"),
        "PROMETHEUS_MULTIPROC_DIR": str(app.parent / "metrics"),
        "SECRET_KEY": "an-image-needs-a-key-of-its-own-and-it-has-to-be-long-enough",
        "ALLOWED_HOSTS": "nexo.example",
        "METRICS_TOKEN": METRICS_TOKEN,
        "HOST": "127.0.0.1",
        **values,
    }


def run_in(folder: Path, environment: dict[str, str], *arguments: str) -> None:
    values = {"PATH": os.environ["PATH"], **environment}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=values, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def served(app: Path) -> Iterator[RunningServer]:
    run_in(app, image_environment(app), "manage.py", "migrate", "--verbosity", "0")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = image_environment(app, PORT=str(port), WEB_WORKERS="2")
    log_file = app.parent / "server.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(["bin/serve"], cwd=app, env=environment, stdout=log, stderr=log)
    running = RunningServer(port, process, environment, log_file)
    try:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not running.is_ready():
            assert process.poll() is None and time.monotonic() < deadline, running.log()
            time.sleep(0.1)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(2 * EXIT_WITHIN_SECONDS)


def modules_with_imports(app: Path) -> dict[str, list[str]]:
    """The project's own hashed modules, each with the relative imports in it."""
    root = app / "staticfiles"
    return {
        path.relative_to(root).as_posix(): imports
        for folder in ("execution", "shared")
        for path in (root / folder).rglob("*.js")
        if HASHED.search(path.name) and (imports := IMPORT.findall(path.read_text()))
    }


def test_every_module_imports_hashed_files_that_exist(app: Path) -> None:
    modules = modules_with_imports(app)
    assert modules
    broken = [
        f"{module}: {imported}"
        for module, imports in modules.items()
        for imported in imports
        if not HASHED.search(imported)
        or not (app / "staticfiles" / module).parent.joinpath(imported).exists()
    ]
    assert broken == []


def test_a_module_and_what_it_imports_are_served_for_ever(app: Path, served: RunningServer) -> None:
    module, imports = next(iter(modules_with_imports(app).items()))
    url = httpx.URL(f"{served.url}/static/{module}")
    for address in (url, *(url.join(imported) for imported in imports)):
        answer = httpx.get(address)
        assert answer.status_code == 200
        assert "javascript" in answer.headers["Content-Type"]
        assert "immutable" in answer.headers["Cache-Control"]


def test_pages_name_hashed_files_only(served: RunningServer) -> None:
    page = httpx.get(f"{served.url}/accounts/login/", headers=BEHIND_PROXY)
    assert page.status_code == 200
    files = re.findall(r'"/static/([^"]+\.(?:js|css))"', page.text)
    assert files
    assert [name for name in files if not HASHED.search(name)] == []


def test_plain_http_is_sent_to_https_but_probes_are_not(served: RunningServer) -> None:
    answer = httpx.get(f"{served.url}/accounts/login/", headers={"Host": "nexo.example"})
    assert (answer.status_code, answer.headers["Location"]) == (
        301,
        "https://nexo.example/accounts/login/",
    )
    assert httpx.get(f"{served.url}/healthz").status_code == 200


def test_only_the_proxy_says_what_came_by_https(served: RunningServer) -> None:
    past_it = httpx.HTTPTransport(local_address="127.0.0.5")
    with httpx.Client(transport=past_it, headers=BEHIND_PROXY) as client:
        assert client.get(f"{served.url}/accounts/login/").status_code == 301


def test_pages_and_files_are_for_this_site_and_https_alone(served: RunningServer) -> None:
    page = httpx.get(f"{served.url}/accounts/login/", headers=BEHIND_PROXY)
    transport = page.headers["Strict-Transport-Security"]
    assert transport == "max-age=31536000; includeSubDomains; preload"
    assert "Secure" in page.headers["Set-Cookie"]
    assert page.headers["Reporting-Endpoints"] == 'csp="/csp-report"'
    style = re.search(r'"(/static/[^"]+\.css)"', page.text)
    assert style
    file = httpx.get(served.url + style[1])
    assert file.status_code == 200
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert file.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in file.headers


def test_a_report_of_a_browser_is_taken(served: RunningServer) -> None:
    headers = {**BEHIND_PROXY, "Content-Type": "application/reports+json"}
    answer = httpx.post(f"{served.url}/csp-report", headers=headers, content=b"[]")
    assert answer.status_code == 204


def test_the_workers_numbers_are_added_up(served: RunningServer) -> None:
    headers = {**BEHIND_PROXY, "Authorization": f"Bearer {METRICS_TOKEN}"}
    asked = 30
    for _ in range(asked):
        # A new connection each, so that both workers get some.
        httpx.get(f"{served.url}/api/docs-that-are-not-there", headers=BEHIND_PROXY)
    counts = set()
    for _ in range(6):
        text = httpx.get(f"{served.url}/metrics", headers=headers).text
        (count,) = re.findall(
            r'nexo_http_request_seconds_count{method="GET",status="404",view=""} (\S+)', text
        )
        counts.add(float(count))
    assert counts == {float(asked)}


def test_a_dead_workers_open_sockets_are_forgotten(served: RunningServer) -> None:
    folder = Path(served.environment["PROMETHEUS_MULTIPROC_DIR"]) / str(served.port)
    (live,) = list(folder.glob("gauge_livesum_*.db"))[:1]
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = folder / f"gauge_livesum_{ended.pid}.db"
    shutil.copy(live, left)
    headers = {**BEHIND_PROXY, "Authorization": f"Bearer {METRICS_TOKEN}"}
    httpx.get(f"{served.url}/metrics", headers=headers)
    assert not left.exists()
    assert live.exists()


def test_sigterm_ends_all_workers_in_time(served: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as idle:
        idle.send(b"GET / HTTP/1.1\r\n")
        asked_at = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(EXIT_WITHIN_SECONDS) == 0
        assert time.monotonic() - asked_at < EXIT_WITHIN_SECONDS
