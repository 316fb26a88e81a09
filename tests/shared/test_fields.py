"""Fields take their own JSON type alone, and text that shows as what it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from nexo.shared.fields import (
    LONGEST_ERROR_KEY,
    MOST_ERRORS,
    Flag,
    FlagMap,
    Instant,
    Line,
    Number,
    StrictSerializer,
    Text,
    WholeNumber,
)

pytestmark = pytest.mark.unit
JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
ANYTHING = JSON | st.lists(JSON) | st.dictionaries(st.text(), JSON)
TYPES: list[tuple[serializers.Field, tuple[type, ...]]] = [
    (Text(allow_blank=True), (str,)),
    (Line(allow_blank=True), (str,)),
    (WholeNumber(), (int,)),
    (Number(), (int, float)),
    (Flag(), (bool,)),
    (Instant(), (str,)),
    (FlagMap(keys=["amazon"]), (dict,)),
]


@pytest.mark.parametrize(("field", "types"), TYPES, ids=lambda value: type(value).__name__)
@given(value=ANYTHING)
def test_no_type_is_taken_for_another(field: Any, types: tuple[type, ...], value: Any) -> None:
    # In Python a boolean is a whole number.
    fits = isinstance(value, types) and isinstance(value, bool) == (bool in types)
    try:
        field.run_validation(value)
    except ValidationError:
        return
    assert fits


@pytest.mark.parametrize(
    "text",
    [
        "Otimizar título",
        "Foto 📸 da família 👨‍👩‍👧",
        "عنوان المنتج",
        "کتاب‌ها",  # Persian joins and parts letters with invisible characters
        "हिन्दी",
        "商品　タイトル",
        "Ação: 50 % — «já»",
        "1",
        "🇧🇷",
        "❤️",
        "한글 제목",
        "ㅤa",
        "⠃⠗⠀⠊",
    ],
)
def test_titles_of_every_script_are_lines(text: str) -> None:
    assert Line().run_validation(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a\tb",
        "a\nb",
        "a\x00b",
        "\x7fa",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "exe.\u202egnp",
        "\u2067a",
    ],
)
def test_what_breaks_or_reorders_a_line_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Line().run_validation(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "\u200b", "\u200d\u2060", "\ufeff \u00ad", "\u3000"),
        *("\u115f\u1160", "\u3164", "\uffa0", "\u2800", "\u034f", "\u17b4\u17b5"),
        *("\ufe0f", "\u180b\u180f", "\U000e0100 \U000e01ef"),
    ],
)
def test_what_nobody_sees_is_no_line(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Line().run_validation(text)
    assert refused.value.get_codes() == ["blank"]


def test_a_map_of_flags_names_what_is_wrong() -> None:
    field = FlagMap(keys=["amazon", "shein"])
    assert field.run_validation({"amazon": True}) == {"amazon": True}
    with pytest.raises(ValidationError) as refused:
        field.run_validation({"amazon": 1, "ebay": True, "shein": False})
    assert set(refused.value.get_codes()) == {"amazon", "ebay"}


class Strict(StrictSerializer):
    name = Text(required=False)


@given(st.dictionaries(st.text(max_size=200), JSON, max_size=40))
def test_unknown_fields_are_named_but_not_all_of_them(body: dict[str, Any]) -> None:
    body.pop("name", None)
    serializer = Strict(data=body)
    assert serializer.is_valid() == (not body)
    named = set(serializer.errors)
    assert named <= {key[:LONGEST_ERROR_KEY] for key in body}
    assert len(named) <= MOST_ERRORS
