"""The audit's filters as its address has them. What cannot be read is left out, and said."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from rest_framework.exceptions import ValidationError

from execution.page_controls import Choice
from execution.page_filters import PERIODS, Ignored, parse_day
from nexo.shared import clock
from nexo.shared.api import REPLACEMENT
from nexo.shared.pagination import Listing, decode_cursor, encode_cursor
from orchestration.audit import AuditQuery, Place, Source
from orchestration.audit_texts import ACTIONS, KINDS

TEXT: Final = forms.CharField(max_length=200, required=False)
FILTERS: Final = (
    *("who", "id", "origin", "kind", "action", "reports", "from", "to", "period", "cursor"),
)
IN_DETAILS: Final = ("action", "from", "to", "origin", "reports")


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """`texts` as the address has them, without what was ignored."""

    texts: Mapping[str, str]
    query: AuditQuery
    ignored: Sequence[Ignored] = ()
    after: Place | None = None

    @property
    def in_details(self) -> int:
        return sum(name in self.texts for name in IN_DETAILS)

    def address(self, **changes: str | None) -> str:
        """The query string with some filters set or (None) cleared, from the newest on."""
        texts = {**self.texts, **changes}
        return urlencode({name: text for name, text in texts.items() if text}, safe=":")

    def next_address(self, after: Place) -> str:
        return self.address(cursor=encode_place(after))


def read_filters(parameters: Mapping[str, str], *, now: datetime) -> AuditFilters:
    reader = _Reader(parameters)
    actor, object_id, origin = reader.text("who"), reader.text("id"), reader.text("origin")
    kind, action = reader.listed("kind", KINDS), reader.listed("action", ACTIONS)
    reports = reader.choice("reports", ("true",)) == "true"
    since, until = reader.day("from"), reader.day("to")
    if since and until and until < since:
        reader.refuse("to", _("The last day is before the first."))
        until = None
    if since or until:
        reader.drop("period")
    elif period := reader.choice("period", tuple(PERIODS)):
        since = clock.business_day(now) - timedelta(days=PERIODS[period][1] - 1)
    after = reader.place("cursor")
    reader.ignore_others()
    return AuditFilters(
        reader.texts,
        AuditQuery(
            actor=actor,
            kind=kind,
            object_id=object_id,
            action=action,
            origin=origin,
            since=clock.start_of_business_day(since) if since else None,
            until=clock.start_of_business_day(until + timedelta(days=1)) if until else None,
            reports=reports,
        ),
        reader.ignored,
        after,
    )


class _Reader:
    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters
        self.texts: dict[str, str] = {}
        self.ignored: list[Ignored] = []

    def text(self, name: str) -> str:
        given = self._parameters.get(name, "")
        if REPLACEMENT in given:
            return self._ignore(name, _("It is not UTF-8."))
        try:
            text: str = TEXT.clean(given)
        except forms.ValidationError as error:
            return self._ignore(name, " ".join(error.messages))
        return self._keep(name, text)

    def listed(self, name: str, choices: Collection[str]) -> str:
        text = self.text(name)
        if text and text not in choices:
            return self._ignore(name, _("Choose one from the list."))
        return text

    def ignore_others(self) -> None:
        """What is no filter at all: a slip must not look as if it had been followed."""
        for name in self._parameters:
            if name not in FILTERS:
                reason = _("This page has no such filter.")
                self.ignored.append(Ignored(name[:40], self._parameters[name][:100], reason))

    def choice(self, name: str, choices: Sequence[str]) -> str:
        text = self._parameters.get(name, "")
        if text and text not in choices:
            return self._ignore(name, _("Choose one of {choices}.").format(choices=_list(choices)))
        return self._keep(name, text)

    def day(self, name: str) -> date | None:
        text = self._parameters.get(name, "").strip()
        try:
            day = parse_day(text) if text else None
        except ValueError:
            self._ignore(name, _("Enter a day such as 2026-02-24."))
            return None
        self._keep(name, text)
        return day

    def place(self, name: str) -> Place | None:
        if not (text := self._parameters.get(name, "")):
            return None
        try:
            return decode_place(text)
        except ValidationError:
            self._ignore(name, _("The list starts with the newest line."))
            return None

    def refuse(self, name: str, reason: str) -> None:
        self._ignore(name, reason)

    def drop(self, name: str) -> None:
        self.texts.pop(name, None)

    def _keep(self, name: str, text: str) -> str:
        if text:
            self.texts[name] = text
        return text

    def _ignore(self, name: str, reason: str) -> str:
        self.texts.pop(name, None)
        self.ignored.append(Ignored(name, self._parameters[name][:100], reason))
        return ""


def _list(choices: Sequence[str]) -> str:
    return ", ".join(choices)


# -- Places ----------------------------------------------------------------------------------------


def encode_place(place: Place) -> str:
    return encode_cursor(place.at, 2 * place.row_id + place.source, of=Listing.AUDIT)


def decode_place(cursor: str) -> Place:
    """Raises ValidationError: it is not a cursor that this program gave."""
    at, number = decode_cursor(cursor, of=Listing.AUDIT)
    return Place(at, Source(number % 2), number // 2)


# -- Controls --------------------------------------------------------------------------------------


def kinds(filters: AuditFilters) -> list[Choice]:
    """Links that keep the other filters, save the id, which is of one kind."""
    chosen = filters.texts.get("kind", "")
    found = [
        Choice("", pgettext("every kind", "All"), filters.address(kind=None, id=None), not chosen)
    ]
    for value, label in KINDS.items():
        address = filters.address(kind=value, id=None)
        found.append(Choice(value, _capital(label), address, value == chosen))
    return found


def actions(filters: AuditFilters) -> list[Choice]:
    chosen = filters.texts.get("action", "")
    found = [
        Choice(value, _capital(label), "", value == chosen) for value, label in ACTIONS.items()
    ]
    found.sort(key=lambda choice: choice.label)
    found.insert(0, Choice("", pgettext("every action", "All"), "", not chosen))
    return found


def _capital(label: Any) -> str:
    text = str(label)
    return text[:1].upper() + text[1:]
