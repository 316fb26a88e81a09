"""`make run`: what it accepts, what it says, and that nothing outlives it."""

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nexo import launcher
from nexo.launcher import CannotStart, Children, Ended
from tests.servers import PROJECT

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
IGNORES_SIGTERM = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True);"
    "time.sleep(60)",
]


def exits_with(code: int) -> list[str]:
    return [sys.executable, "-c", f"raise SystemExit({code})"]


# -- What was asked for --------------------------------------------------------------------------


@pytest.mark.unit
def test_nothing_configured_is_loopback_port_8000_with_the_demo() -> None:
    options = launcher.read_options({})
    assert (options.host, options.port, options.demo) == ("127.0.0.1", 8000, True)
    assert options.data_dir == PROJECT / "var"
    assert options.url == "http://127.0.0.1:8000"


@pytest.mark.unit
@pytest.mark.parametrize("port", ["0", "65536", "-1", "8000.5", "http", "8" * 5000, "８０００"])
def test_a_bad_port_is_a_sentence(port: str) -> None:
    with pytest.raises(CannotStart, match="PORT must be a whole number from 1 to 65535"):
        launcher.read_options({"PORT": port})


@pytest.mark.unit
def test_a_bad_demo_switch_is_a_sentence() -> None:
    with pytest.raises(CannotStart, match="DEMO must be 0 or 1"):
        launcher.read_options({"DEMO": "no"})


@pytest.mark.unit
@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:9000"),
        ("::", "http://[::1]:9000"),
        ("::1", "http://[::1]:9000"),
        ("nexo.example", "http://nexo.example:9000"),
    ],
)
def test_the_url_is_one_that_a_browser_here_can_open(host: str, url: str) -> None:
    assert launcher.read_options({"HOST": host, "PORT": "9000"}).url == url


@pytest.mark.unit
@pytest.mark.parametrize(
    ("host", "own", "more"),
    [
        ("127.0.0.1", [], []),
        ("192.0.2.7", [], ["192.0.2.7"]),
        ("2001:db8::7", [], ["[2001:db8::7]"]),
        ("0.0.0.0", ["desk", "192.0.2.7", "192.0.2.7"], ["desk", "192.0.2.7"]),
    ],
)
def test_hosts_are_allowed_by_what_is_listened_on(
    host: str, own: list[str], more: list[str]
) -> None:
    assert launcher.allowed_hosts(host, own) == ["localhost", "127.0.0.1", "[::1]", *more]


@pytest.mark.unit
def test_what_was_set_explicitly_stays() -> None:
    given = {"ALLOWED_HOSTS": "nexo.example", "LOG_LEVEL": "DEBUG", "PORT": "9000"}
    environment = launcher.child_environment(launcher.read_options(given), given)
    assert given.items() <= environment.items()


@pytest.mark.integration
def test_a_port_in_use_is_a_sentence_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} of 127.0.0.1 is in use.*make run PORT"):
            launcher.check_port("127.0.0.1", port)
    launcher.check_port("127.0.0.1", port)


@pytest.mark.integration
def test_a_host_of_another_machine_is_a_sentence() -> None:
    with pytest.raises(CannotStart, match="not an address of this machine"):
        launcher.check_port("192.0.2.1", 8000)


@pytest.mark.integration
def test_a_port_in_use_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {**os.environ, "PORT": str(taken.getsockname()[1])}
        environment |= {"HOST": "127.0.0.1", "NEXO_DATA_DIR": str(tmp_path / "data")}
        done = subprocess.run(
            [sys.executable, "-m", "nexo.launcher"],
            env=environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "is in use" in done.stdout
    assert done.stderr == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.integration
@pytest.mark.one_database
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"API_RATE": "abc"}, "API_RATE must look like 6000/min, not 'abc'."),
        ({"NEXO_DATA_DIR": "/dev/null"}, "NEXO_DATA_DIR must be a folder that can be written, "),
        ({"NEXO_DATA_DIR": "/dev/null", "DEMO": "0"}, "NEXO_DATA_DIR must be a folder "),
        (
            {"DATABASE_URL": "postgres://nexo:secret@127.0.0.1:1/nexo"},
            "O banco de dados está ocupado ou fora do ar: ",
        ),
    ],
    ids=str,
)
def test_what_keeps_it_from_starting_is_one_sentence(
    tmp_path: Path, values: dict[str, str], said: str
) -> None:
    assert_says_alone(said, start(tmp_path, **values))


@pytest.mark.integration
@pytest.mark.one_database
def test_a_damaged_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "nexo.sqlite3").write_bytes(b"no database" * 1000)
    assert_says_alone("O arquivo do banco de dados está danificado: ", start(tmp_path))


