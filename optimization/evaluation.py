"""Everything that is computed of agents from their facts, all agents at once: pure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimization.arrays import Array, Facts, Known, Mask, round_half_up
from optimization.forecast import Forecast, linear_forecast
from optimization.rates import Rates, error_rate, rates_of
from optimization.score import performance_score
from optimization.weights import adaptive_weights, normalised

SCORED_DAYS_FOR_TRUST = 2
ENDED_TASKS_FOR_TRUST = 5

# Some forty arrays are made on the way; those of so many agents stay in the processor's cache.
BLOCK_AGENTS = 4096

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Per agent; `a` agents, `d` days. Shown numbers are rounded, once, here."""

    overall: Rates  # of the window, (a, 1)
    error: Known  # of the window, (a, 1)
    adaptive: Array  # (a, 3)
    weights: Array  # in use, (a, 3)
    daily: Known  # unrounded daily scores, (a, d)
    scored_days: Whole  # (a,)
    score: Whole  # (a,)
    has_score: Mask  # (a,)
    forecast: Forecast
    prediction: Whole  # (a,)


def evaluate(facts: Facts, pinned: Array, is_pinned: Mask) -> Evaluation:
    """Score and foretell every agent.

    Parameters
    ----------
    facts : shape (a, d), the last day being today
    pinned : shape (a, 3); weights as they were set, any numbers where there are none
    is_pinned : shape (a,)

    Source: docs/reference/formulas.md
    """
    agents = len(is_pinned)
    if agents <= BLOCK_AGENTS:
        return _evaluate(facts, pinned, is_pinned)
    blocks = (slice(first, first + BLOCK_AGENTS) for first in range(0, agents, BLOCK_AGENTS))
    parts = [_evaluate(facts.of(block), pinned[block], is_pinned[block]) for block in blocks]
    joined: Evaluation = _joined(parts)
    return joined


def _evaluate(facts: Facts, pinned: Array, is_pinned: Mask) -> Evaluation:
    daily_rates = rates_of(facts)
    whole = facts.whole()
    overall = rates_of(whole)
    adaptive = adaptive_weights(daily_rates)
    weights = np.where(is_pinned[:, None], normalised(pinned), adaptive)
    daily = performance_score(daily_rates, weights)
    current = performance_score(overall, weights)
    score = current.values[:, 0]
    forecast = linear_forecast(daily, score)
    return Evaluation(
        overall=overall,
        error=error_rate(whole),
        adaptive=adaptive,
        weights=weights,
        daily=daily,
        scored_days=daily.count,
        score=round_half_up(score),
        has_score=current.known[:, 0],
        forecast=forecast,
        prediction=round_half_up(forecast.value),
    )


def _joined(parts: Sequence[Any]) -> Any:
    """Arrays one after another, in records of them field by field."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    names = [field.name for field in fields(first)]
    return type(first)(**{n: _joined([getattr(part, n) for part in parts]) for n in names})


def has_low_data(scored_days: Whole, ended_tasks: Whole) -> Mask:
    """Whether numbers are to be read with care."""
    return (scored_days < SCORED_DAYS_FOR_TRUST) | (ended_tasks < ENDED_TASKS_FOR_TRUST)
