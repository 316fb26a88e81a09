"""Rounded numbers that are shown beside each other must not contradict each other."""

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from optimization import texts
from optimization.models import WeightChange
from optimization.representations import WEIGHT_KEYS
from optimization.templatetags.optimization import weight_change_text
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
    ("weights", "told"),
    [
        ((0.5, 0.3, 0.15), ("50%", "30%", "15%")),
        ((0.5, 0.3, 0.2), ("50%", "30%", "20%")),
        ((0.5, 0.3, 0.25), ("50%", "30%", "25%")),
        ((0.505, 0.305, 0.19), ("50,5%", "30,5%", "19%")),
        # Two decimals at most.
        ((0.3333333, 0.3333333, 0.3333334), ("33,33%", "33,33%", "33,33%")),
    ],
)
def test_a_change_of_weights_tells_what_was_set(
    weights: tuple[float, ...], told: tuple[str, str, str]
) -> None:
    new = dict(zip(WEIGHT_KEYS, weights, strict=True))
    approval, completion, execution = told
    with translation.override("pt-br"):
        assert weight_change_text(WeightChange(actor="user:ana", new=new)) == (
            f"ana definiu taxa de aprovação {approval}, taxa de conclusão {completion}"
            f" e tempo de execução {execution}"
        )


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


@pytest.mark.parametrize(
    ("language", "count", "told"),
    [
        (
            "pt-br",
            1,
            "1 aprovada, 1 rejeitada; 1 concluída, 1 com erro, 1 atrasou muito;"
            " 1 min estimado, 1 min usado",
        ),
        (
            "pt-br",
            1200,
            "1.200 aprovadas, 1.200 rejeitadas; 1.200 concluídas, 1.200 com erro,"
            " 1.200 atrasaram muito; 1.200 min estimados, 1.200 min usados",
        ),
        # "Failed" is a status, which is also that of what was rejected or cancelled.
        (
            "en",
            1,
            "1 approved, 1 rejected; 1 completed, 1 ended in error, 1 became far overdue;"
            " 1 min estimated, 1 min taken",
        ),
    ],
)
def test_each_count_has_its_own_number(language: str, count: int, told: str) -> None:
    with translation.override(language):
        parts = (
            texts.decided_text(count, count),
            texts.ended_text(count, count, count),
            texts.minutes_text(count, count),
        )
        assert "; ".join(parts) == told
    with translation.override("en"):
        assert texts.ended_text(2, 0, 0) == "2 completed, 0 ended in error"
