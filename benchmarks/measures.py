"""What a goal gives: ratios from interleaved rounds, each against its bound."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Side = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Point:
    """A place on one line of a chart; benchmarks/plots.py has the charts."""

    chart: str
    line: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Measure:
    """One ratio. `bound` is the goal; None where the figure is only told."""

    goal: int
    what: str
    product: str
    limit: str
    ratio: float
    bound: float | None
    at_least: bool = False
    points: tuple[Point, ...] = ()

    @property
    def reached(self) -> bool | None:
        if self.bound is None:
            return None
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound

    def told(self) -> "Measure":
        """The same without a goal."""
        return replace(self, bound=None)


@dataclass(slots=True)
class Rounds:
    """Figures of both sides, round by round."""

    product: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)

    def add(self, product: float, limit: float) -> None:
        self.product.append(product)
        self.limit.append(limit)

    def ratio(self) -> float:
        """The median of each round's ratio: neighbours in time share the machine's mood."""
        pairs = zip(self.product, self.limit, strict=True)
        return statistics.median(product / limit for product, limit in pairs)

    def middle(self) -> tuple[float, float]:
        return statistics.median(self.product), statistics.median(self.limit)


def interleave(rounds: int, product: Side, limit: Side) -> Rounds:
    """Run both sides in each round, in turns first.

    A first run of each is not counted: it opens connections and fills caches.
    """
    product()
    limit()
    kept = Rounds()
    for number in range(rounds):
        if number % 2:
            there = limit()
            here = product()
        else:
            here = product()
            there = limit()
        kept.add(here, there)
    return kept


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(percent / 100 * len(ordered)))]


Unit = Literal["ms", "per s", "KiB", "MiB", "s", "%"]


def shown(value: float, unit: Unit) -> str:
    """Seconds where the unit is `ms`."""
    match unit:
        case "ms":
            return f"{value * 1000:.2f} ms"
        case "per s":
            return f"{value:,.0f}/s"
        case "%":
            return f"{value:.1f} %"
    return f"{value:,.1f} {unit}"


def against_goal(
    goal: int,
    what: str,
    value: float,
    at_most: float,
    *,
    unit: Unit,
    points: tuple[Point, ...] = (),
) -> Measure:
    """Where no other server runs beside, the goal itself is the limit."""
    return Measure(
        goal, what, shown(value, unit), shown(at_most, unit), value / at_most, 1.0, points=points
    )
