from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.recommendation import (
    Candidate,
    ConfidenceBand,
    Reason,
    confidence_band,
    recommend,
)

pytestmark = pytest.mark.unit
ALEX = Candidate(
    agent_id="alex",
    base_score=79,
    approval_rate=90.0,
    error_rate=5.0,
    is_specialist=False,
    open_tasks=3,
    ended_tasks=20,
    low_data=False,
)
rates = st.none() | st.floats(0, 100, allow_nan=False)
candidates = st.lists(
    st.builds(
        Candidate,
        agent_id=st.text("abcdef", min_size=1, max_size=3),
        base_score=st.integers(0, 100),
        approval_rate=rates,
        error_rate=rates,
        is_specialist=st.booleans(),
        open_tasks=st.integers(0, 5),
        ended_tasks=st.integers(0, 50),
        low_data=st.booleans(),
    ),
    unique_by=lambda candidate: candidate.agent_id,
    max_size=8,
)


@pytest.mark.parametrize(
    ("values", "score", "reasons"),
    [
        ({}, 79, []),
        ({"is_specialist": True}, 89, [Reason.SPECIALTY]),
        ({"approval_rate": 69.99}, 64, [Reason.LOW_APPROVAL]),
        ({"approval_rate": 70.0}, 79, []),
        ({"error_rate": 10.01}, 59, [Reason.HIGH_ERROR]),
        ({"error_rate": 10.0}, 79, []),
        ({"approval_rate": None, "error_rate": None}, 79, []),
        # 79 + 10 − 15 − 20
        (
            {"is_specialist": True, "approval_rate": 0.0, "error_rate": 100.0},
            54,
            [Reason.SPECIALTY, Reason.LOW_APPROVAL, Reason.HIGH_ERROR],
        ),
        # Summed, then clamped once: 95 + 10 − 15 is 90, not 100 − 15.
        ({"base_score": 95, "is_specialist": True, "approval_rate": 50.0}, 90, None),
        ({"base_score": 95, "is_specialist": True}, 100, None),
        ({"base_score": 10, "error_rate": 50.0}, 0, None),
    ],
)
def test_bonus_and_penalties(
    values: dict[str, object], score: int, reasons: list[Reason] | None
) -> None:
    winner = recommend([replace(ALEX, **values)]).winner  # type: ignore[arg-type]  # values of the case
    assert winner is not None
    assert winner.score == score
    if reasons is not None:
        assert [adjustment.reason for adjustment in winner.adjustments] == reasons


def test_confidence_and_success_come_from_the_winners_score() -> None:
    found = recommend([replace(ALEX, is_specialist=True)])
    assert found.confidence == 89
    assert found.expected_success_rate == 85  # 89 × 0.95 = 84.55


def test_ties_go_to_fewer_open_tasks_and_then_to_the_id() -> None:
    busy = replace(ALEX, agent_id="ana", open_tasks=9)
    later = replace(ALEX, agent_id="bia")
    order = [ranked.candidate.agent_id for ranked in recommend([later, busy, ALEX]).ranking]
    assert order == ["alex", "bia", "ana"]


def test_nobody_is_recommended_without_candidates() -> None:
    nobody = recommend([])
    assert (nobody.winner, nobody.confidence, nobody.expected_success_rate) == (None, 0, 0)


@pytest.mark.parametrize(
    ("confidence", "band"),
    [
        (81, ConfidenceBand.HIGH),
        (80, ConfidenceBand.MODERATE),
        (60, ConfidenceBand.MODERATE),
        (59, ConfidenceBand.LOW),
    ],
)
def test_confidence_bands(confidence: int, band: ConfidenceBand) -> None:
    assert confidence_band(confidence) == band


@given(candidates, st.randoms())
def test_the_best_three_whatever_the_order(given_: list[Candidate], rng: Random) -> None:
    mixed = list(given_)
    rng.shuffle(mixed)
    found = recommend(given_)
    assert recommend(mixed) == found
    assert len(found.ranking) == min(3, len(given_))
    points = [ranked.score for ranked in found.ranking]
    assert points == sorted(points, reverse=True)
    assert all(0 <= score <= 100 for score in points)
