"""Template helpers of the overview and the audit: the days of orchestration/texts.py as filters."""

from datetime import datetime

from django import template

from execution.texts import exact_text
from nexo.shared.clock import business_day
from orchestration import texts

register = template.Library()
register.filter("exactly", exact_text)


@register.filter
def other_day(instant: datetime, now: datetime) -> str:
    """`24/02/2026`, and nothing for today."""
    return texts.moment_text(instant)[:-6] if business_day(instant) != business_day(now) else ""


@register.filter
def clock_or_day(instant: datetime, now: datetime) -> str:
    """Of today the time alone."""
    return texts.moment_text(instant, now=now)
