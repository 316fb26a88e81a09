"""Facts of made-up agents, and the formulas a second time, one number at a time."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from optimization.arrays import Facts

Day = Mapping[str, float]
NAMES = (
    "approved",
    "rejected",
    "completed",
    "failed",
    "late",
    "timed",
    "estimated_minutes",
    "executed_minutes",
)


def facts(*agents: Sequence[Day]) -> Facts:
    """One row per agent, one mapping per day; what a mapping leaves out is 0."""
    arrays = {
        name: np.array([[float(day.get(name, 0)) for day in days] for days in agents])
        for name in NAMES
    }
    return Facts(**arrays)


def day_with(*, approval: float, completion: float, execution: float = 100.0) -> Day:
    """A day on which the three rates are exactly these percentages."""
    return {
        "approved": approval,
        "rejected": 100 - approval,
        "completed": completion,
        "failed": 100 - completion,
        "timed": 1,
        "estimated_minutes": execution,
        "executed_minutes": 100,
    }


def plain_rates(day: Day) -> list[float | None]:
    """Approval, completion, execution of one day, as the reference page states them."""

    def percent(part: float, whole: float) -> float | None:
        return 100 * part / whole if whole else None

    value = {name: day.get(name, 0) for name in NAMES}
    execution = None
    if value["timed"]:
        minutes = value["executed_minutes"]
        execution = 100 * min(1, value["estimated_minutes"] / minutes) if minutes else 100.0
    return [
        percent(value["approved"], value["approved"] + value["rejected"]),
        percent(value["completed"], value["completed"] + value["failed"] + value["late"]),
        execution,
    ]


def plain_weights(days: Sequence[Day]) -> list[float]:
    series = list(zip(*map(plain_rates, days), strict=True))
    if sum(any(rate is not None for rate in plain_rates(day)) for day in days) < 2:
        return [0.5, 0.3, 0.2]
    known = [[rate for rate in metric if rate is not None] for metric in series]
    base = [0.5, 0.3, 0.2]
    if known[1] and math.fsum(known[1]) / len(known[1]) < 60 - 1e-9:
        base = [0.6, 0.4, 0.1]
    raw = [weight * plain_reliability(values) for weight, values in zip(base, known, strict=True)]
    return [weight / sum(raw) for weight in raw]


def plain_reliability(values: Sequence[float]) -> float:
    if not values:
        return 1.0
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
    return min(1.0, 225 / variance) if variance else 1.0


def plain_score(rates: Sequence[float | None], weights: Sequence[float]) -> float | None:
    known = [(rate, w) for rate, w in zip(rates, weights, strict=True) if rate is not None]
    if not known:
        return None
    total = sum(weight for _rate, weight in known)
    return sum(rate * weight for rate, weight in known) / total if total else 0.0
