"""The filters in a page's address. The API refuses what it cannot read; a page leaves that out,
says so, and keeps the rest."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ValidationError

from execution.enums import CARD_OF, Card, MarketplaceSlug, TaskStatus
from execution.filters import FILTERS, ROLLED_UP, searched_words
from nexo.shared import clock
from nexo.shared.api import REPLACEMENT
from nexo.shared.instants import to_rfc3339
from nexo.shared.pagination import Listing, decode_cursor

PERIODS: Final = {
    "today": (gettext_lazy("Today"), 1),
    "7d": (gettext_lazy("7 days"), 7),
    "30d": (gettext_lazy("30 days"), 30),
}
"""Label and number of calendar days, today included, of each period that can be chosen."""

DAYS: Final = ("from", "to")
"""The first and the last day, both included; with one of them no period counts."""

SHARED_WITH_API: Final = ("status", "channel", "agent", "taskType", "q", "overdue")
CHOICES: Final = {"status": TaskStatus, "channel": MarketplaceSlug}
"""Where a filter's values have names that people know."""
KNOWN: Final = frozenset({*SHARED_WITH_API, *DAYS, "period", "cursor"})
MOST_UNKNOWN: Final = 5
IN_DETAILS: Final = ("agent", "taskType", "period", *DAYS, "overdue")
STATUSES_OF: Final = {
    card: tuple(status.value for status, of in CARD_OF.items() if of == card) for card in Card
}
"""The statuses that each card counts, in the order of the life cycle."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A value that could not be read, and why."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class PageFilters:
    """`texts` as the address has them, `values` as the query wants them, both without what was
    ignored; `after` is the place that a page of older tasks starts from."""

    texts: Mapping[str, str]
    values: Mapping[str, Any]
    ignored: Sequence[Ignored] = ()
    cursor: str | None = None
    after: tuple[datetime, int] | None = None

    @property
    def statuses(self) -> frozenset[str]:
        return frozenset(self.values.get("status", ()))

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(self.values.get("channel", ()))

    @property
    def in_details(self) -> int:
        """How many of the filters are set that "more filters" holds."""
        return sum(name in self.texts for name in IN_DETAILS)

    def query(self, **changes: str | None) -> str:
        """The query string with some filters set or (None) cleared, from the first page."""
        texts = {**self.texts, **changes}
        return urlencode({name: text for name, text in texts.items() if text}, safe=",")

    def api_query(self) -> str:
        """The API's parameters for the same tasks."""
        values = {name: self.texts[name] for name in SHARED_WITH_API if name in self.texts}
        for name in ("createdAfter", "createdBefore"):
            if instant := to_rfc3339(self.values.get(name)):
                values[name] = instant
        return urlencode(values, safe=",")

    def as_json(self) -> dict[str, Any]:
        """What the scripts test a task against, to know whether it belongs to the list, and whether
        the feed's totals are the list's."""
        values = self.values
        return {
            "status": sorted(self.statuses),
            "channel": sorted(self.channels),
            "agent": values.get("agent"),
            "taskType": values.get("taskType"),
            "words": searched_words(values.get("q", "")),
            "createdAfter": to_rfc3339(values.get("createdAfter")),
            "createdBefore": to_rfc3339(values.get("createdBefore")),
            "createdUpTo": to_rfc3339(self.after[0]) if self.after else None,
            "overdue": values.get("overdue"),
            # A frame has the totals of everything and of each marketplace.
            "isRolledUp": values.keys() <= ROLLED_UP and len(self.channels) <= 1,
        }


def read_filters(parameters: Mapping[str, str], *, now: datetime) -> PageFilters:
    texts: dict[str, str] = {}
    values: dict[str, Any] = {}
    ignored: list[Ignored] = []

    def ignore(name: str, reason: str) -> None:
        ignored.append(Ignored(name[:100], parameters[name][:100], reason))

    for name in SHARED_WITH_API:
        if text := parameters.get(name, "").strip():
            if REPLACEMENT in text:
                ignore(name, _("It is not UTF-8."))
                continue
            try:
                values[name] = FILTERS[name].field.clean(text)
                texts[name] = text
            except forms.ValidationError as error:
                labels = CHOICES[name].labels if name in CHOICES else ()
                ignore(name, one_of(map(str, labels)) if labels else " ".join(error.messages))
    created_texts, created_values = _read_created(parameters, now, ignore)
    texts |= created_texts
    values |= created_values
    cursor = parameters.get("cursor") or None
    after = None
    if cursor:
        try:
            after = decode_cursor(cursor, of=Listing.TASKS)
        except ValidationError:
            ignore("cursor", _("The list starts with the newest task."))
            cursor = None
    unknown = (name for name in parameters if name not in KNOWN)
    for name in islice(unknown, MOST_UNKNOWN):
        ignore(name, _("This page has no such filter."))
    return PageFilters(texts, values, ignored, cursor, after)


def _read_created(
    parameters: Mapping[str, str], now: datetime, ignore: Callable[[str, str], None]
) -> tuple[dict[str, str], dict[str, datetime]]:
    """When the tasks were created, as the address has it and as the query wants it."""
    days: dict[str, date] = {}
    for name in DAYS:
        if text := parameters.get(name, "").strip():
            try:
                days[name] = parse_day(text)
            except ValueError:
                ignore(name, _("Enter a day such as 2026-02-24."))
    if len(days) == len(DAYS) and days["to"] < days["from"]:
        ignore("to", _("The last day is before the first."))
        del days["to"]
    period = parameters.get("period", "")
    if period and period not in PERIODS:
        ignore("period", one_of(str(label) for label, _count in PERIODS.values()))
    elif period and not days:
        _label, count = PERIODS[period]
        return {"period": period}, {"createdAfter": clock.days_ago(count - 1, at=now)}
    values = {}
    if "from" in days:
        values["createdAfter"] = clock.start_of_business_day(days["from"])
    if "to" in days:
        values["createdBefore"] = clock.start_of_business_day(days["to"] + timedelta(days=1))
    return {name: day.isoformat() for name, day in days.items()}, values


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_day(text: str) -> date:
    """A day as a date field gives it, with a day before and after it.

    Raises
    ------
    ValueError: it is none
    """
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no day")
    day = date.fromisoformat(text)
    if not 1 < day.year < 9999:
        raise ValueError(f"{text} has no day beside it")
    return day


def one_of(labels: Iterable[str]) -> str:
    """What a filter would have understood."""
    return _("Choose one of {choices}.").format(choices=", ".join(labels))


def card_of(statuses: Iterable[str]) -> Card | None:
    """The card whose statuses these are exactly; None for any other selection."""
    chosen = set(statuses)
    return next((card for card, of in STATUSES_OF.items() if chosen == set(of)), None)
