"""Measure the goals asked for, or all, and print what was reached."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexo.settings")  # the test servers look at it

from benchmarks import (
    claims,
    echoing,
    enduring,
    fanout,
    faults,
    flooding,
    holding,
    listing,
    machine,
    optimizing,
    patching,
    report,
    viewers,
    write_cost,
)
from benchmarks.measures import Measure
from benchmarks.scale import reading
from benchmarks.site import Ground

Goal = Callable[..., Iterator[Measure]]
GOALS: dict[int, Goal] = {
    1: fanout.measure,
    2: flooding.measure,
    3: patching.measure,
    4: listing.measure,
    5: reading.measure,
    6: write_cost.measure,
    7: echoing.measure,
    8: holding.measure,
    9: optimizing.measure,
    10: viewers.measure,
    11: faults.measure,
    12: claims.measure,
    13: enduring.measure,
}


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "goals", nargs="*", type=int, metavar="GOAL", help=f"of {', '.join(map(str, GOALS))}"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rounds on few sockets: shows that it runs"
    )
    parser.add_argument(
        "--write", action="store_true", help="put these goals' figures into docs/benchmarks.md"
    )
    parser.add_argument(
        "--minutes", type=float, default=enduring.MINUTES, help="how long goal 13 lasts"
    )
    found = parser.parse_args(words)
    if unknown := set(found.goals) - set(GOALS):
        parser.error(f"no such goal: {', '.join(map(str, sorted(unknown)))}")
    if found.write and found.quick:
        parser.error("--write and --quick: a quick run's figures say nothing")
    return found


def main(words: list[str]) -> int:
    asked = arguments(words)
    machine.allow_open_files()
    print(report.HEAD)
    with Ground() as ground, machine.on_core(machine.CLIENT):
        goals: dict[int, Goal] = {**GOALS, 13: partial(enduring.measure, minutes=asked.minutes)}
        for goal in asked.goals or goals:
            measures: list[Measure] = []
            for measure in goals[goal](ground, quick=asked.quick):
                print(report.line(measure), flush=True)
                measures.append(measure)
            if asked.write:
                # Goal by goal: what breaks off after an hour has not been for nothing.
                report.write(measures, machine.describe(), datetime.now(UTC).date())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
