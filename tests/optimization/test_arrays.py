import numpy as np
import pytest

from optimization.arrays import Known, round_half_up

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "shown"),
    # 0.545·70 + 0.364·60 + 0.091·73.2… is 66.5 on paper and 66.49999999999999 in binary.
    [(66.5, 67), (66.49999999999999, 67), (66.49, 66), (0.0, 0), (99.5, 100), (-0.0, 0), (2.5, 3)],
)
def test_halves_go_up_even_when_binary_misses_them(value: float, shown: int) -> None:
    assert round_half_up(np.array(value)) == shown


def test_unknown_days_count_neither_in_mean_nor_in_variance() -> None:
    rate = Known(np.array([[40.0, 0.0, 60.0]]), np.array([[True, False, True]]))
    assert rate.count == 2
    assert rate.mean() == 50
    assert rate.variance() == 100  # ((40-50)² + (60-50)²) / 2


def test_nothing_known_is_zero_and_never_nan() -> None:
    nothing = Known(np.zeros((1, 3)), np.zeros((1, 3), dtype=bool))
    assert (nothing.count, nothing.mean(), nothing.variance()) == (0, 0, 0)
