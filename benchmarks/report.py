"""The figures as a table, on the terminal and in docs/benchmarks.md."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from benchmarks import plots
from benchmarks.measures import Measure, Point
from tests.servers import PROJECT

DOCUMENT = PROJECT / "docs" / "benchmarks.md"
# What each goal gave last, so that one of them can be measured anew without the others.
FIGURES = PROJECT / "docs" / "benchmarks" / "figures.json"
# What stands between these lines is written by `--write`, the rest by people.
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEAD = f"{'goal':>4}  {'what':<58} {'product':>11} {'limit':>11} {'ratio':>7}  reached"
TABLE = """\
| Goal | Measured | Product | Limit | Ratio | Goal | Reached |
|---|---|---|---|---|---|---|"""


def line(measure: Measure) -> str:
    return (
        f"{measure.goal:>4}  {measure.what:<58} {measure.product:>11} {measure.limit:>11} "
        f"{ratio(measure.ratio):>7}  {reached(measure)}"
    )


def ratio(value: float) -> str:
    """`1.08`; a small one as its inverse, `1/240`."""
    return f"{value:.2f}" if value >= 0.05 or value <= 0 else f"1/{1 / value:.0f}"


def goal(measure: Measure) -> str:
    if measure.bound is None:
        return "–"
    return f"{'≥' if measure.at_least else '≤'} {ratio(measure.bound)}"


def reached(measure: Measure) -> str:
    if measure.reached is None:
        return "(told only)"
    return f"{'yes' if measure.reached else 'NO'}, {goal(measure)}"


def row(measure: Measure) -> str:
    verdict = {None: "", True: "yes", False: "**no**"}[measure.reached]
    cells = (
        *(str(measure.goal), measure.what, measure.product, measure.limit),
        *(ratio(measure.ratio), goal(measure), verdict),
    )
    return f"| {' | '.join(cells)} |"


# -- What is kept --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """What one goal gave the last time it was measured."""

    day: str
    measures: list[Measure]


def kept() -> dict[int, Kept]:
    """By goal, in their order."""
    told = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return {
        int(goal): Kept(one["day"], [_measure(m) for m in one["measures"]])
        for goal, one in sorted(told.items(), key=lambda item: int(item[0]))
    }


def _measure(told: dict[str, Any]) -> Measure:
    return Measure(**{**told, "points": tuple(Point(**point) for point in told["points"])})


def write(measures: Iterable[Measure], machine: Sequence[tuple[str, str]], day: date) -> None:
    """Replace what was kept of these goals, the table in the document, and the charts."""
    new: dict[int, list[Measure]] = {}
    for measure in measures:
        new.setdefault(measure.goal, []).append(measure)
    all_of_them = kept() | {goal: Kept(day.isoformat(), found) for goal, found in new.items()}
    FIGURES.parent.mkdir(exist_ok=True)
    lines = [
        f'"{goal}": {{"day": "{all_of_them[goal].day}", "measures": [\n'
        + ",\n".join(json.dumps(asdict(one)) for one in all_of_them[goal].measures)
        + "\n]}"
        for goal in sorted(all_of_them)
    ]
    FIGURES.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    write_table(machine)
    plots.write([one for found in kept().values() for one in found.measures])


def write_table(machine: Sequence[tuple[str, str]]) -> None:
    days: dict[str, list[str]] = {}
    rows = [TABLE]
    for goal_number, found in kept().items():
        days.setdefault(found.day, []).append(str(goal_number))
        rows += map(row, found.measures)
    measured = "; ".join(f"goals {', '.join(days[day])} on {day}" for day in sorted(days))
    described = "\n".join(f"- {name}: {value}" for name, value in machine)
    text = DOCUMENT.read_text()
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    table = "\n".join(rows)
    figures = f"Measured: {measured}.\n\n{described}\n\n{table}"
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}")
