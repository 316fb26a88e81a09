"""Tomorrow's score, from the straight line through an agent's scored days."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from optimization.arrays import Array, Known, Mask

# Probability below the upper end of the two-sided 80 % interval.
UPPER_QUANTILE = 0.90
DAYS_FOR_A_LINE = 2
DAYS_FOR_AN_INTERVAL = 3
DAYS_TO_TEST = 5


@dataclass(frozen=True, slots=True)
class Forecast:
    """Points 0-100, each of shape (a,); `low` and `high` are 0 where there is no interval."""

    value: Array
    low: Array
    high: Array
    has_interval: Mask
    slope: Array  # points per day; 0 under two scored days


def linear_forecast(daily: Known, current: Array) -> Forecast:
    """Predict tomorrow's score by least squares on the calendar day.

    Parameters
    ----------
    daily : scores of shape (a, d), points 0-100, unrounded; unknown days are gaps, not zeros
    current : shape (a,), points; the forecast of an agent with fewer than two scored days

    Returns
    -------
    Forecast: clamped to 0-100, with the 80 % interval for a new observation

    Source: docs/reference/formulas.md, "Forecast"
    """
    days = np.arange(daily.values.shape[1], dtype=np.float64)
    tomorrow = float(len(days))
    n = daily.count.astype(np.float64)
    some = np.maximum(n, 1.0)
    known = daily.known.astype(np.float64)  # only floats multiply fast
    mean_day = (known @ days) / some
    sxx = known @ np.square(days) - some * np.square(mean_day)
    # Taken from the mean, so that large sums do not cancel; the deviations themselves sum to 0.
    deviations = daily.deviations()
    sxy = deviations @ days
    syy = np.einsum("ad,ad->a", deviations, deviations)
    has_line = n >= DAYS_FOR_A_LINE
    slope = np.where(has_line, sxy / np.where(has_line, sxx, 1.0), 0.0)
    ahead = tomorrow - mean_day
    line = daily.mean() + slope * ahead
    value = np.where(has_line, line, current)

    has_interval = n >= DAYS_FOR_AN_INTERVAL
    freedom = np.where(has_interval, n - 2, 1.0)
    spread = np.sqrt(np.maximum(syy - slope * sxy, 0.0) / freedom)
    width = _t_quantiles(len(days))[freedom.astype(np.int64)] * spread
    width *= np.sqrt(1 + 1 / some + np.square(ahead) / np.where(has_line, sxx, 1.0))
    return Forecast(
        value=np.clip(value, 0.0, 100.0),
        low=np.where(has_interval, np.clip(line - width, 0.0, 100.0), 0.0),
        high=np.where(has_interval, np.clip(line + width, 0.0, 100.0), 0.0),
        has_interval=has_interval,
        slope=slope,
    )


@dataclass(frozen=True, slots=True)
class Backtest:
    """Mean distance from the scores of so many days, in points: of the forecast that would have
    been made the day before, and of the latest score before it."""

    days: int
    forecast: float
    latest: float


def backtest(history: Sequence[int | None]) -> Backtest | None:
    """Foretell each scored day but today from the days before it; None under `DAYS_TO_TEST`.

    Parameters
    ----------
    history : shown daily scores, points 0-100, the last being today, which has not ended

    Source: docs/reference/formulas.md, "Limits"
    """
    days = len(history) - 1
    known = np.array([score is not None for score in history[:days]], dtype=bool)
    scores = np.array([score or 0 for score in history[:days]], dtype=np.float64)
    tested = [day for day in np.flatnonzero(known) if known[:day].sum() >= DAYS_FOR_A_LINE]
    if len(tested) < DAYS_TO_TEST:
        return None
    # Shifted so that each day that is foretold is the tomorrow of its row.
    before = Known(np.zeros((len(tested), days)), np.zeros((len(tested), days), dtype=bool))
    for row, day in enumerate(tested):
        before.values[row, days - day :] = scores[:day]
        before.known[row, days - day :] = known[:day]
    actual = scores[tested]
    latest = np.array([scores[:day][known[:day]][-1] for day in tested])
    foretold = linear_forecast(before, latest).value
    return Backtest(
        days=len(tested),
        forecast=float(np.abs(foretold - actual).mean()),
        latest=float(np.abs(latest - actual).mean()),
    )


@cache
def _t_quantiles(largest: int) -> Array:
    """Student's t at `UPPER_QUANTILE` by degrees of freedom, 0 to `largest`; none at 0."""
    from scipy.special import stdtrit  # scipy.stats would cost two seconds at import

    degrees = np.arange(1, largest + 1)
    return np.concatenate([[0.0], stdtrit(degrees, UPPER_QUANTILE)])
