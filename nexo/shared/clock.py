"""The present instant and the business day, in one place so that callers can be given another."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

BUSINESS_ZONE = ZoneInfo(settings.BUSINESS_TIME_ZONE)


def now() -> datetime:
    return timezone.now()


def business_day(instant: datetime) -> date:
    """The calendar day of an aware instant in the business time zone."""
    return instant.astimezone(BUSINESS_ZONE).date()


def start_of_business_day(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=BUSINESS_ZONE)


def days_ago(days: int, *, at: datetime) -> datetime:
    """Local midnight that opens the business day `days` days before `at`."""
    return start_of_business_day(business_day(at) - timedelta(days=days))
