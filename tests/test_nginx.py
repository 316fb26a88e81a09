"""nginx in front of two web processes, by the template of compose.yaml, in a bare folder.

The web processes are started as the image starts them and speak to "https" clients that come
through a trusted proxy. Without nginx (Debian: apt-get install nginx) nothing of it is checked.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import websockets

from tests.execution.feed.clients import API, FEED, heard, heard_of
from tests.execution.feed.people import People, make_people, shell
from tests.servers import PROJECT, RunningServer, server_environment

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.one_database,
    pytest.mark.skipif(
        NGINX is None, reason="NOT CHECKED: nginx is not installed, so deploy/nginx is untried"
    ),
]
# Whom the template trusts, and somebody else: each is an address of this machine.
PROXY, STRANGER = "127.0.0.9", "127.0.0.7"
THROUGH_PROXY = {"Host": "nexo.example", "X-Forwarded-Proto": "https"}
READY_WITHIN_SECONDS = 30.0
MOST = 10  # sockets of an address, here
MAIN = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log warn; worker_processes 1;
{user}
events {{ worker_connections 512; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/conf.d/*.conf;
}}
"""
_ORIGINS = """
import json
from execution.models import TaskEvent
print(json.dumps(dict(TaskEvent.objects.values_list("task__title", "origin"))))
"""
_ROLLED = """
from execution.models import Task
print(Task.objects.filter(title="rolling").count())
"""


class Web:
    """`bin/serve` on a port of its own, which is stopped and started again."""

    def __init__(self, environment: Mapping[str, str], log_file: Path) -> None:
        self.port = free_port()
        self._environment = {**environment, "PORT": str(self.port)}
        self._log_file = log_file
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                ["bin/serve"], cwd=PROJECT, env=self._environment, stdout=log, stderr=log
            )
        running = RunningServer(self.port, self.process, self._environment, self._log_file)
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not running.is_ready():
            assert self.process.poll() is None and time.monotonic() < deadline, running.log()
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)


class Site:
    """Both web processes and their nginx."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.folder = folder
        self.webs = [Web(environment, folder / f"web-{number}.log") for number in (1, 2)]
        self.port = free_port()
        self._nginx: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        for web in self.webs:
            web.start()
        (self.folder / "conf.d").mkdir()
        main = self.folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        main.write_text(MAIN.format(folder=self.folder, user=user))
        template = (PROJECT / "deploy/nginx/nexo.conf.template").read_text()
        values = {"LISTEN": f"127.0.0.1:{self.port}", "TRUSTED_PROXY": PROXY}
        values["ACCESS_LOG"] = str(self.folder / "access.log")
        for name, value in values.items():
            template = template.replace(f"${{{name}}}", value)
        assert "${" not in template.partition("\nserver {")[2]
        template = template.replace(
            "limit_conn nexo_sockets 1000;", f"limit_conn nexo_sockets {MOST};"
        )
        (self.folder / "conf.d/default.conf").write_text(template)
        # As the container does at its start, by a link with another name.
        (self.folder / "30-upstream.sh").symlink_to(PROJECT / "deploy/nginx/drain")
        self.drain(script=self.folder / "30-upstream.sh")
        self._nginx = subprocess.Popen([str(NGINX), "-c", str(main)], cwd=self.folder)
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not self._answers():
            assert self._nginx.poll() is None and time.monotonic() < deadline, self.errors()
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def drain(self, *numbers: str, script: Path = PROJECT / "deploy/nginx/drain") -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "WEB_1": f"127.0.0.1:{self.webs[0].port}",
            "WEB_2": f"127.0.0.1:{self.webs[1].port}",
            "NEXO_UPSTREAM": str(self.folder / "conf.d/upstream.conf"),
            "NEXO_NGINX_PID": str(self.folder / "nginx.pid"),
            "NEXO_NGINX": f"{NGINX} -c {self.folder / 'nginx.conf'}",
        }
        subprocess.run([str(script), *numbers], env=environment, check=True)

    def errors(self) -> str:
        return (self.folder / "error.log").read_text()

    def stop(self) -> None:
        if self._nginx is not None:
            self._nginx.terminate()
            self._nginx.wait(10)
        for web in self.webs:
            web.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    environment = server_environment(
        folder / "data",
        NEXO_PRODUCTION="1",
        SECRET_KEY="a-key-for-two-processes-that-must-be-the-same-in-both-of-them",
        ALLOWED_HOSTS="nexo.example",
        METRICS_TOKEN="a-token",
        HOST="127.0.0.1",
        WEB_WORKERS="1",
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )
    site = Site(environment, folder)
    try:
        site.start()
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def people(site: Site) -> People:
    return make_people(site.environment, helena="head")


@asynccontextmanager
async def client(
    site: Site, people: People, *, address: str = PROXY, **headers: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A program whose calls reach nginx from an address of this machine."""
    async with httpx.AsyncClient(
        base_url=site.url,
        headers={**THROUGH_PROXY, "Authorization": f"Token {people.tokens['helena']}", **headers},
        transport=httpx.AsyncHTTPTransport(local_address=address),
        timeout=30,
    ) as opened:
        yield opened


