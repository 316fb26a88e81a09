"""The four rates of an agent's work, in percent."""

from dataclasses import dataclass

import numpy as np

from optimization.arrays import Array, Facts, Known


@dataclass(frozen=True, slots=True)
class Rates:
    """Percentages 0-100 that the score weighs, each of shape (a, d)."""

    approval: Known
    completion: Known
    execution: Known

    @property
    def terms(self) -> tuple[Known, Known, Known]:
        """In the order of the weights."""
        return self.approval, self.completion, self.execution


def rates_of(facts: Facts) -> Rates:
    """Rates from counts and minutes; a rate without anything to count is unknown.

    Source: docs/reference/formulas.md, "Rates"
    """
    return Rates(
        approval=_percent(facts.approved, facts.approved + facts.rejected),
        completion=_percent(facts.completed, facts.completed + facts.failed + facts.late),
        execution=_execution(facts),
    )


def error_rate(facts: Facts) -> Known:
    """Percent of what ended in an error, 0-100; no part of the score.

    Source: docs/reference/formulas.md, "Rates"
    """
    return _percent(facts.failed, facts.completed + facts.failed)


def _percent(part: Array, whole: Array) -> Known:
    # Counts are whole numbers: where there are any, the greater of them and 1 is they.
    return Known(100.0 * part / np.maximum(whole, 1.0), whole > 0)


def _execution(facts: Facts) -> Known:
    """Faster than estimated is not better than 100; work that took no time at all is 100."""
    longer = np.maximum(facts.estimated_minutes, facts.executed_minutes)
    took_no_time = longer == 0
    share = (facts.estimated_minutes + took_no_time) / (longer + took_no_time)
    known = facts.timed > 0
    return Known(100.0 * share * known, known)
