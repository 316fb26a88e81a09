"""Tomorrow's score, from the straight line through an agent's scored days."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from optimization.arrays import Array, Known, Mask

# Probability below the upper end of the two-sided 80 % interval.
UPPER_QUANTILE = 0.90
DAYS_FOR_A_LINE = 2
DAYS_FOR_AN_INTERVAL = 3


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


@cache
def _t_quantiles(largest: int) -> Array:
    """Student's t at `UPPER_QUANTILE` by degrees of freedom, 0 to `largest`; none at 0."""
    from scipy.special import stdtrit  # scipy.stats would cost two seconds at import

    degrees = np.arange(1, largest + 1)
    return np.concatenate([[0.0], stdtrit(degrees, UPPER_QUANTILE)])
