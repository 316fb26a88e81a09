"""What holds the work up, by fixed thresholds: pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Measure(StrEnum):
    APPROVAL = "approvalRate"
    COMPLETION = "completionRate"
    ERROR = "errorRate"
    SCORE = "score"


# Below it is too little; for errors, above it is too much.
THRESHOLDS: Final = {
    Measure.APPROVAL: 70,
    Measure.COMPLETION: 70,
    Measure.ERROR: 10,
    Measure.SCORE: 60,
}


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """One agent's measure on the wrong side of its threshold, both in percent or points."""

    agent_id: str
    agent_name: str
    measure: Measure
    value: float

    @property
    def threshold(self) -> int:
        return THRESHOLDS[self.measure]


def bottlenecks(
    agent_id: str,
    agent_name: str,
    *,
    approval: float | None,
    completion: float | None,
    error: float | None,
    score: int | None,
) -> Iterator[Bottleneck]:
    """What is wrong with an agent's last thirty days; a measure without data is not wrong.

    Rates are unrounded, the score is the shown whole one.
    """
    values = {
        Measure.APPROVAL: approval,
        Measure.COMPLETION: completion,
        Measure.ERROR: error,
        Measure.SCORE: score,
    }
    for measure, value in values.items():
        if value is None:
            continue
        threshold = THRESHOLDS[measure]
        if value > threshold if measure == Measure.ERROR else value < threshold:
            yield Bottleneck(agent_id, agent_name, measure, value)
