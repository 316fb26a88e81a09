"""JSON is read as Python reads it, or refused; nothing else comes out."""

import json
import math
from typing import Any

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from nexo.shared.parsers import MAX_DEPTH, parse_json

pytestmark = pytest.mark.unit
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_can_be_kept_is_read_unchanged(value: Any, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


def strings_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in strings_in(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings_in(item)]
    return [value] if isinstance(value, str) else []


@given(st.binary() | st.text(alphabet='[]{}",:\\u0dD8e1-.tN \n').map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = parse_json(body)
    except ValueError:
        return
    assert value == json.loads(body)
    for text in strings_in(value):
        assert "\x00" not in text
        text.encode()


@pytest.mark.parametrize("opening, closing", ["[]", ('{"a":', "}")])
def test_nesting_has_a_limit(opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        return (opening * levels + "1" + closing * levels).encode()

    parse_json(nested(MAX_DEPTH))
    for levels in (MAX_DEPTH + 1, 3000, 200_000):
        with translation.override("en"), pytest.raises(ValueError, match="nested"):
            parse_json(nested(levels))


def test_brackets_in_text_are_no_nesting() -> None:
    text = '[{"\\' * 1000
    assert parse_json(json.dumps([text, text]).encode()) == [text, text]


@pytest.mark.parametrize("number", ["1e309", "-1e309", "NaN", "Infinity", "-Infinity", "9" * 4301])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    with pytest.raises(ValueError):
        parse_json(f'{{"a": [{number}]}}'.encode())


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, 5e-324, 1.7976931348623157e308])
def test_the_last_numbers_that_fit_are_taken(number: float) -> None:
    (read,) = parse_json(json.dumps([number]).encode())
    assert read == number
    assert math.isfinite(read)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**20, -(10**30)])
def test_whole_numbers_over_64_bits_are_refused(number: int) -> None:
    with translation.override("en"), pytest.raises(ValueError, match="out of range"):
        parse_json(str(number).encode())


@pytest.mark.parametrize(
    "body",
    [r'["\ud800"]', r'{"\udfff": 1}', r'["\u0000"]', r'{"\u0000": 1}', r'[[{"a": ["x\u0000"]}]]'],
)
def test_text_that_no_column_holds_is_refused(body: str) -> None:
    with pytest.raises(ValueError):
        parse_json(body.encode())
