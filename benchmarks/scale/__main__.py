"""Make a large database, read it, explain it, prune and change it, and print what came out."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexo.settings")  # the test servers look at it

from benchmarks import machine, report
from benchmarks.measures import Measure
from benchmarks.scale import document, reading
from benchmarks.site import Ground, Site
from tests.servers import PROJECT

TASKS = 10_000_000
PROGRESS_KEPT_DAYS = "30"
STEPS = ("reading", "plans", "upkeep")


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--tasks", type=int, default=TASKS, help=f"default {TASKS:,}")
    parser.add_argument("--small", type=int, default=reading.SMALL, help="what it is held against")
    parser.add_argument("--keep", type=Path, help="a folder in which the databases stay")
    parser.add_argument("--only", choices=STEPS, action="append", help="one part; may be repeated")
    parser.add_argument("--quick", action="store_true", help="few reads: shows that it runs")
    parser.add_argument("--write", action="store_true", help="put it into docs/scale.md")
    found = parser.parse_args(words)
    if found.write and (found.quick or found.only):
        parser.error("--write takes the whole run: no --only, no --quick")
    return found


def main(words: list[str]) -> int:
    asked = arguments(words)
    parts = asked.only or STEPS
    machine.allow_open_files()
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
        asked.keep.chmod(0o700)  # PostgreSQL's package takes no other
    told: dict[str, str] = {}
    measures: list[Measure] = []
    with Ground(asked.keep and asked.keep.resolve()) as ground:
        large, made = filled(ground, asked.tasks)
        told["filling"] = document.filling(made, aloud(large.environment, "filling.check()"))
        if "reading" in parts:
            small, _made = filled(ground, asked.small)
            with machine.on_core(machine.CLIENT):
                sizes = (asked.small, asked.tasks)
                measures = list(reading.compare(small, large, *sizes, quick=asked.quick))
            print("\n".join([report.HEAD, *map(report.line, measures)]), flush=True)
            told["reading"] = document.reading(measures)
        if "plans" in parts:
            told["plans"] = document.plans(aloud(large.environment, "plans.main()"))
        if "upkeep" in parts:
            keeping = {**large.environment, "PROGRESS_KEPT_DAYS": PROGRESS_KEPT_DAYS}
            seconds = 1 if asked.quick else 20
            steps = aloud(keeping, f"upkeep.main({large.task_ids!r}, {seconds})")
            told["upkeep"] = document.upkeep(steps)
            after = aloud(large.environment, "filling.check()")
            told["upkeep"] += "\n\n" + (
                "Counters, facts and event numbers agree afterwards."
                if not after["differences"]
                else f"**Afterwards: {after['differences']}**"
            )
    for name, content in told.items():
        print(f"\n{name}\n\n{content}")
    if asked.write:
        document.write(told)
        report.write(measures, machine.describe(), datetime.now(UTC).date())
    return 0


def filled(ground: Ground, tasks: int) -> tuple[Site, Mapping[str, Any]]:
    """A database of so many tasks, or the one that an earlier run has left."""
    record = ground.folder / f"filled-{tasks}.json"
    if record.exists():
        kept = json.loads(record.read_text())
        return ground.kept_site(kept["name"], kept["session"], kept["task_ids"]), kept["made"]
    site = ground.site("postgres")
    made = aloud(site.environment, f"filling.main({tasks})")
    kept = {"name": site.folder.name, "session": site.session, "task_ids": site.task_ids}
    record.write_text(json.dumps({**kept, "made": made}))
    return site, made


def aloud(environment: Mapping[str, str], call: str) -> Any:
    """What a call of one of this package's modules prints as JSON; its progress is shown."""
    module = call.partition("(")[0].rpartition(".")[0]
    code = f"from benchmarks.scale import {module}; {call}"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "--verbosity", "0", "-c", code]
    done = subprocess.run(
        command, env=dict(environment), cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
