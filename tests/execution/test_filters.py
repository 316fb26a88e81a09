"""What a search looks for, and whether every place knows every filter."""

import re
from datetime import datetime, timedelta

import pytest
from django.conf import settings

from execution.filters import FILTERS, MOST_WORDS, ROLLED_UP, searched_words
from execution.page_controls import filters_text
from execution.page_filters import IN_DETAILS, KNOWN, read_filters
from execution.schema import LIST
from nexo.shared.clock import BUSINESS_ZONE
from orchestration.bulk.texts import selection_texts

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


# -- Each filter -----------------------------------------------------------------------------------

# As the page's address has it.
ASKED = {
    "status": {"status": "failed"},
    "channel": {"channel": "shein"},
    "agent": {"agent": "alex"},
    "taskType": {"taskType": "banner"},
    "q": {"q": "foto"},
    "createdAfter": {"from": "2026-02-24"},
    "createdBefore": {"to": "2026-02-24"},
    "overdue": {"overdue": "true"},
}
# Whoever knows a task's id opens its page.
ONLY_IN_THE_API = {"taskId"}


def test_each_filter_is_asked_for_here() -> None:
    assert ASKED.keys() | ONLY_IN_THE_API == FILTERS.keys()


def test_each_filter_is_documented() -> None:
    assert {parameter.name for parameter in LIST["parameters"]} >= FILTERS.keys()
    text = (settings.BASE_DIR / "docs/reference/api.md").read_text()
    assert [name for name in FILTERS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", ASKED)
def test_a_filter_is_known_wherever_one_is_needed(name: str) -> None:
    nothing, found = read_filters({}, now=NOW), read_filters(ASKED[name], now=NOW)
    assert name in found.values
    assert f"{name}=" in found.api_query()
    assert filters_text(found, {})
    (text,) = selection_texts({"filter": {name: "x"}}, total=1, names={})
    assert not text.startswith(f"{name}:")
    # What the page's scripts test a task against, and how they count.
    told, before = found.as_json(), nothing.as_json()
    (key,) = {key for key in told if told[key] != before[key]} - {"isRolledUp"}
    script = (settings.BASE_DIR / "static/execution/js/tasks.js").read_text()
    assert re.search(rf"\bfilters\.{key}\b", script)
    assert before["isRolledUp"]
    assert told["isRolledUp"] == (name in ROLLED_UP)


def test_frames_have_no_totals_of_several_marketplaces() -> None:
    assert not read_filters({"channel": "shein,kaway"}, now=NOW).as_json()["isRolledUp"]


def test_what_stands_in_no_bar_is_counted_beside_more_filters() -> None:
    assert KNOWN - {"status", "channel", "q", "cursor"} == set(IN_DETAILS)
