"""Template helpers of the task pages: the texts of execution/texts.py as filters."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template

from execution import queries, texts
from execution.enums import FailureReason, LogLevel, Priority, SyncState, marketplace_name
from execution.row_view import TONES

register = template.Library()
register.filter("number", texts.number_text)
register.filter("minutes", texts.minutes_text)
register.filter("span", texts.span_text)
register.filter("exact", texts.exact_text)
register.filter("clock", texts.clock_text)
register.filter("log_time", texts.log_time_text)
register.filter("event_text", texts.event_text)


@register.simple_tag(takes_context=True)
def pending_total(context: Mapping[str, Any]) -> int:
    """Beside the place of approvals, on every page: seconds old, unless the page itself knows."""
    known: int | None = context.get("pending_total")
    return queries.recent_pending_total() if known is None else known


@register.filter
def moment(instant: datetime | None, now: datetime) -> str:
    return texts.moment_text(instant, now=now)


@register.filter
def full_moment(instant: datetime, now: datetime) -> str:
    return texts.full_moment_text(instant, now=now)


@register.filter
def iso(instant: datetime) -> str:
    return instant.isoformat()


@register.filter
def channel_name(slug: str) -> str:
    return marketplace_name(slug)


@register.filter
def agent_name(slug: str, names: Mapping[str, str]) -> str:
    return names.get(slug, slug)


@register.filter
def is_refused(view_id: int, sent: Mapping[str, str] | None) -> bool:
    """Whether what was `sent`, and not taken, is a new name for this view."""
    return sent is not None and (sent["do"], sent["view"]) == ("rename", str(view_id))


@register.filter
def sync_state(state: str) -> str:
    return str(SyncState(state).label)


@register.filter
def sign(state: str) -> str:
    return texts.MARKS[state]


@register.filter
def priority(value: str) -> str:
    return str(Priority(value).label)


@register.filter
def failure(reason: str) -> str:
    return str(FailureReason(reason).label)


@register.filter
def log_level(level: str) -> str:
    return str(LogLevel(level).label)


@register.filter
def tone(status: Any) -> str:
    return TONES[status]


@register.filter
def pretty_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
