"""Commands with hostile files and arguments: a sentence and exit 1, nothing written."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from execution.models import Task
from tests.abuse import traces
from tests.abuse.ground import Ground
from tests.abuse.tally import Extent, count

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
COLUMNS: Final = "external_id,task_type,channel,agent_id,title,status,failure_reason,created_at"
ROW: Final = "a1,photo,amazon,alex,Foto,completed,,2026-01-01T00:00:00Z"
# The system gives no argument with a NUL in it; bytes that are no UTF-8 arrive as surrogates.
NAMES: Final = ["", " ", "nobody", "x" * 10_000, "' OR 1=1 --", "../../etc/nothing", "-1"]
NAMES += [
    "%s%n",
    "{0.__class__}",
    "${7*7}",
    "\u202e",
    "a\nb",
    "\udcff",
    "$(id)",
    "`id`",
    "*",
    "é" * 200,
]

FILES: Final[dict[str, bytes]] = {
    "empty": b"",
    "blank": b"\n\n\n",
    "noise": bytes(range(256)) * 200,
    "one line of 3 MB": b"a," * 1_500_000,
    "no end of a quote": f'{COLUMNS}\n"'.encode() + b"x" * 2_000_000,
    "utf-16": COLUMNS.encode("utf-16"),
    "NUL": f"{COLUMNS}\n".encode() + b"\x00" * 1000,
    "a header twice": f"{COLUMNS},{COLUMNS}\n{ROW}\n".encode(),
    "no header": f"{ROW}\n".encode(),
    "100,000 columns": b"a," * 100_000 + b"\n",
    "a program": b"\x7fELF" + b"\x00" * 5000,
    "a zip bomb": b"PK\x03\x04" + b"\x00" * 5000,
    "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 500,
    "HTML": b"<html><script>alert(1)</script>",
    "SQL": b"DROP TABLE execution_task; --",
}
CELLS: Final = ["\x00", "' OR 1=1 --", "\ud800", "9" * 400, "-1", "NaN", "x" * 70_000, "0001-01-01"]
CELLS += ["9999-12-31T23:59:59-23:59", "2026-02-30", "ebay", "1e400", "\u202e", "..", "__proto__"]


def refuses(command: str, *arguments: str, **options: Any) -> str:
    """What the command says to it; no traceback, nothing else than its own error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(command, *arguments, stdout=out, stderr=err, **options)
    except (CommandError, SystemExit) as error:
        return f"{out.getvalue()}{err.getvalue()}{error}"
    return out.getvalue() + err.getvalue()


def attempt(kind: str, case: str, run: Callable[[], str], faults: list[str]) -> None:
    count(kind)
    try:
        said = run()
    except Exception as error:
        faults.append(f"{case[:120]!a}: raised {error!r:.300}")
        return
    if found := traces.leaks(said, is_refusal=False):
        faults.append(f"{case[:120]!a}: tells {found}")


def test_files(ground: Ground, extent: Extent, tmp_path: Path) -> None:
    before, faults = traces.fingerprint(), []
    path = tmp_path / "log.csv"
    for name, data in extent.of(list(FILES.items())):
        path.write_bytes(data)
        attempt("commands: hostile files", name, lambda: refuses("import_tasks", str(path)), faults)
    assert not faults, "\n".join(faults)
    assert traces.changed(before, traces.fingerprint()) == set()


def test_cells(ground: Ground, extent: Extent, tmp_path: Path) -> None:
    """A bad cell costs its row; what goes in is text, whatever it says."""
    before, faults = traces.fingerprint(), []
    path = tmp_path / "log.csv"
    names, good = COLUMNS.split(","), ROW.split(",")
    cases = [(place, cell) for place in range(len(names)) for cell in CELLS]
    for place, cell in extent.of(cases):
        row = [*good[:place], f'"{cell}"', *good[place + 1 :]]
        row[1 if place == 2 else 2] = "ebay/"  # neither a type nor a marketplace
        path.write_bytes(f"{COLUMNS}\n{','.join(row)}\n".encode("utf-8", "surrogatepass"))
        attempt(
            "commands: hostile files",
            f"{names[place]}={cell[:40]!a}",
            lambda: refuses("import_tasks", str(path)),
            faults,
        )
    assert not faults, "\n".join(faults)
    changed = traces.changed(before, traces.fingerprint())
    assert changed == set(), Task.objects.filter(external_id__startswith="a").values()


def test_paths(ground: Ground, extent: Extent, tmp_path: Path) -> None:
    before, faults = traces.fingerprint(), []
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    paths = [*NAMES, "/", "/dev/null", str(tmp_path), str(loop), str(pipe), "/proc/self/mem"]
    # With --force it would close the connection that these tests stand on; what it says to such
    # files is tests/orchestration/test_backup.py's.
    commands = [("import_tasks",), ("restore",), ("backup",)]
    for words in commands:
        for path in extent.of(paths):
            if words[0] != "import_tasks" and path == str(pipe):
                continue  # waits for who writes into it, as every program would
            # Whoever may run it may write wherever else.
            if words[0] == "backup" and path not in ("", "/", str(tmp_path)):
                continue
            attempt(
                "commands: paths",
                f"{words} {path}",
                lambda words=words, path=path: refuses(words[0], path, *words[1:]),
                faults,
            )
    assert not faults, "\n".join(faults)
    assert traces.changed(before, traces.fingerprint()) == set()


def test_arguments(ground: Ground, extent: Extent, tmp_path: Path) -> None:
    before, faults = traces.fingerprint(), []
    good = tmp_path / "log.csv"
    good.write_text(f"{COLUMNS}\n{ROW}\n")
    calls: list[tuple[str, ...]] = []
    for name in NAMES:
        calls += [("set_role", name, "admin"), ("set_role", "head-abuse", name)]
        calls += [("create_agent_token", name), ("reset_second_factor", name)]
        calls += [("simulate", f"--rate={name}"), ("simulate", f"--duration={name}")]
        calls += [("simulate", f"--url={name}")]
        if name != "-1":  # a seed like any other: it would play until it is stopped
            calls += [("simulate", f"--seed={name}")]
        calls += [("seed_demo", f"--tasks={name}x"), ("prune", f"--{name}"), (f"x{name}",)]
        calls += [("import_tasks", str(good), f"--end={name}x")]
        calls += [("import_tasks", str(good), f"--columns={name}=x")]
        calls += [("import_tasks", str(good), f"--channels=amazon={name or 'x'}")]
    for words in extent.of(calls):
        attempt("commands: arguments", str(words), lambda words=words: refuses(*words), faults)
    assert not faults, "\n".join(faults)
    assert traces.changed(before, traces.fingerprint()) == set()
    assert connection.is_usable()
