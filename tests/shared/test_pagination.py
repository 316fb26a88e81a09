"""A cursor gives back the place it was made of; whatever else is offered is refused."""

import struct
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from nexo.shared.clock import BUSINESS_ZONE
from nexo.shared.pagination import Listing, decode_cursor, decode_place, encode_cursor, encode_place

pytestmark = pytest.mark.unit
IDS = st.integers(0, 2**63 - 1)
LISTINGS = st.sampled_from(Listing)
INSTANTS = st.datetimes(datetime(1, 1, 2), timezones=st.just(UTC))


@given(INSTANTS, IDS, LISTINGS)
def test_a_cursor_gives_its_place_back(instant: datetime, row_id: int, listing: Listing) -> None:
    cursor = encode_cursor(instant, row_id, of=listing)
    assert decode_cursor(cursor, of=listing) == (instant, row_id)
    assert cursor.isascii()
    assert len(cursor) == 23


@given(IDS, LISTINGS)
def test_a_place_gives_its_id_back(row_id: int, listing: Listing) -> None:
    assert decode_place(encode_place(row_id, of=listing), of=listing) == row_id


@pytest.mark.parametrize(
    ("first", "row_id"),
    [(-(2**63), 1), (-62_135_596_800_000_000, 1), (253_402_300_800_000_000, 1), (0, -1)],
)
def test_what_no_row_has_is_refused(first: int, row_id: int) -> None:
    place = urlsafe_b64encode(struct.pack(">qq", first, row_id)).decode().rstrip("=")
    for read in (decode_cursor, decode_place):
        with pytest.raises(ValidationError):
            read(f"t{place}", of=Listing.TASKS)


def test_a_cursor_is_no_place() -> None:
    cursor = encode_cursor(datetime(1930, 1, 1, tzinfo=UTC), 1, of=Listing.TASKS)
    with pytest.raises(ValidationError):
        decode_place(cursor, of=Listing.TASKS)


@given(IDS, LISTINGS, LISTINGS)
def test_a_place_of_another_list_is_none(row_id: int, one: Listing, other: Listing) -> None:
    assume(one != other)
    with pytest.raises(ValidationError):
        decode_place(encode_place(row_id, of=one), of=other)
    with pytest.raises(ValidationError):
        decode_cursor(encode_place(row_id, of=one), of=other)


TEXTS = st.text() | st.text("AZaz09-_+/=", min_size=20, max_size=24)


@given(TEXTS | TEXTS.map("t".__add__))
def test_anything_is_a_place_or_refused(cursor: str) -> None:
    try:
        instant, row_id = decode_cursor(cursor, of=Listing.TASKS)
    except ValidationError as error:
        assert isinstance(error.detail, dict)
        assert list(error.detail) == ["cursor"]
    else:
        assert instant.tzinfo is not None
        instant.astimezone(BUSINESS_ZONE)
        assert 0 <= row_id < 2**63
