"""One number for how well an agent works."""

from enum import StrEnum

import numpy as np

from optimization.arrays import Array, Known
from optimization.rates import Rates


def performance_score(rates: Rates, weights: Array) -> Known:
    """Weighted mean of the known terms, in points 0-100.

    Parameters
    ----------
    rates : each of shape (a, d), percent
    weights : shape (a, 3), in the order approval, completion, execution; each row sums to 1

    Returns
    -------
    Known, shape (a, d): known where any term is; 0 where the known terms' weights sum to 0.

    Source: docs/reference/formulas.md, "Score"
    """
    total, weighed = np.zeros_like(rates.approval.values), np.zeros_like(rates.approval.values)
    known = np.zeros_like(rates.approval.known)
    for term, weight in zip(rates.terms, weights.T, strict=True):
        total += weight[:, None] * term.known
        weighed += weight[:, None] * term.values  # 0 where it is unknown
        known |= term.known
    return Known(weighed / np.where(total > 0, total, 1.0), known)


EXCELLENT_FROM, GOOD_FROM, FAIR_FROM = 80, 70, 60


class Band(StrEnum):
    EXCELLENT = "excellent"
    GOOD = "good"
    FAIR = "fair"
    CRITICAL = "critical"


def score_band(score: int) -> Band:
    """The word for a shown score, 0-100."""
    if score >= EXCELLENT_FROM:
        return Band.EXCELLENT
    if score >= GOOD_FROM:
        return Band.GOOD
    return Band.FAIR if score >= FAIR_FROM else Band.CRITICAL
