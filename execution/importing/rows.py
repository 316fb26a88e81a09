"""One record of a task log as typed values; a bad one is refused with its cause."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from execution.enums import FailureReason, MarketplaceSlug, TaskStatus
from execution.models import SLUG_PATTERN
from nexo.shared.clock import BUSINESS_ZONE
from nexo.shared.lines import breaks_a_line, shows_nothing

REQUIRED_COLUMNS: Final = ("external_id", "task_type", "channel", "status")
INSTANT_COLUMNS: Final = ("created_at", "approved_at", "started_at", "completed_at")
COLUMNS: Final = (
    *REQUIRED_COLUMNS,
    *INSTANT_COLUMNS,
    "agent_id",
    "title",
    "failure_reason",
    "estimated_minutes",
)
ANY_OTHER_CHANNEL: Final = "*"
DEFAULT_ESTIMATE_MINUTES: Final = 60.0
MAX_ESTIMATE_MINUTES: Final = 100 * 366 * 24 * 60
MAX_TITLE: Final = 200
MAX_EXTERNAL_ID: Final = 200
SHOWN_CHARACTERS: Final = 60
# Outside these years arithmetic with instants could leave what a datetime can hold.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

_SLUG = re.compile(SLUG_PATTERN)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)? ?([Zz]|[+-]\d{2}(:?\d{2})?)?"
)
# What `float` reads of it is more: 1_0 is ten there, and so are other scripts' digits.
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class BadRow(Exception):
    """A sentence that says why a record cannot be taken."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One task as its log tells it; `completed_at` is the end, also of a failed task."""

    line: int
    external_id: str
    task_type: str
    marketplace_id: str
    status: TaskStatus
    agent_id: str | None
    title: str
    failure_reason: FailureReason | None
    created_at: datetime | None
    approved_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    estimated_minutes: float

    def instants(self) -> list[datetime]:
        every = (self.created_at, self.approved_at, self.started_at, self.completed_at)
        return [instant for instant in every if instant is not None]

    def moved(self, by: timedelta) -> "LogRow":
        """The same task at another time.

        Raises
        ------
        BadRow: an instant would leave the years that are allowed
        """
        moved: dict[str, Any] = {
            name: _moved(getattr(self, name), by, name) for name in INSTANT_COLUMNS
        }
        return replace(self, **moved)


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the records of one file.

    `positions` gives the place of each of our columns among the cells; `channels` gives the
    marketplace of a channel that has another name there, `*` that of any unknown one.
    """

    positions: Mapping[str, int]
    channels: Mapping[str, str]
    width: int

    def read(self, line: int, cells: Sequence[str]) -> LogRow:
        """
        Raises
        ------
        BadRow
        """
        if any(cell.strip() for cell in cells[self.width :]):
            values = {"cells": len(cells), "columns": self.width}
            raise BadRow(_("%(cells)d cells under %(columns)d columns.") % values)
        text = {name: _text(name, cells, place) for name, place in self.positions.items()}
        for name in REQUIRED_COLUMNS:
            if not text[name]:
                raise BadRow(_("%s is missing.") % name)
        instants = {name: _instant(name, text.get(name, "")) for name in INSTANT_COLUMNS}
        return LogRow(
            line=line,
            external_id=_external_id(text["external_id"]),
            task_type=_slug("task_type", text["task_type"]),
            marketplace_id=self._marketplace(text["channel"]),
            status=TaskStatus(_one_of("status", text["status"], TaskStatus.values)),
            agent_id=_slug("agent_id", text["agent_id"]) if text.get("agent_id") else None,
            title=_title(text.get("title") or text["task_type"]),
            failure_reason=_failure_reason(text.get("failure_reason", "")),
            estimated_minutes=_estimate(text.get("estimated_minutes", "")),
            **instants,
        )

    def _marketplace(self, channel: str) -> str:
        """The map first, then our own names, then what the map says of any other."""
        if channel in self.channels and channel != ANY_OTHER_CHANNEL:
            return self.channels[channel]
        if channel in MarketplaceSlug.values:
            return channel
        if ANY_OTHER_CHANNEL in self.channels:
            return self.channels[ANY_OTHER_CHANNEL]
        raise _unreadable("channel", channel, _("It is not a marketplace; --channels can map it."))


def _text(name: str, cells: Sequence[str], place: int) -> str:
    # Titles may hold line breaks and tabs; nothing else that cannot be shown has a meaning here.
    text = " ".join(cells[place].split()) if place < len(cells) else ""
    if not text.isprintable():
        if any(unicodedata.category(character) == "Cs" for character in text):
            raise BadRow(_("%s is not UTF-8.") % name)
        if breaks_a_line(text):
            raise BadRow(_("%s holds control characters.") % name)
    if text and shows_nothing(text):
        raise BadRow(_("%s holds nothing that can be seen.") % name)
    return text


def _unreadable(name: str, value: str, hint: str) -> BadRow:
    shown = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
    return BadRow(
        _("%(column)s is “%(value)s”. %(hint)s") % {"column": name, "value": shown, "hint": hint}
    )


def _external_id(text: str) -> str:
    if len(text) > MAX_EXTERNAL_ID:
        raise _unreadable("external_id", text, _("It may have up to 200 characters."))
    return text


def _slug(name: str, text: str) -> str:
    if not _SLUG.fullmatch(text):
        hint = _("Use 1 to 64 letters, digits, dots, hyphens or underscores.")
        raise _unreadable(name, text, hint)
    return text


def _one_of(name: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise _unreadable(name, text, _("Known are: %s.") % ", ".join(known))
    return text


def _failure_reason(text: str) -> FailureReason | None:
    return FailureReason(_one_of("failure_reason", text, FailureReason.values)) if text else None


def _title(text: str) -> str:
    return text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1] + "…"


def _estimate(text: str) -> float:
    """Minutes; the default without any."""
    if not text:
        return DEFAULT_ESTIMATE_MINUTES
    minutes = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 <= minutes <= MAX_ESTIMATE_MINUTES:
        hint = _("It must be a number of minutes, 0 or more.")
        raise _unreadable("estimated_minutes", text, hint)
    return minutes


def _instant(name: str, text: str) -> datetime | None:
    """Without an offset it is business time; a date alone is the midnight that opens the day."""
    if not text:
        return None
    try:
        instant = parse_instant(text)
    except (ValueError, OverflowError):
        hint = _("It must look like 2026-02-24T14:30:00Z; without an offset it is business time.")
        raise _unreadable(name, text, hint) from None
    return _in_range(name, instant)


def parse_instant(text: str) -> datetime:
    """An aware instant in UTC.

    Raises
    ------
    ValueError, OverflowError
    """
    if _DATE.fullmatch(text):
        instant = datetime.combine(date.fromisoformat(text), time())
    elif _INSTANT.fullmatch(text):
        instant = datetime.fromisoformat(text.replace(" ", "T", 1).replace(" ", "").upper())
    else:
        raise ValueError(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=BUSINESS_ZONE)
    return instant.astimezone(UTC)


def _moved(instant: datetime | None, by: timedelta, name: str) -> datetime | None:
    if instant is None:
        return None
    try:
        return _in_range(name, instant + by)
    except OverflowError:
        raise _unreadable(name, instant.isoformat(), _("--end moves it too far.")) from None


def _in_range(name: str, instant: datetime) -> datetime:
    if not EARLIEST <= instant < LATEST:
        hint = _("It must lie in the years 1900 to 2199.")
        raise _unreadable(name, instant.isoformat(), hint)
    return instant
