"""What proposed weights would have meant: thirty days rescored, as a table and as drawings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from optimization.optimizations import Optimization
from optimization.page import history_days

DAY_WIDTH: Final = 4
CHART_HEIGHT: Final = 50
CHART_MARGIN: Final = 3


@dataclass(frozen=True, slots=True)
class SmallChart:
    """Scores as a drawing that needs no script: lines, and dots for days between two gaps."""

    label: str
    view_box: str
    lines: Sequence[str]
    dots: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RescoredDay:
    day: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RescoredDays:
    """The thirty days under the present and under the proposed weights."""

    charts: Sequence[SmallChart]
    days: Sequence[RescoredDay]


def rescored_days(before: Optimization, after: Optimization) -> RescoredDays:
    days = [
        RescoredDay(date_format(day, "SHORT_DATE_FORMAT"), _points_text(old), _points_text(new))
        for day, old, new in zip(history_days(before), before.history, after.history, strict=True)
        if (old, new) != (None, None)
    ]
    charts = [
        small_chart(str(_("Before")), before.history),
        small_chart(str(_("After")), after.history),
    ]
    return RescoredDays(charts, days[::-1])


def _points_text(score: int | None) -> str:
    return "—" if score is None else str(score)


def small_chart(label: str, scores: Sequence[int | None]) -> SmallChart:
    width = DAY_WIDTH * (len(scores) - 1) + 2 * CHART_MARGIN
    height = CHART_HEIGHT + 2 * CHART_MARGIN
    runs: list[list[tuple[str, str]]] = [[]]
    for day, score in enumerate(scores):
        if score is not None:
            # Half a unit a point, from the top; text, because attributes have no local format.
            y = CHART_MARGIN + (100 - score) * CHART_HEIGHT / 100
            runs[-1].append((str(CHART_MARGIN + DAY_WIDTH * day), f"{y:g}"))
        elif runs[-1]:
            runs.append([])
    return SmallChart(
        label=label,
        view_box=f"0 0 {width} {height}",
        lines=[" ".join(f"{x},{y}" for x, y in run) for run in runs if len(run) > 1],
        dots=[run[0] for run in runs if len(run) == 1],
    )