def start(data_dir: Path, **values: str) -> subprocess.CompletedProcess[str]:
    """The launcher, which is to end by itself."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    own = {"HOST": "127.0.0.1", "PORT": port, "NEXO_DATA_DIR": str(data_dir), "DATABASE_URL": ""}
    return subprocess.run(
        [sys.executable, "-m", "nexo.launcher"],
        env={**os.environ, **own, **values},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )


def assert_says_alone(said: str, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1
    assert done.stdout.startswith(said), done.stdout
    assert done.stdout.count("\n") == 1, done.stdout


# -- Sign-ins ------------------------------------------------------------------------------------


@pytest.mark.unit
def test_a_generated_password_is_kept_for_the_next_start(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    password = launcher.demo_password(data_dir, {})
    assert len(password) >= 12
    assert launcher.demo_password(data_dir, {}) == password
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (data_dir, data_dir / "demo_password")]
    assert modes == [0o700, 0o600]
    assert launcher.demo_password(tmp_path / "other", {}) != password


@pytest.mark.unit
def test_a_given_password_is_used_and_not_kept(tmp_path: Path) -> None:
    assert launcher.demo_password(tmp_path, {"NEXO_DEMO_PASSWORD": "given"}) == "given"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.unit
def test_the_welcome_names_the_url_and_the_four_sign_ins() -> None:
    text = "\n".join(launcher.welcome(launcher.read_options({}), "s3cret"))
    assert "http://127.0.0.1:8000" in text
    assert text.count("s3cret") == 4
    assert all(f"  {user} " in text for user in ("admin", "head", "qa", "user"))


@pytest.mark.unit
def test_without_the_demo_the_welcome_says_how_to_make_a_first_user() -> None:
    text = "\n".join(launcher.welcome(launcher.read_options({"DEMO": "0"}), None))
    assert "manage.py createsuperuser" in text
    assert "Sign in with" not in text
    assert "DATABASE_URL" not in text


@pytest.mark.unit
def test_the_first_user_is_made_in_the_database_that_is_served() -> None:
    options = launcher.read_options({"DEMO": "0"})
    text = "\n".join(launcher.welcome(options, None, has_database_url=True))
    assert '  DATABASE_URL="$DATABASE_URL" NEXO_DATA_DIR=' in text


# -- Processes -----------------------------------------------------------------------------------


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children(os.environ)
    yield made
    alive = [name for name, child in made.processes.items() if psutil.pid_exists(child.pid)]
    assert alive == [], "children outlived their parent"


@pytest.mark.integration
async def test_when_one_child_ends_the_others_end_with_its_code(children: Children, capsys) -> None:
    await children.start("steady", SLEEP)
    await children.start("dying", exits_with(7))
    with pytest.raises(Ended) as end:
        await children.watch()
    await children.stop()
    assert end.value.code == 7
    assert capsys.readouterr().out == "dying ended with exit code 7; stopping.\n"


@pytest.mark.integration
async def test_a_worker_that_dies_is_started_again_and_ends_with_the_rest(
    children: Children, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(launcher, "RESTART_AFTER_SECONDS", 0.1)
    await children.start("web", SLEEP)
    await children.keep("worker", SLEEP)
    watching = asyncio.create_task(children.watch())

    async def worker_other_than(pid: int | None) -> int:
        async with asyncio.timeout(10):
            while True:
                worker = children.processes.get("worker")
                if worker is not None and worker.returncode is None and worker.pid != pid:
                    return worker.pid
                await asyncio.sleep(0.01)

    first = await worker_other_than(None)
    for _ in range(2):
        os.kill(first, signal.SIGKILL)
        first = await worker_other_than(first)
    assert not watching.done()
    children.processes["web"].kill()
    with pytest.raises(Ended):
        await watching
    await children.stop()
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["worker ended with exit code 137; it is started again."] * 2


@pytest.mark.integration
async def test_nothing_is_started_again_once_it_is_over(children: Children, monkeypatch) -> None:
    monkeypatch.setattr(launcher, "RESTART_AFTER_SECONDS", 60.0)
    await children.keep("dying", exits_with(1))
    async with asyncio.timeout(10):
        await children.processes["dying"].wait()
        await children.stop()


@pytest.mark.integration
async def test_a_killed_child_counts_as_a_shell_counts_it(children: Children) -> None:
    await children.start("killed", SLEEP)
    children.processes["killed"].kill()
    with pytest.raises(Ended) as end:
        await children.watch()
    assert end.value.code == 128 + signal.SIGKILL


@pytest.mark.integration
async def test_a_signal_ends_everything_in_good_order(children: Children) -> None:
    await children.start("steady", SLEEP)
    children.asked_to_stop.set()
    with pytest.raises(Ended) as end:
        await children.watch()
    await children.stop()
    assert end.value.code == 0
    assert children.processes["steady"].returncode == -signal.SIGTERM


@pytest.mark.integration
async def test_a_child_that_will_not_end_is_killed(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "STOP_WITHIN_SECONDS", 0.2)
    child = await asyncio.create_subprocess_exec(*IGNORES_SIGTERM, stdout=subprocess.PIPE)
    children.processes["stubborn"] = child
    assert child.stdout
    await child.stdout.readline()
    await children.stop()
    assert child.returncode == -signal.SIGKILL


@pytest.mark.integration
async def test_a_failed_step_stops_the_start(children: Children, capsys) -> None:
    await children.run("fine", exits_with(0))
    with pytest.raises(Ended) as end:
        await children.run("migrate", exits_with(3))
    assert end.value.code == 3
    assert capsys.readouterr().out == "migrate failed with exit code 3.\n"


@pytest.mark.integration
async def test_what_gets_ready_is_waited_for_while_the_children_live(children: Children) -> None:
    await children.start("steady", SLEEP)
    await children.watch(asyncio.create_task(asyncio.sleep(0)))
    await children.stop()
