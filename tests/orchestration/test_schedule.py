"""Which time is due, which was missed; all in the business time zone, three hours behind."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestration.schedule import BadRecurrence, Due, check_recurrence, due, waiting_since

pytestmark = pytest.mark.unit
DAILY = "0 6 * * *"


def at(day: int, hour: int, minute: int = 0, *, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    ["0 6 * * *", "*/15 * * * *", "0 8 * * mon-fri", "30 7 1 * *", "0 9 L * *", "0 6 29 2 *"],
)
def test_schedules_that_can_be_kept(expression: str) -> None:
    check_recurrence(expression)


@pytest.mark.parametrize(
    "expression",
    [
        *("", " ", "daily", "@daily", "0 6 * *", "0 6 * * * *", "0 6 * * * * 2026", "61 * * * *"),
        *("0 24 * * *", "0 0 30 2 *", "0 6 * * 8", "R R * * *", "H H * * *", "-1 * * * *"),
        *("0 6 * * *\x00", "0 6 * * *;", "٠ ٦ * * *", "*/0 * * * *", "0 6 * * *" + " " * 200),
        *("9" * 90 + " * * * *", "a b c d e", "0,,1 * * * *"),
    ],
)
def test_what_is_no_schedule(expression: str) -> None:
    with pytest.raises(BadRecurrence):
        check_recurrence(expression)


# Six in the morning is nine in UTC.
def test_nothing_is_due_before_its_time_nor_twice() -> None:
    assert due(DAILY, since=at(25, 9), now=at(26, 8, 59)) is None
    assert due(DAILY, since=at(25, 9), now=at(26, 9)) == Due(at(26, 9), missed=0)
    assert due(DAILY, since=at(26, 9), now=at(26, 23)) is None


def test_a_missed_day_is_due_once_and_counted() -> None:
    # In time within five minutes; a worker that comes later has missed it.
    assert due(DAILY, since=at(25, 9), now=at(26, 9, 5)) == Due(at(26, 9), missed=0)
    assert due(DAILY, since=at(25, 9), now=at(26, 9, 6)) == Due(at(26, 9), missed=1)
    # The 24th and 25th were missed, the 26th is served in time.
    assert due(DAILY, since=at(23, 9), now=at(26, 9, 1)) == Due(at(26, 9), missed=2)
    assert due(DAILY, since=at(23, 9), now=at(26, 21)) == Due(at(26, 9), missed=3)


def test_a_long_sleep_is_counted_up_to_a_thousand() -> None:
    found = due("* * * * *", since=at(1, 0, month=1), now=at(26, 9))
    assert found == Due(at(26, 9), missed=999)


def test_what_is_not_served_waits_since_its_first_due_time() -> None:
    assert waiting_since(DAILY, since=at(23, 9), now=at(24, 8, 59)) is None
    assert waiting_since(DAILY, since=at(23, 9), now=at(24, 9)) == at(24, 9)
    assert waiting_since(DAILY, since=at(23, 8, 59), now=at(26, 21)) == at(23, 9)


def test_what_was_due_before_the_schedule_began_is_not() -> None:
    assert due(DAILY, since=at(26, 9, 1), now=at(26, 12)) is None


def test_an_hour_that_comes_twice_is_due_once() -> None:
    # Clocks in São Paulo went back from 24:00 to 23:00 on 17 February 2018: 23:30 came twice.
    nightly = "30 23 * * *"
    first = datetime(2018, 2, 18, 1, 30, tzinfo=UTC)
    assert due(nightly, since=first - timedelta(hours=1), now=first) == Due(first, missed=0)
    assert due(nightly, since=first, now=first + timedelta(hours=2)) is None
    assert waiting_since(nightly, since=first, now=first + timedelta(hours=2)) is None
    second = datetime(2018, 2, 19, 2, 30, tzinfo=UTC)
    assert due(nightly, since=first, now=second) == Due(second, missed=0)


def test_a_time_that_the_clocks_jump_over_is_due_right_after() -> None:
    # And forward from 0:00 to 1:00 on 4 November 2018: there was no 0:30 that day.
    found = due(
        "30 0 * * *",
        since=datetime(2018, 11, 3, 12, tzinfo=UTC),
        now=datetime(2018, 11, 4, 12, tzinfo=UTC),
    )
    assert found == Due(datetime(2018, 11, 4, 3, 30, tzinfo=UTC), missed=1)


def test_two_times_that_the_jump_makes_one_are_one() -> None:
    # 0:30 did not exist that day, and 1:30 was the instant right after.
    found = due(
        "30 0,1 * * *",
        since=datetime(2018, 11, 3, 12, tzinfo=UTC),
        now=datetime(2018, 11, 4, 12, tzinfo=UTC),
    )
    assert found == Due(datetime(2018, 11, 4, 3, 30, tzinfo=UTC), missed=1)
