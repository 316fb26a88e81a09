from itertools import permutations

import numpy as np
import pytest
from hypothesis import given

from optimization.rates import rates_of
from optimization.weights import adaptive_weights, may_be_set, refused_sum
from tests.optimization.facts import Day, day_with, facts
from tests.optimization.strategies import histories

pytestmark = pytest.mark.unit


def weights(*days: Day) -> list[float]:
    return [float(weight) for weight in adaptive_weights(rates_of(facts(days)))[0]]


def test_marina_of_the_seed() -> None:
    # Steady, mean completion 45: 0.6, 0.4, 0.1, each ÷ 1.1
    steady = day_with(approval=70, completion=45)
    assert weights(*[steady] * 10) == pytest.approx([0.545, 0.364, 0.091], abs=5e-4)


def test_steady_rates_keep_the_base() -> None:
    assert weights(*[day_with(approval=90, completion=80)] * 5) == pytest.approx([0.5, 0.3, 0.2])


def test_an_erratic_rate_counts_less() -> None:
    # Approval 50 and 100: variance 625, reliability 225 ÷ 625 = 0.36; 0.18, 0.3, 0.2 of 0.68
    days = [day_with(approval=50, completion=80), day_with(approval=100, completion=80)]
    assert weights(*days) == pytest.approx([0.18 / 0.68, 0.3 / 0.68, 0.2 / 0.68])


def test_a_deviation_of_15_points_is_still_steady() -> None:
    days = [day_with(approval=60, completion=80), day_with(approval=90, completion=80)]
    assert weights(*days) == pytest.approx([0.5, 0.3, 0.2])


@pytest.mark.parametrize(("completion", "first"), [(59.9, 0.6 / 1.1), (60.0, 0.5), (60.1, 0.5)])
def test_low_completion_starts_below_60(completion: float, first: float) -> None:
    days = [day_with(approval=80, completion=completion)] * 3
    assert weights(*days)[0] == pytest.approx(first)


def test_a_mean_of_60_is_not_below_60_in_any_order_of_the_days() -> None:
    # 5 of 6, 1 of 3, 5 of 6, 1 of 1, 0 of 1: together 300 ÷ 5
    days = [{"completed": done, "failed": lost} for done, lost in [(5, 1), (1, 2), (5, 1), (1, 0)]]
    found = {round(weights(*order)[0], 6) for order in permutations([*days, {"failed": 1}])}
    assert len(found) == 1


@pytest.mark.parametrize("days", [[], [day_with(approval=10, completion=5)]])
def test_under_two_days_with_any_rate_the_base_stays(days: list[Day]) -> None:
    assert weights(*days, {}, {}) == [0.5, 0.3, 0.2]


@given(histories())
def test_weights_are_shares_of_one(days: list[Day]) -> None:
    found = weights(*days)
    assert sum(found) == pytest.approx(1)
    assert all(0 <= weight <= 1 for weight in found)


@pytest.mark.parametrize(
    ("sent", "legal"),
    [
        ((0.55, 0.35, 0.10), True),
        ((0.5, 0.3, 0.15), True),  # 0.95
        ((0.5, 0.3, 0.25), True),  # 1.05
        ((0.5, 0.3, 0.14), False),  # 0.94
        ((0.5, 0.3, 0.26), False),  # 1.06
        ((1.0, 0.0, 0.0), True),
        ((1.2, -0.1, -0.1), False),
        ((float("nan"), 0.5, 0.5), False),
        ((float("inf"), 0.0, 0.0), False),
    ],
)
def test_which_weights_may_be_set(sent: tuple[float, float, float], legal: bool) -> None:
    assert may_be_set(np.array(sent)) == legal


@pytest.mark.parametrize(
    ("total", "shown"),
    [
        (1.06, 1.06),
        (1.23456789, 1.2346),
        (1.05001, 1.05001),
        (0.94999, 0.94999),
        (1.0500000123, 1.05000001),
        (1.05 + 2e-9, 1.050000002),
        (0.45 + 0.3 + 0.30001, 1.05001),
    ],
)
def test_a_refused_sum_shows_that_it_lies_outside(total: float, shown: float) -> None:
    assert refused_sum(total) == shown
