"""Rounded numbers that are shown beside each other must not contradict each other."""

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from optimization.texts import rate, whole_percents

pytestmark = pytest.mark.unit
PARTS = st.lists(st.integers(0, 1000), min_size=3, max_size=3).filter(any)


@given(PARTS)
def test_shares_add_up_to_a_hundred(parts: list[int]) -> None:
    shares = [part / sum(parts) for part in parts]
    found = whole_percents(shares)
    assert sum(found) == 100
    assert all(abs(one - 100 * share) < 1 for one, share in zip(found, shares, strict=True))


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (69.97, 70, "69,97%"),
        (69.9996, 70, "69,9996%"),
        (69.9, 70, "69,9%"),
        (70.0, 70, "70,0%"),
        (10.04, 10, "10,04%"),
        (10.04, None, "10,0%"),
        # Enough is enough.
        (69.9999999, 70, "70,0000%"),
        (None, 70, "—"),
    ],
)
def test_a_rate_does_not_look_like_the_threshold_that_it_missed(
    value: float | None, beside: float | None, text: str
) -> None:
    with translation.override("pt-br"):
        assert rate(value, beside=beside) == text
