"""Cards, segments and chips of the execution page: each is a link that keeps the other filters.

Pure: counts and filters in, what to show out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from execution.enums import OPEN_STATUSES, Card, MarketplaceSlug, TaskStatus
from execution.page_filters import PERIODS, STATUSES_OF, PageFilters, card_of, parse_day
from execution.texts import day_text, number_text

TONE_OF: Final = {
    Card.PENDING: "neutral",
    Card.IN_PROGRESS: "blue",
    Card.COMPLETED: "green",
    Card.FAILED: "red",
}
ICON_OF: Final = {
    Card.PENDING: "pending",
    Card.IN_PROGRESS: "in_progress",
    Card.COMPLETED: "completed",
    Card.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class CardView:
    """`share` in percent of all tasks that the other filters select."""

    key: str
    label: str
    tone: str
    icon: str
    count: int
    share: int
    share_text: str
    query: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    query: str
    is_current: bool
    count: int | None = None


def percent_of(count: int, total: int) -> int:
    """Rounded half up; 0 of nothing."""
    return (200 * count + total) // (2 * total) if total else 0


def share_text(share: int, total: int) -> str:
    return _("{share}% of {total}").format(share=share, total=number_text(total))


def mean_text(summary: Mapping[str, int]) -> str:
    total = sum(summary[card.value] for card in Card)
    return _("mean of {total}").format(total=number_text(total))


def cards(summary: Mapping[str, int], filters: PageFilters) -> list[CardView]:
    """The four counts; a second press on the one that is set clears the status again."""
    total = sum(summary[card.value] for card in Card)
    chosen = card_of(filters.statuses)
    return [
        CardView(
            key=card.value,
            label=str(card.label),
            tone=TONE_OF[card],
            icon=ICON_OF[card],
            count=summary[card.value],
            share=percent_of(summary[card.value], total),
            share_text=share_text(percent_of(summary[card.value], total), total),
            query=filters.query(status=None if card == chosen else ",".join(STATUSES_OF[card])),
            is_current=card == chosen,
        )
        for card in Card
    ]


def _status_name(status: TaskStatus) -> str:
    """Its own name; the card that it shares with another has the plain one."""
    if status == TaskStatus.PENDING:
        return pgettext("status beside its card", "Awaiting approval")
    if status == TaskStatus.IN_PROGRESS:
        return pgettext("status beside its card", "Only in progress")
    return str(status.label)


def status_segments(filters: PageFilters) -> list[Choice]:
    chosen, is_open = card_of(filters.statuses), filters.statuses == set(OPEN_STATUSES)
    still_open = filters.query(status=",".join(OPEN_STATUSES))
    segments = [
        Choice(
            "", pgettext("every status", "All"), filters.query(status=None), not filters.statuses
        ),
        Choice("open", pgettext("tasks", "Open"), still_open, is_open),
    ]
    for card in Card:
        query = filters.query(status=",".join(STATUSES_OF[card]))
        segments.append(Choice(card.value, str(card.label), query, card == chosen))
    if filters.statuses and chosen is None and not is_open:
        # A selection that only an address can make, such as one status of a card's two.
        names = [_status_name(status) for status in TaskStatus if status.value in filters.statuses]
        segments.append(Choice("other", ", ".join(names), filters.query(), is_current=True))
    return segments


def channel_chips(counts: Mapping[str, int], filters: PageFilters) -> list[Choice]:
    """A press adds the marketplace to those chosen, or takes it out again."""
    chosen = filters.channels
    everything = Choice(
        "",
        pgettext("every marketplace", "All"),
        filters.query(channel=None),
        not chosen,
        sum(counts.values()),
    )
    chips = [everything]
    for slug in MarketplaceSlug:
        after = chosen ^ {slug.value}
        joined = ",".join(other for other in MarketplaceSlug.values if other in after)
        query = filters.query(channel=joined or None)
        chips.append(
            Choice(slug.value, slug.label, query, slug.value in chosen, counts[slug.value])
        )
    return chips


def periods(filters: PageFilters) -> list[Choice]:
    chosen = filters.texts.get("period", "")
    choices = [Choice("", _("All time"), "", not chosen)]
    choices += [
        Choice(value, str(label), "", value == chosen) for value, (label, _days) in PERIODS.items()
    ]
    return choices


# -- In words ------------------------------------------------------------------------------------


def filters_text(filters: PageFilters, agent_names: Mapping[str, str]) -> str:
    """`Failed · Shein`: what the filters select, as the page's own controls name it."""
    texts, values = filters.texts, filters.values
    parts: list[str] = []
    if filters.statuses:
        parts += [choice.label for choice in status_segments(filters) if choice.is_current]
    if filters.channels:
        chosen = [slug for slug in MarketplaceSlug if slug.value in filters.channels]
        parts.append(", ".join(str(slug.label) for slug in chosen))
    if agent := texts.get("agent"):
        parts.append(agent_names.get(agent, agent))
    if task_type := texts.get("taskType"):
        parts.append(task_type)
    if "q" in texts:
        parts.append(f"“{texts['q']}”")
    if "period" in texts:
        parts.append(str(PERIODS[texts["period"]][0]))
    if first := texts.get("from"):
        parts.append(_("from {day}").format(day=day_text(parse_day(first))))
    if last := texts.get("to"):
        parts.append(_("up to {day}").format(day=day_text(parse_day(last))))
    if "overdue" in values:
        parts.append(_("Overdue") if values["overdue"] else _("Not overdue"))
    return " · ".join(parts)
