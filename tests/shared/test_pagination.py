"""A cursor gives back the place it was made of; whatever else is offered is refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from nexo.shared.pagination import decode_cursor, decode_place, encode_cursor, encode_place

pytestmark = pytest.mark.unit
IDS = st.integers(0, 2**63 - 1)
INSTANTS = st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC))


@given(INSTANTS, IDS)
def test_a_cursor_gives_its_place_back(instant: datetime, row_id: int) -> None:
    cursor = encode_cursor(instant, row_id)
    assert decode_cursor(cursor) == (instant, row_id)
    assert cursor.isascii()
    assert len(cursor) == 22


@given(IDS)
def test_a_place_gives_its_id_back(row_id: int) -> None:
    assert decode_place(encode_place(row_id)) == row_id


@given(st.text() | st.text("AZaz09-_+/=", min_size=20, max_size=24))
def test_anything_is_a_place_or_refused(cursor: str) -> None:
    try:
        instant, row_id = decode_cursor(cursor)
    except ValidationError as error:
        assert isinstance(error.detail, dict)
        assert list(error.detail) == ["cursor"]
    else:
        assert instant.tzinfo is not None
        assert 0 <= row_id < 2**63
