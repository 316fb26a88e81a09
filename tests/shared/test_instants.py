"""Instants are written in UTC with Z, and read from RFC 3339 alone."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexo.shared.instants import parse_instant, to_rfc3339

pytestmark = pytest.mark.unit


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), st.integers(-23 * 60, 23 * 60))
def test_what_is_written_is_read_back(naive: datetime, offset: int) -> None:
    instant = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = to_rfc3339(instant)
    assert text is not None
    assert text.endswith("Z")
    assert parse_instant(text) == parse_instant(instant.isoformat()) == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-02-24T14:35:12Z", datetime(2026, 2, 24, 14, 35, 12, tzinfo=UTC)),
        ("2026-02-24T11:35:12-03:00", datetime(2026, 2, 24, 14, 35, 12, tzinfo=UTC)),
        ("2026-02-24 11:35:12-0300", datetime(2026, 2, 24, 14, 35, 12, tzinfo=UTC)),
        ("2026-02-24T14:35Z", datetime(2026, 2, 24, 14, 35, tzinfo=UTC)),
        ("2026-02-24T14:35:12.123456789Z", datetime(2026, 2, 24, 14, 35, 12, 123456, tzinfo=UTC)),
        # Business time, three hours behind; winter time in 2018 was two.
        ("2026-02-24T11:35:12", datetime(2026, 2, 24, 14, 35, 12, tzinfo=UTC)),
        ("2026-02-24", datetime(2026, 2, 24, 3, tzinfo=UTC)),
        ("2018-12-24", datetime(2018, 12, 24, 2, tzinfo=UTC)),
    ],
)
def test_these_are_instants(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    (
        *("", "now", "20260224", "2026-W09-2", "2026-2-4", "1" * 17, "2026-02-30", "24/02/2026"),
        *("2026-02-24T", "2026-02-24T14", "2026-02-24T14:35:12,5Z", "2026-02-24T14:35:60Z"),
        *("2026-02-24T24:00:01Z", "2026-02-24T14:35:12+24:00", "٢٠٢٦-٠٢-٢٤", "2026-02-24Z"),
        *("0000-01-01", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "1" * 5000),
        *(" 2026-02-24", "2026-02-24\n"),
    ),
)
def test_these_are_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


@given(st.text(alphabet="0123456789-+:.TZ ", max_size=40))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert parse_instant(text).tzinfo is UTC


def test_no_instant_is_written_as_none() -> None:
    assert to_rfc3339(None) is None
