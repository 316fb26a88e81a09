"""Charts of the figures, as SVG: docs/benchmarks/*.svg, readable on light and on dark ground.

Lines and bars with a scale are all that is needed, so they are drawn here and no library is asked
for. Colours are told apart by place in the list and by name at the line's end.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from benchmarks.measures import Measure, Point
from tests.servers import PROJECT

FOLDER = PROJECT / "docs" / "benchmarks"
WIDTH, HEIGHT = 840, 410
LEFT, RIGHT, TOP, BOTTOM = 70, 270, 68, 48
COLOURS = ("c0", "c1", "c2", "c3", "c4", "c5", "c6")
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933 }
.title { font-size: 16px; font-weight: 600 } .small { font-size: 12px; fill: #52606d }
.ground { fill: #fff } .grid { stroke: #d9e2ec } .goal { stroke: #b42318; stroke-dasharray: 5 4 }
.line { fill: none; stroke-width: 2 } .missed { fill: #b42318 } .met { fill: #1f7a4d }
.c0 { stroke: #1456b8; color: #1456b8 } .c1 { stroke: #b54708; color: #b54708 }
.c2 { stroke: #1f7a4d; color: #1f7a4d } .c3 { stroke: #7a3eb1; color: #7a3eb1 }
.c4 { stroke: #a1196b; color: #a1196b } .c5 { stroke: #0e7490; color: #0e7490 }
.c6 { stroke: #6b5b00; color: #6b5b00 } .dot { fill: currentColor; stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb } .small { fill: #9aa5b1 }
  .ground { fill: #16191d } .grid { stroke: #3e4c59 }
  .goal { stroke: #ff8a7a } .missed { fill: #ff8a7a } .met { fill: #5fcf97 }
  .c0 { stroke: #7db1ff; color: #7db1ff } .c1 { stroke: #ffb26b; color: #ffb26b }
  .c2 { stroke: #5fcf97; color: #5fcf97 } .c3 { stroke: #cda4ff; color: #cda4ff }
  .c4 { stroke: #ff9bd2; color: #ff9bd2 } .c5 { stroke: #67d4ea; color: #67d4ea }
  .c6 { stroke: #e0cf5a; color: #e0cf5a }
}
"""


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    x: str
    y: str
    log_x: bool = False
    log_y: bool = False


CHARTS: Mapping[str, Chart] = {
    "fanout": Chart(
        "One update, from the commit to the last socket", "sockets", "ms", log_x=True, log_y=True
    ),
    "scale": Chart("One page of a large database", "tasks", "ms", log_x=True, log_y=True),
    "p95": Chart("80 updates a second: p95 of each second", "minutes", "ms"),
    "memory": Chart("80 updates a second: the server's memory", "minutes", "MiB"),
}


