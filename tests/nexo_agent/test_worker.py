"""`python -m nexo_agent` as a process against a server process."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.nexo_agent.workers import Site, eventually, site, worker
from tests.servers import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.one_database]
HANDLERS = "tests.nexo_agent.handlers"
WORK = """
import json, os, sys
task = json.load(sys.stdin)
assert "NEXO_TOKEN" not in os.environ
print("li a tarefa", task["title"])
print(json.dumps({"draft": 1}))
print("terminei", file=sys.stderr)
print(json.dumps({"words": 12}))
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as started:
        yield started


def ended(here: Site, task_id: str) -> dict[str, Any] | None:
    task: dict[str, Any] = here.get(task_id)["task"]
    return task if task["status"] in ("completed", "failed") else None


def result_of(here: Site, task_id: str) -> str:
    return here.run(
        "from execution.models import Task; import json;"
        f"print(json.dumps(Task.objects.get(task_id={task_id!r}).result))"
    )


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_command_gets_the_task_and_its_output_becomes_log_and_result(here: Site) -> None:
    (task_id,) = here.approve(title="Foto da capa")
    with worker(here, "--limit", "1", command=python(WORK)) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert ended(here, task_id)["status"] == "completed"  # type: ignore[index]  # it has ended
    logs = here.get(task_id, "/logs")["logs"]
    assert {(line["level"], line["message"]) for line in logs} == {
        ("info", "li a tarefa Foto da capa"),
        ("info", '{"draft": 1}'),
        ("warning", "terminei"),
    }
    assert result_of(here, task_id) == '{"words": 12}'
    assert here.token not in output


def test_another_exit_code_is_a_failure_in_its_own_last_words(here: Site) -> None:
    (task_id,) = here.approve()
    code = "import sys; print('sem estoque', file=sys.stderr); sys.exit(3)"
    with worker(here, "--limit", "1", command=python(code)) as process:
        process.communicate(timeout=60)
    task = ended(here, task_id)
    assert task is not None
    assert (task["status"], task["failureReason"]) == ("failed", "error")
    assert task["error"] == "O comando terminou com o código 3.\nsem estoque"
    # Sent before the result: with it the lease ends, and with that the right to log.
    assert [line["message"] for line in here.get(task_id, "/logs")["logs"]] == ["sem estoque"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (
            "import sys; sys.stderr.buffer.write(b'bad\\0byte\\n'); sys.exit(3)",
            "O comando terminou com o código 3.\nbad\ufffdbyte",
        ),
        (
            "print('{\"score\": NaN}')",
            "O resultado não pode ser enviado como JSON: "
            "Out of range float values are not JSON compliant",
        ),
        (
            "print('{\"title\": \"' + chr(92) + 'ud800\"}')",
            "O resultado não pode ser enviado como JSON: 'utf-8' codec can't encode character",
        ),
        ("print('{\"title\": \"' + chr(92) + 'u0000\"}')", "O NEXO recusou o resultado: "),
    ],
    ids=["NUL on standard error", "NaN", "half a character", "NUL in the result"],
)
def test_what_cannot_be_sent_fails_the_task_at_once(here: Site, code: str, error: str) -> None:
    (task_id,) = here.approve()
    with worker(here, "--limit", "1", command=python(code)) as process:
        process.communicate(timeout=60)
    task = ended(here, task_id)
    assert task is not None
    assert (task["status"], task["failureReason"]) == ("failed", "error")
    assert task["error"].startswith(error)


def test_a_function_works_reports_and_fails(here: Site) -> None:
    good, bad = here.approve(2)
    with worker(here, "--limit", "1", "--handler", f"{HANDLERS}:photo") as process:
        process.communicate(timeout=60)
    assert ended(here, good)["status"] == "completed"  # type: ignore[index]  # it has ended
    assert [event["progress"] for event in here.get(good, "/events")["events"]][-2:] == [60, 100]
    options = ("--limit", "1", "--language", "en", "--handler", f"{HANDLERS}:broken")
    with worker(here, *options) as process:
        process.communicate(timeout=60)
    assert ended(here, bad)["error"] == "The agent failed: RuntimeError: sem estoque"  # type: ignore[index]  # it has ended