def new_task(title: str = "T") -> dict[str, Any]:
    return {"taskType": "t", "title": title, "channel": "amazon", "estimatedHours": 1}


def connecting(site: Site, people: People, query: str = "") -> websockets.connect:
    return websockets.connect(
        f"ws://127.0.0.1:{site.port}{FEED}?{query}",
        subprotocols=[websockets.Subprotocol(f"token.{people.tokens['helena']}")],
        additional_headers={"X-Forwarded-Proto": "https"},
        local_addr=(PROXY, 0),
        proxy=None,
        max_size=None,
    )


async def test_pages_and_calls_go_through(site: Site, people: People) -> None:
    async with client(site, people) as api:
        page = await api.get("/accounts/login/", headers={"Authorization": ""})
        assert (page.status_code, "nginx/" in page.headers["Server"]) == (200, False)
        assert "Secure" in page.headers["Set-Cookie"]
        assert (await api.post(API, json=new_task())).status_code == 201


async def test_an_event_reaches_a_socket_whichever_process_wrote_it(
    site: Site, people: People
) -> None:
    async with client(site, people) as api, connecting(site, people) as feed:
        assert (await heard(feed))["type"] == "hello"
        for _ in range(4):
            written = (await api.post(API, json=new_task())).json()["task"]
            frame = await heard_of(feed, "changes")
            assert frame["sequence"] == written["sequence"]


async def test_an_address_has_so_many_sockets_at_most(site: Site, people: People) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MOST):
            await stack.enter_async_context(connecting(site, people))
        with pytest.raises(websockets.InvalidStatus, match="429"):
            await connecting(site, people)
    async with connecting(site, people) as feed:
        assert (await heard(feed))["type"] == "hello"


