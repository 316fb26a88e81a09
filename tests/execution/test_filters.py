"""What a search looks for."""

from datetime import datetime, timedelta

import pytest

from execution.filters import MOST_WORDS, searched_words
from execution.page_filters import read_filters
from nexo.shared.clock import BUSINESS_ZONE

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t", []),
        ("PREÇO do Anúncio", ["preco do", "anuncio"]),
        ("lote 7", ["lote 7"]),
        ("7 lote", ["7 lote"]),
        ("a b foto", ["a b", "foto"]),
        ("ﬁnal №7", ["final", "no7"]),
    ],
)
def test_short_words_are_looked_for_beside_their_neighbours(text: str, words: list[str]) -> None:
    assert searched_words(text) == words


def test_no_search_has_too_many_words() -> None:
    words = searched_words(" ".join(f"word{number}" for number in range(30)))
    assert len(words) == MOST_WORDS
    assert words[-1].endswith("word28 word29")


# -- Days in a page's address ----------------------------------------------------------------------

NOW = datetime(2026, 3, 1, 15, tzinfo=BUSINESS_ZONE)
FEBRUARY_24 = datetime(2026, 2, 24, tzinfo=BUSINESS_ZONE)


def test_both_days_are_included_and_no_period_counts_beside_them() -> None:
    found = read_filters({"from": "2026-02-24", "to": "2026-02-24", "period": "7d"}, now=NOW)
    expected = {"createdAfter": FEBRUARY_24, "createdBefore": FEBRUARY_24 + timedelta(days=1)}
    assert found.values == expected
    assert found.api_query() == (
        "createdAfter=2026-02-24T03%3A00%3A00Z&createdBefore=2026-02-25T03%3A00%3A00Z"
    )
    assert found.query(cursor="x") == "from=2026-02-24&to=2026-02-24&cursor=x"
    assert not found.ignored


@pytest.mark.parametrize("name", ["from", "to"])
def test_one_day_alone_is_enough(name: str) -> None:
    found = read_filters({name: "2026-02-24", "from" if name == "to" else "to": ""}, now=NOW)
    assert len(found.values) == 1 and found.texts == {name: "2026-02-24"}


@pytest.mark.parametrize(
    "day", ["ontem", "24/02/2026", "2026-02-30", "0001-01-01", "9999-12-31", "٢٠٢٦-٠٢-٢٤", "\x00"]
)
def test_what_is_no_day_is_said_and_the_period_counts(day: str) -> None:
    found = read_filters({"from": day, "period": "today"}, now=NOW)
    assert [one.name for one in found.ignored] == ["from"]
    assert found.texts == {"period": "today"}


def test_a_last_day_before_the_first_is_said() -> None:
    found = read_filters({"from": "2026-02-24", "to": "2026-02-23"}, now=NOW)
    assert [one.name for one in found.ignored] == ["to"]
    assert found.values == {"createdAfter": FEBRUARY_24}
