"""Shapes that the computations share. `a` agents, `d` days; oldest day first, the last is today."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened, per agent and day; every array has shape (a, d).

    approved, rejected, completed, failed, late: counts; `failed` is for error or timeout.
    estimated_minutes, executed_minutes: sums over completed tasks that had been started.
    timed: how many tasks those are.
    """

    approved: Array
    rejected: Array
    completed: Array
    failed: Array
    late: Array
    timed: Array
    estimated_minutes: Array
    executed_minutes: Array

    def of(self, agents: slice) -> Self:
        """The facts of some of the agents."""
        return type(self)(**{f.name: getattr(self, f.name)[agents] for f in fields(self)})

    def whole(self) -> Self:
        """The days taken together, shape (a, 1)."""
        sums = {field.name: row_sums(getattr(self, field.name)) for field in fields(self)}
        return type(self)(**{name: array[:, None] for name, array in sums.items()})


@dataclass(frozen=True, slots=True)
class Known:
    """Values of which some are unknown: `values` are 0 where `known` is false, never NaN."""

    values: Array
    known: Mask

    @property
    def count(self) -> NDArray[np.int64]:
        """How many days are known, shape (a,)."""
        return row_sums(self.known.astype(np.float64)).astype(np.int64)

    def mean(self) -> Array:
        """Mean over the known days, shape (a,); 0 without any."""
        return row_sums(self.values) / np.maximum(self.count, 1)

    def variance(self) -> Array:
        """Population variance over the known days, shape (a,), squared units; 0 under two."""
        # Percentages are small enough for the mean of squares less the square of the mean.
        squares = np.einsum("...d,...d->...", self.values, self.values)
        return np.maximum(squares / np.maximum(self.count, 1) - np.square(self.mean()), 0.0)

    def deviations(self) -> Array:
        """Distance of each known day from the mean, 0 on the others."""
        return (self.values - self.mean()[..., None]) * self.known


def row_sums(array: Array) -> Array:
    """Sums along the last axis; a product with ones is several times faster on short rows."""
    return array @ np.ones(array.shape[-1])


def round_half_up(values: Array) -> NDArray[np.int64]:
    """Whole numbers as people read them: 66.5 gives 67.

    A billionth is forgiven, because 66.5 is seldom exact in binary after a weighted mean.
    """
    return np.floor(values + 0.5 + 1e-9).astype(np.int64)