async def test_only_the_proxys_word_on_address_and_scheme_is_taken(
    site: Site, people: People
) -> None:
    forged = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Real-IP": "203.0.113.8",
        "Forwarded": "for=203.0.113.9;proto=https",
    }
    async with client(site, people, **forged) as through_proxy:
        answer = await through_proxy.post(API, json=new_task("through the proxy"))
        assert answer.status_code == 201
    # What a client had put there before the proxy added the address that it saw.
    two = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    async with client(site, people, **two) as through_proxy:
        await through_proxy.post(API, json=new_task("with a forged address before"))
    async with client(site, people, address=STRANGER, **forged) as stranger:
        answer = await stranger.post(API, json=new_task("of a stranger"))
        # Plain http, whatever it says.
        assert answer.status_code == 301
        assert answer.headers["Location"].startswith("https://nexo.example/")
    origins = json.loads(shell(site.environment, _ORIGINS).splitlines()[-1])
    assert origins["through the proxy"] == "203.0.113.7"
    assert origins["with a forged address before"] == "203.0.113.7"
    assert "of a stranger" not in origins


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics", "/metrics?x=1"]
)
async def test_metrics_are_not_for_outside(site: Site, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, local_addr=(PROXY, 0))
    request = (
        f"GET {path} HTTP/1.1\r\nHost: nexo.example\r\nX-Forwarded-Proto: https\r\n"
        "Authorization: Bearer a-token\r\nConnection: close\r\n\r\n"
    )
    writer.write(request.encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"nexo_http" not in answer


async def test_the_log_has_paths_and_no_queries(site: Site, people: People) -> None:
    async with client(site, people) as api:
        await api.get(f"{API}?search=a-secret-that-somebody-looked-for")
        # A line is written once its answer has been sent: the first one's is there by then.
        await api.get("/healthz")
        log = (site.folder / "access.log").read_text()
    assert f'"GET {API} HTTP/1.1" ' in log
    assert "a-secret" not in log and "?" not in log


def test_draining_before_nginx_runs_writes_the_list_and_says_so(tmp_path: Path) -> None:
    upstream = tmp_path / "upstream.conf"
    done = subprocess.run(
        [str(PROJECT / "deploy/nginx/drain")],
        env={
            "PATH": os.environ["PATH"],
            "WEB_1": "127.0.0.1:8000",
            "WEB_2": "127.0.0.1:8001",
            "NEXO_UPSTREAM": str(upstream),
            "NEXO_NGINX": "false",
            "NEXO_NGINX_PID": str(tmp_path / "nginx.pid"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "127.0.0.1:8001" in upstream.read_text()
    assert "nginx does not run" in done.stderr


async def test_metrics_are_there_inside(site: Site) -> None:
    for web in site.webs:
        answer = httpx.get(
            f"http://127.0.0.1:{web.port}/metrics",
            headers={"Host": "nexo.example", "Authorization": "Bearer a-token"},
        )
        assert answer.status_code == 200


async def test_a_large_body_is_refused_in_the_applications_words(
    site: Site, people: People
) -> None:
    async with client(site, people) as api:
        answer = await api.post(API, content=b" " * (5 * 1024 * 1024))
        assert (answer.status_code, answer.json()["status"]) == (413, "error")


async def test_a_slow_sender_is_waited_for(site: Site, people: People) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        body = json.dumps(new_task()).encode()
        for start in range(0, len(body), 20):
            await asyncio.sleep(0.3)
            yield body[start : start + 20]

    async with client(site, people) as api:
        headers = {"Content-Type": "application/json"}
        assert (await api.post(API, content=slowly(), headers=headers)).status_code == 201


@pytest.mark.skipif("DATABASE_URL" in os.environ, reason="the lock is SQLite's")
async def test_a_slow_answer_is_waited_for(site: Site, people: People) -> None:
    database = Path(site.environment["NEXO_DATA_DIR"]) / "nexo.sqlite3"
    async with client(site, people) as api:
        with closing(sqlite3.connect(database, check_same_thread=False)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            asked_at = time.monotonic()
            waiting = asyncio.create_task(api.post(API, json=new_task()))
            await asyncio.sleep(3)
            writer.rollback()
        assert (await waiting).status_code == 201
        assert time.monotonic() - asked_at >= 3


async def test_a_rolling_restart_fails_no_request(site: Site, people: People) -> None:
    """Writers, readers and a socket go on while each process is drained, ended and started.

    nginx closes idle connections when it reads its list anew, and a call may just be on its way
    over one; so every program does what docs/operations.md tells it to, and asks once more.
    """
    answers: list[tuple[str, int]] = []
    working = True

    async def ask(api: httpx.AsyncClient, method: str, path: str, **options: Any) -> None:
        try:
            answer = await api.request(method, path, **options)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            answer = await api.request(method, path, **options)
        answers.append((method, answer.status_code))
        await asyncio.sleep(0.02)

    async def write(api: httpx.AsyncClient) -> None:
        while working:
            key = {"Idempotency-Key": uuid4().hex}
            await ask(api, "POST", API, json=new_task("rolling"), headers=key)

    async def read(api: httpx.AsyncClient) -> None:
        while working:
            await ask(api, "GET", f"{API}?limit=5")

    seen: list[int] = []
    socket_follows = asyncio.create_task(follow(site, people, seen))
    async with client(site, people) as api:
        work = [asyncio.create_task(step(api)) for step in (write, write, read, read)]
        pids = [web.process.pid for web in site.webs if web.process]
        for number, web in enumerate(site.webs, start=1):
            await asyncio.to_thread(site.drain, str(number))
            await asyncio.to_thread(web.stop)
            before = len(answers)
            await asyncio.to_thread(web.start)
            assert len(answers) > before, "nobody asked while it was away"
            await asyncio.to_thread(site.drain)
        working = False
        await asyncio.gather(*work)
        last = (await api.post(API, json=new_task())).json()["task"]["sequence"]
    await asyncio.wait_for(until(seen, last), 15)
    socket_follows.cancel()
    assert pids != [web.process.pid for web in site.webs if web.process]
    assert set(answers) == {("POST", 201), ("GET", 200)}
    assert int(shell(site.environment, _ROLLED)) == answers.count(("POST", 201))
    # Every event once, in order, over all the sockets that it took.
    assert seen == list(range(seen[0], last + 1))


async def follow(site: Site, people: People, seen: list[int]) -> None:
    """A client that connects again where it was."""
    query = ""
    while True:
        try:
            async with connecting(site, people, query) as feed:
                hello = await heard_of(feed, "hello")
                while True:
                    frame = json.loads(await feed.recv())
                    assert frame["type"] in ("changes", "ping"), frame
                    seen += [event["sequence"] for event in frame.get("events", [])]
                    query = f"since={frame['sequence']}&epoch={hello['epoch']}"
        except (OSError, websockets.WebSocketException):
            await asyncio.sleep(0.1)


async def until(seen: list[int], sequence: int) -> None:
    while not seen or seen[-1] < sequence:
        await asyncio.sleep(0.05)


async def test_a_process_that_dies_is_passed_over(site: Site, people: People) -> None:
    """Unannounced: those it was answering are lost, those that come after are not."""
    victim = site.webs[0]
    assert victim.process
    victim.process.kill()
    victim.process.wait()
    try:
        async with client(site, people) as api:
            for _ in range(10):
                assert (await api.post(API, json=new_task())).status_code == 201
    finally:
        victim.start()
