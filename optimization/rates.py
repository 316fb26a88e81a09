"""The four rates of an agent's work, in percent."""

from dataclasses import dataclass

import numpy as np

from optimization.arrays import Array, Facts, Known


@dataclass(frozen=True, slots=True)
class Rates:
    """Percentages 0-100, each of shape (a, d)."""

    approval: Known
    completion: Known
    execution: Known
    error: Known

    @property
    def terms(self) -> tuple[Known, Known, Known]:
        """What the score weighs, in the order of the weights."""
        return self.approval, self.completion, self.execution


def rates_of(facts: Facts) -> Rates:
    """Rates from counts and minutes; a rate without anything to count is unknown.

    Source: docs/reference/formulas.md, "Rates"
    """
    return Rates(
        approval=_percent(facts.approved, facts.approved + facts.rejected),
        completion=_percent(facts.completed, facts.completed + facts.failed + facts.late),
        execution=_execution(facts),
        error=_percent(facts.failed, facts.completed + facts.failed),
    )


def _percent(part: Array, whole: Array) -> Known:
    known = whole > 0
    return Known(100.0 * part / np.where(known, whole, 1.0), known)


def _execution(facts: Facts) -> Known:
    """Faster than estimated is not better than 100; work that took no time at all is 100."""
    known = facts.timed > 0
    longer = np.maximum(facts.estimated_minutes, facts.executed_minutes)
    took_time = longer > 0
    share = np.where(took_time, facts.estimated_minutes, 1.0) / np.where(took_time, longer, 1.0)
    return Known(np.where(known, 100.0 * share, 0.0), known)
