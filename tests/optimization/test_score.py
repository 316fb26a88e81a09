from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.rates import rates_of
from optimization.score import Band, performance_score, score_band
from optimization.weights import adaptive_weights
from tests.optimization.facts import Day, day_with, facts, plain_rates, plain_score, plain_weights
from tests.optimization.strategies import histories

pytestmark = pytest.mark.unit
BASE = np.array([[0.5, 0.3, 0.2]])


def score(day: Day, weights: list[list[float]] | np.ndarray = BASE) -> float | None:
    found = performance_score(rates_of(facts([day])), np.asarray(weights))
    return float(found.values[0, 0]) if found.known[0, 0] else None


def test_score_is_the_weighted_mean_of_the_rates() -> None:
    # 0.5·80 + 0.3·70 + 0.2·90 = 40 + 21 + 18
    assert score(day_with(approval=80, completion=70, execution=90)) == pytest.approx(79)


def test_a_missing_term_leaves_the_mean() -> None:
    # Only completion 50 and execution 100: (0.3·50 + 0.2·100) ÷ 0.5
    day = {"completed": 1, "failed": 1, "timed": 1}
    assert score(day) == pytest.approx(70)


def test_without_data_there_is_no_score_and_zero_is_shown() -> None:
    found = performance_score(rates_of(facts([{}])), BASE)
    assert not found.known[0, 0]
    assert found.values[0, 0] == 0


def test_terms_that_weigh_nothing_score_zero() -> None:
    assert score({"approved": 1}, [[0.0, 0.5, 0.5]]) == 0


@pytest.mark.parametrize(
    ("points", "band"),
    [
        (100, Band.EXCELLENT),
        (80, Band.EXCELLENT),
        (79, Band.GOOD),
        (70, Band.GOOD),
        (69, Band.FAIR),
        (60, Band.FAIR),
        (59, Band.CRITICAL),
        (0, Band.CRITICAL),
    ],
)
def test_bands(points: int, band: Band) -> None:
    assert score_band(points) == band


@given(st.lists(histories(), min_size=1, max_size=4))
def test_many_agents_at_once_equal_one_number_at_a_time(agents: list[list[Day]]) -> None:
    daily = rates_of(facts(*agents))
    weights = adaptive_weights(daily)
    scores = performance_score(daily, weights)
    for row, days in enumerate(agents):
        expected = plain_weights(days)
        assert weights[row] == pytest.approx(expected)
        for column, day in enumerate(days):
            plain = plain_score(plain_rates(day), expected)
            assert bool(scores.known[row, column]) == (plain is not None)
            assert scores.values[row, column] == pytest.approx(plain or 0.0)
            assert 0 <= scores.values[row, column] <= 100 + 1e-9


@given(st.lists(histories(), min_size=2, max_size=4), st.randoms())
def test_order_of_agents_does_not_matter(agents: list[list[Day]], rng: Random) -> None:
    order = list(range(len(agents)))
    rng.shuffle(order)
    weights = adaptive_weights(rates_of(facts(*agents)))
    shuffled = adaptive_weights(rates_of(facts(*(agents[i] for i in order))))
    assert shuffled == pytest.approx(weights[order])


@given(histories(), st.randoms())
def test_order_of_days_does_not_matter_to_weights_and_score(days: list[Day], rng: Random) -> None:
    mixed = list(days)
    rng.shuffle(mixed)

    def computed(history: list[Day]) -> tuple[np.ndarray, np.ndarray]:
        all_days = facts(history)
        weights = adaptive_weights(rates_of(all_days))
        return weights, performance_score(rates_of(all_days.whole()), weights).values

    for one, other in zip(computed(days), computed(mixed), strict=True):
        assert one == pytest.approx(other)
