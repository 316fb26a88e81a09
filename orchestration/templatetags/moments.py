"""Template helpers of the overview and the audit: the days of orchestration/texts.py as filters."""

from datetime import datetime

from django import template

from execution.texts import exact_text
from orchestration import texts

register = template.Library()
register.filter("exactly", exact_text)


@register.filter
def clock_or_day(instant: datetime, now: datetime) -> str:
    """Of today the time alone."""
    return texts.moment_text(instant, now=now)
