"""How much each term counts: less where it is erratic, more where completion is low."""

from typing import Final

import numpy as np

from optimization.arrays import Array, row_sums
from optimization.rates import Rates

# approval, completion, execution
BASE: Final = np.array([0.5, 0.3, 0.2])
LOW_COMPLETION: Final = np.array([0.6, 0.4, 0.1])
LOW_COMPLETION_BELOW = 60.0  # percent, mean of the days
STEADY_VARIANCE = 225.0  # squared points: a standard deviation of 15
SUM_TOLERANCE = 0.05
# 0.95 and 1.05 are legal, and not exact in binary; nor is a mean of 60 in every order of the days.
_BINARY_SLACK = 1e-9


def adaptive_weights(daily: Rates) -> Array:
    """Weights from an agent's own days.

    Parameters
    ----------
    daily : rates of shape (a, d), percent

    Returns
    -------
    shape (a, 3); each row sums to 1. Under two days with any rate: the base weights.

    Source: docs/reference/formulas.md, "Weights"
    """
    variances = np.stack([term.variance() for term in daily.terms], axis=-1)
    reliability = STEADY_VARIANCE / np.maximum(variances, STEADY_VARIANCE)
    completion = daily.completion
    is_low = (completion.count > 0) & (completion.mean() < LOW_COMPLETION_BELOW - _BINARY_SLACK)
    adjusted = np.where(is_low[:, None], LOW_COMPLETION, BASE) * reliability
    has_any = np.logical_or.reduce([term.known for term in daily.terms])
    scored_days = row_sums(has_any.astype(np.float64))
    return np.where((scored_days < 2)[:, None], BASE, normalised(adjusted))


def normalised(weights: Array) -> Array:
    """The same proportions, summing to 1; rows of zeros stay."""
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total > 0, total, 1.0)


def may_be_set(weights: Array) -> bool:
    """Whether three weights, each 0-1, sum closely enough to 1."""
    is_in_range = bool(np.all((weights >= 0) & (weights <= 1)))
    return is_in_range and _is_near_one(float(weights.sum()))


def refused_sum(total: float) -> float:
    """A sum too far from 1, with as few decimals, four or more, as show that it is."""
    return next((r for r in (round(total, n) for n in range(4, 10)) if not _is_near_one(r)), total)


def _is_near_one(total: float) -> bool:
    return abs(total - 1.0) <= SUM_TOLERANCE + _BINARY_SLACK
