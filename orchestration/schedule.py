"""When recurring templates are due: cron expressions, read in the business time zone. Pure.

Due times are worked out as wall clock times. Where a clock is put back, an hour that comes twice
is due once; where it is put forward, what falls into the gap is due right after it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from croniter import CroniterError, croniter

from nexo.shared.clock import BUSINESS_ZONE

FIELDS: Final = 5
LONGEST: Final = 100
# A worker that was away no longer than this was not late.
IN_TIME: Final = timedelta(minutes=5)
# By how much a clock may be ahead of another's. A run that is further ahead is of a wrong clock.
CLOCKS_DIFFER: Final = timedelta(minutes=5)
# Enough to say how many were missed; a minutely template that slept for a year has more.
MOST_COUNTED: Final = 1_000
# croniter also reads seconds, years, @daily, and fields that are random or hashed.
_FIELD: Final = re.compile(
    r"(?:[0-9*/,#-]|L|mon|tue|wed|thu|fri|sat|sun"
    r"|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)+",
    re.IGNORECASE,
)
_AN_INSTANT: Final = datetime(2024, 1, 1)


class BadRecurrence(ValueError):
    """Not five fields of cron, or a day that no calendar has."""


def check_recurrence(expression: str) -> None:
    """Refuse what is no schedule.

    Raises
    ------
    BadRecurrence
    """
    parts = expression.split(" ") if len(expression) <= LONGEST else []
    if len(parts) != FIELDS or not all(map(_FIELD.fullmatch, parts)):
        raise BadRecurrence(expression)
    try:
        croniter(expression, _AN_INSTANT).get_next(datetime)
    except (CroniterError, ValueError, KeyError, TypeError) as error:
        raise BadRecurrence(expression) from error


@dataclass(frozen=True, slots=True)
class Due:
    """The latest due time that has not been served, and how many were missed, it included."""

    at: datetime
    missed: int


def due(expression: str, *, since: datetime, now: datetime) -> Due | None:
    """What is due at `now` of a schedule that was served up to and with `since`.

    All of a missed period is caught up once, for its latest due time.
    """
    found = None
    count = 0
    for at in _back_from(expression, now):
        if at <= since or count == MOST_COUNTED:
            break
        found = found or at
        count += 1
    if found is None:
        return None
    return Due(found, count if now - found > IN_TIME else count - 1)


def waiting_since(expression: str, *, since: datetime, now: datetime) -> datetime | None:
    """The first due time after `since`, if it has come at `now`."""
    steps = croniter(expression, _wall_clock(since))
    at = since
    while at <= since:
        try:
            at = _instant(steps.get_next(datetime))
        except CroniterError:
            return None
    return at if at <= now else None


def _back_from(expression: str, now: datetime) -> Iterator[datetime]:
    """Due times from `now` backwards, `now` itself included."""
    # A microsecond on: croniter gives times before, never at, the one it starts from.
    steps = croniter(expression, _wall_clock(now) + timedelta(microseconds=1))
    last = None
    while True:
        try:
            at = _instant(steps.get_prev(datetime))
        except CroniterError:
            return
        if at <= now and at != last:
            yield at
        last = at


def _wall_clock(instant: datetime) -> datetime:
    return instant.astimezone(BUSINESS_ZONE).replace(tzinfo=None)


def _instant(wall_clock: datetime) -> datetime:
    return wall_clock.replace(tzinfo=BUSINESS_ZONE).astimezone(UTC)