def write(measures: Sequence[Measure], folder: Path = FOLDER) -> list[Path]:
    """Each chart that there are figures for."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: defaultdict[str, defaultdict[str, list[Point]]]
    lines = defaultdict(lambda: defaultdict(list))
    for measure in measures:
        for point in measure.points:
            lines[point.chart][point.line].append(point)
    drawn = {name: line_chart(CHARTS[name], lines[name]) for name in lines}
    bounded = [one for one in measures if one.bound]
    if bounded:
        drawn["goals"] = goals_chart(bounded)
    written = []
    for name, text in drawn.items():
        path = folder / f"{name}.svg"
        path.write_text(text)
        written.append(path)
    return written


# -- Lines ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places on the paper."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def at(self, value: float) -> float:
        low, high, value = (self._bent(one) for one in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def _bent(self, value: float) -> float:
        return math.log10(max(value, 1e-9)) if self.log else value

    def ticks(self) -> Iterator[float]:
        if self.log:
            for power in range(math.floor(math.log10(self.low)), 9):
                for factor in (1, 2, 5):
                    tick = factor * 10.0**power
                    if self.low <= tick <= self.high:
                        yield tick
            return
        step = 10 ** math.floor(math.log10((self.high - self.low) / 2 or 1))
        step *= next(f for f in (1, 2, 5, 10) if (self.high - self.low) / (step * f) <= 6)
        tick = math.ceil(self.low / step) * step
        while tick <= self.high:
            yield tick
            tick += step


def line_chart(chart: Chart, lines: Mapping[str, Sequence[Point]]) -> str:
    drawn = {name: _one_for_each_x(points) for name, points in lines.items()}
    xs = [x for places in drawn.values() for x, _y in places]
    ys = [y for places in drawn.values() for _x, y in places]
    x = Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT, chart.log_x)
    y = Scale(min(ys) * 0.8 if chart.log_y else 0, max(ys) * 1.1, HEIGHT - BOTTOM, TOP, chart.log_y)
    body = [*_axes(chart, x, y)]
    names = sorted(drawn, key=lambda name: -drawn[name][-1][1])
    places = _spread([y.at(drawn[name][-1][1]) for name in names])
    for name, place in zip(names, places, strict=True):
        colour = COLOURS[list(lines).index(name) % len(COLOURS)]
        points = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in drawn[name])
        body.append(f'<polyline class="line {colour}" points="{points}"/>')
        if len(drawn[name]) <= 10:
            body += [
                f'<circle class="dot {colour}" cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3.5"/>'
                for a, b in drawn[name]
            ]
        end = WIDTH - RIGHT + 10
        square = f'x="{end}" y="{place - 5:.1f}" width="10" height="10"'
        body.append(f'<rect class="dot {colour}" {square}/>')
        body.append(_text(end + 16, place + 4, name))
    return _paper(chart.title, HEIGHT, body)


def _one_for_each_x(points: Iterable[Point]) -> list[tuple[float, float]]:
    """In order; where a place was measured more than once, the last."""
    return sorted({point.x: point.y for point in points}.items())


def _axes(chart: Chart, x: Scale, y: Scale) -> Iterator[str]:
    for tick in y.ticks():
        at = y.at(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield _text(LEFT - 8, at + 4, _number(tick), "end")
    for tick in x.ticks():
        yield _text(x.at(tick), HEIGHT - BOTTOM + 18, _number(tick), "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, chart.x, "middle")
    yield _text(LEFT - 8, TOP - 14, chart.y, "end")


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="small" {place}>{escape(text)}</text>'


def _spread(places: list[float], apart: float = 17) -> list[float]:
    """Names from the top down, none over another."""
    spread: list[float] = []
    for place in places:
        spread.append(max(place, spread[-1] + apart) if spread else place)
    return spread


def _number(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g} M"
    return f"{value:,.0f}" if value >= 1_000 else f"{value:g}"


# -- Goals ---------------------------------------------------------------------------------------


def goals_chart(measures: Sequence[Measure]) -> str:
    """How much of what each goal allows is used: left of the line it is reached."""
    row, left, right = 20, 400, WIDTH - 110
    height = TOP + len(measures) * row + BOTTOM
    scale = Scale(0.01, 10, left, right, log=True)
    body = []
    for tick, label in ((0.01, "1/100"), (0.1, "1/10"), (1, "goal"), (10, "10 ×")):
        at = scale.at(tick)
        kind = "goal" if tick == 1 else "grid"
        ends = f'x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 6}" y2="{height - BOTTOM}"'
        body.append(f'<line class="{kind}" {ends}/>')
        body.append(_text(at, height - 22, label, "middle"))
    for number, one in enumerate(measures):
        y = TOP + number * row
        width = scale.at(min(max(_used(one), 0.011), 10)) - left
        size = f'x="{left}" y="{y + 3}" width="{width:.1f}" height="{row - 7}"'
        body.append(f'<rect class="{"met" if one.reached else "missed"}" {size}/>')
        text = f"{one.goal}  {one.what}"
        text = text if len(text) <= 62 else f"{text[:61]}…"
        body.append(_text(left - 8, y + 14, text, "end"))
        mark = "" if one.reached else " missed"
        body.append(_text(right + 10, y + 14, f"{_used(one):.2f}{mark}"))
    return _paper("What each goal allows, and what is used of it", height, body)


def _used(measure: Measure) -> float:
    """1 where the goal is just reached, more where it is missed."""
    assert measure.bound
    if measure.at_least:
        return measure.bound / measure.ratio if measure.ratio else math.inf
    return max(0.0, measure.ratio / measure.bound)


def _paper(title: str, height: int, body: Iterable[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
            f'<text class="title" x="16" y="26">{escape(title)}</text>',
            *body,
            "</svg>\n",
        ]
    )
