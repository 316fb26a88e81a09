"""Who should do the next task, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from optimization.arrays import round_half_up

ALTERNATIVES = 2
SPECIALTY_BONUS = 10
LOW_APPROVAL_PENALTY, LOW_APPROVAL_BELOW = -15, 70.0
HIGH_ERROR_PENALTY, HIGH_ERROR_ABOVE = -20, 10.0
SUCCESS_SHARE = 0.95


class Reason(StrEnum):
    SPECIALTY = "specialty"
    LOW_APPROVAL = "low_approval"
    HIGH_ERROR = "high_error"


class ConfidenceBand(StrEnum):
    HIGH = "high"
    MODERATE = "moderate"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent that may be given the task: active, not paused, free, working on the channel.

    Rates are overall percentages, None without data.
    """

    agent_id: str
    base_score: int
    approval_rate: float | None
    error_rate: float | None
    is_specialist: bool
    open_tasks: int
    ended_tasks: int
    low_data: bool


@dataclass(frozen=True, slots=True)
class Adjustment:
    reason: Reason
    points: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its arithmetic: base + adjustments, clamped once, is the score."""

    candidate: Candidate
    adjustments: tuple[Adjustment, ...]
    score: int

    @property
    def is_specialist(self) -> bool:
        return self.candidate.is_specialist


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Winner first, then the alternatives; nobody without candidates."""

    ranking: tuple[Ranked, ...]

    @property
    def winner(self) -> Ranked | None:
        return self.ranking[0] if self.ranking else None

    @property
    def confidence(self) -> int:
        """Percent 0-100; 0 without a winner."""
        return self.winner.score if self.winner else 0

    @property
    def expected_success_rate(self) -> int:
        """Percent 0-100."""
        return int(round_half_up(np.array(self.confidence * SUCCESS_SHARE)))


def recommend(candidates: Iterable[Candidate]) -> Recommendation:
    """Rank by score, then by fewer open tasks, then by id; the best and two alternatives.

    Source: docs/reference/formulas.md, "Recommendation"
    """
    ranking = sorted(map(_ranked, candidates), key=_order)
    return Recommendation(tuple(ranking[: 1 + ALTERNATIVES]))


def confidence_band(confidence: int) -> ConfidenceBand:
    if confidence > 80:
        return ConfidenceBand.HIGH
    return ConfidenceBand.MODERATE if confidence >= 60 else ConfidenceBand.LOW


def _ranked(candidate: Candidate) -> Ranked:
    adjustments = tuple(_adjustments(candidate))
    total = candidate.base_score + sum(adjustment.points for adjustment in adjustments)
    return Ranked(candidate, adjustments, max(0, min(100, total)))


def _adjustments(candidate: Candidate) -> Iterable[Adjustment]:
    if candidate.is_specialist:
        yield Adjustment(Reason.SPECIALTY, SPECIALTY_BONUS)
    if candidate.approval_rate is not None and candidate.approval_rate < LOW_APPROVAL_BELOW:
        yield Adjustment(Reason.LOW_APPROVAL, LOW_APPROVAL_PENALTY)
    if candidate.error_rate is not None and candidate.error_rate > HIGH_ERROR_ABOVE:
        yield Adjustment(Reason.HIGH_ERROR, HIGH_ERROR_PENALTY)


def _order(ranked: Ranked) -> tuple[int, int, str]:
    return -ranked.score, ranked.candidate.open_tasks, ranked.candidate.agent_id
