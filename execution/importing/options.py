"""What the command line says about a log: names of columns and channels, and where it ends."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from django.utils.translation import gettext as _

from execution.enums import MarketplaceSlug
from execution.importing.rows import COLUMNS, EARLIEST, LATEST, REQUIRED_COLUMNS


class BadOption(Exception):
    """A sentence that says what to change on the command line, or in the file's header."""


def column_names(options: Iterable[str]) -> dict[str, str]:
    """The file's name of each of our columns that has another one there: `ours=theirs,…`.

    Raises
    ------
    BadOption
    """
    names = _pairs("--columns", options)
    for ours in names:
        if ours not in COLUMNS:
            values = {"name": ours, "known": ", ".join(COLUMNS)}
            raise BadOption(_("--columns: there is no column %(name)s. Known: %(known)s.") % values)
    return names


def channel_names(options: Iterable[str]) -> dict[str, str]:
    """The marketplace of each channel that has another name in the file: `theirs=ours,…`.

    Raises
    ------
    BadOption
    """
    channels = _pairs("--channels", options)
    for marketplace in channels.values():
        if marketplace not in MarketplaceSlug.values:
            values = {"name": marketplace, "known": ", ".join(MarketplaceSlug.values)}
            raise BadOption(
                _("--channels: there is no marketplace %(name)s. Known: %(known)s.") % values
            )
    return channels


def _pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in (part.strip() for text in texts for part in text.split(",")):
        if not pair:
            continue
        left, equals, right = (part.strip() for part in pair.partition("="))
        if not (left and equals and right):
            values = {"option": option, "pair": pair}
            raise BadOption(_("%(option)s: “%(pair)s” must look like name=name.") % values)
        if pairs.setdefault(left, right) != right:
            values = {"option": option, "name": left}
            raise BadOption(_("%(option)s: %(name)s is given twice.") % values)
    return pairs


def column_positions(header: list[str], names: Mapping[str, str]) -> dict[str, int]:
    """The place of each of our columns that the header has.

    Raises
    ------
    BadOption: a required or a named column is missing, or a column is there twice
    """
    header = [name.strip() for name in header]
    positions = {}
    for ours in COLUMNS:
        theirs = names.get(ours, ours)
        places = [place for place, name in enumerate(header) if name == theirs]
        if len(places) > 1:
            raise BadOption(_("The header has the column %s twice.") % theirs)
        if places:
            positions[ours] = places[0]
        elif ours in names:
            raise BadOption(_("The header has no column %s.") % theirs)
        elif ours in REQUIRED_COLUMNS:
            values = {"name": ours, "header": shown_header(header)}
            raise BadOption(
                _(
                    "The header has no column %(name)s. If it has another name, say so with "
                    "--columns %(name)s=NAME. The header is: %(header)s"
                )
                % values
            )
    return positions


def shown_header(header: Iterable[str]) -> str:
    text = ", ".join(header)
    return ascii(text[:300])[1:-1] if not text.isprintable() else text[:300]


def end_day(text: str, *, today: date) -> date:
    """The business day that a log is to end on: `yesterday` or a date.

    Raises
    ------
    BadOption
    """
    if text == "yesterday":
        return today - timedelta(days=1)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadOption(_("--end must be yesterday or a date such as 2026-02-24.")) from None
    if not EARLIEST.year <= day.year < LATEST.year:
        raise BadOption(_("--end must lie in the years 1900 to 2199."))
    return day
