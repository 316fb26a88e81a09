"""The figures as a table, on the terminal and in docs/benchmarks.md."""

from collections.abc import Iterable, Sequence
from datetime import date

from benchmarks.measures import Measure
from tests.servers import PROJECT

DOCUMENT = PROJECT / "docs" / "benchmarks.md"
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


def write(measures: Iterable[Measure], machine: Sequence[tuple[str, str]], day: date) -> None:
    """Replace the figures in the document."""
    described = "\n".join(f"- {name}: {value}" for name, value in machine)
    table = "\n".join([TABLE, *map(row, measures)])
    text = DOCUMENT.read_text()
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    figures = f"Measured on {day}.\n\n{described}\n\n{table}"
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}")