def test_a_function_may_publish_itself(here: Site) -> None:
    (task_id,) = here.approve(targets=["amazon", "shein"])
    with worker(here, "--limit", "1", "--handler", f"{HANDLERS}:publishes") as process:
        process.communicate(timeout=60)
    task = ended(here, task_id)
    assert task is not None
    assert (task["syncStatus"]["amazon"], task["syncStatus"]["shein"]) == (True, True)


def test_the_bell_wakes_it_and_sigterm_ends_it_in_plain_words(here: Site) -> None:
    with worker(here, "--grace", "0.2", "--handler", f"{HANDLERS}:patient") as process:
        (task_id,) = here.approve()
        eventually(lambda: here.get(task_id)["task"]["status"] == "in_progress")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0
    task = ended(here, task_id)
    assert task is not None
    assert task["error"] == "O agente foi encerrado antes de terminar a tarefa."


def test_what_takes_too_long_is_a_timeout_and_its_processes_end(here: Site, tmp_path: Path) -> None:
    (task_id,) = here.approve()
    pids = tmp_path / "pid"
    command = ["sh", "-c", f"sleep 600 & echo $! > {pids}; wait"]
    with worker(here, "--limit", "1", "--timeout", "1", command=command) as process:
        process.communicate(timeout=60)
    task = ended(here, task_id)
    assert task is not None
    assert task["failureReason"] == "timeout"
    # Killed; in a container nobody may have buried it yet.
    pid = int(pids.read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_lost_lease_stops_the_work(here: Site) -> None:
    (task_id,) = here.approve()
    with worker(here, "--handler", f"{HANDLERS}:reports_until_refused") as process:
        eventually(lambda: here.get(task_id)["task"]["status"] == "in_progress")
        here.run(
            "from execution import services; from tests.factories import OPERATOR;"
            "from execution.commands import Command;"
            f"services.command_task({task_id!r}, Command.CANCEL, caller=OPERATOR, reason='x')"
        )
        eventually(lambda: "no longer ours" in read_soon(process), seconds=60)
    task = ended(here, task_id)
    assert task is not None
    assert task["failureReason"] == "cancelled"


def read_soon(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_waits_for_a_server_that_is_not_there_yet(here: Site, tmp_path: Path) -> None:
    (task_id,) = here.approve()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with worker(here, "--limit", "1", command=python(WORK), url=url) as process:
        assert process.stdout is not None
        assert "away" in process.stdout.readline()
        command = [sys.executable, "-m", "uvicorn", "--port", str(port), "nexo.asgi:application"]
        server = subprocess.Popen(
            command, env=here.environment, cwd=PROJECT, stderr=subprocess.DEVNULL
        )
        try:
            process.communicate(timeout=60)
        finally:
            server.terminate()
            server.wait()
    assert ended(here, task_id)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--url", "ftp://x", "--agent", "alex", "--", "cat"], "It must look like"),
        (["--url", "http://x", "--agent", "alex"], "Give a command"),
        (["--url", "http://x", "--agent", "alex", "--handler", "no:where"], "There is no no:where"),
        (["--url", "http://x", "--agent", "alex", "--concurrency", "0", "--", "cat"], "1 or more"),
        (["--url", "http://x", "--agent", "alex", "--", "cat"], "NEXO_TOKEN"),
        (["--url", "http://x", "--agent", "alex", "--token", "k", "--", "cat"], "unrecognized"),
    ],
)
def test_a_wrong_option_is_a_sentence(options: list[str], words: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NEXO_TOKEN"}
    done = subprocess.run(
        [sys.executable, "-m", "nexo_agent", *options],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_that_is_not_its_own_ends_it(here: Site) -> None:
    wrong = Site(here.server, here.environment, "not-a-token", here.head)
    with worker(wrong, command=["cat"]) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "token" in output
    assert "Traceback" not in output
