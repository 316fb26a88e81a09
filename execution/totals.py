"""Counts of tasks and their progress, and the cards made of them: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from execution.enums import CARD_OF, Card, MarketplaceSlug, TaskStatus

# `TaskStatus.values` makes its list, labels and all, each time.
NO_TASKS = {status.value: 0 for status in TaskStatus}
NO_CARDS = {card.value: 0 for card in Card}
CARD_OF_STATUS = {status.value: card.value for status, card in CARD_OF.items()}


class Move(NamedTuple):
    """What one committed change of a task did to the totals; `progress` in points, may be < 0."""

    sequence: int  # the newest event of the change
    marketplace: str
    from_status: str
    to_status: str
    progress: int


class Totals:
    """Tasks per card and the sum of their progress, as of event number `sequence`."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self._cards = {slug.value: dict(NO_CARDS) for slug in MarketplaceSlug}
        self._progress = {slug.value: 0 for slug in MarketplaceSlug}

    @classmethod
    def of(cls, rows: Iterable[Any], sequence: int = 0) -> "Totals":
        """From the roll-up: (status, marketplace, tasks, sum of their progress)."""
        totals = cls(sequence)
        for status, slug, count, progress_sum in rows:
            totals._add(slug, status, count, progress_sum)
        return totals

    def _add(self, slug: str, status: str, count: int, progress: int) -> None:
        # A newer version may count in marketplaces that are unknown here.
        cards = self._cards.setdefault(slug, dict(NO_CARDS))
        cards[CARD_OF_STATUS[status]] += count
        self._progress[slug] = self._progress.get(slug, 0) + progress

    def after(self, moves: Iterable[Move]) -> "Totals":
        """These totals and what happened since; moves that they hold already are passed over."""
        totals = Totals(self.sequence)
        totals._cards = {slug: dict(cards) for slug, cards in self._cards.items()}
        totals._progress = dict(self._progress)
        for move in moves:
            if move.sequence <= totals.sequence:
                continue
            totals._add(move.marketplace, move.from_status, -1, 0)
            totals._add(move.marketplace, move.to_status, 1, move.progress)
            totals.sequence = move.sequence
        return totals

    def summary(self) -> dict[str, Any]:
        """`{"all": {...}, "byChannel": {amazon: {...}, ...}}`."""
        everywhere = dict(NO_CARDS)
        for cards in self._cards.values():
            for card, count in cards.items():
                everywhere[card] += count
        return {
            "all": with_progress(everywhere, sum(self._progress.values())),
            "byChannel": {
                slug: with_progress(cards, self._progress[slug])
                for slug, cards in self._cards.items()
            },
        }


@dataclass(slots=True)
class Tally:
    """Counts per status and the sum of progress, of one set of tasks."""

    counts: dict[str, int]
    progress_sum: int = 0

    @classmethod
    def empty(cls) -> "Tally":
        return cls(dict(NO_TASKS))

    def add(self, status: str, count: int, progress_sum: int) -> None:
        self.counts[status] += count
        self.progress_sum += progress_sum

    def total(self, statuses: Iterable[str] | None = None) -> int:
        return sum(self.counts[status] for status in statuses or self.counts)

    def summary(self) -> dict[str, int]:
        """The five cards; `totalProgress` is the rounded mean progress, 0 without tasks."""
        cards = dict(NO_CARDS)
        for status, count in self.counts.items():
            cards[CARD_OF_STATUS[status]] += count
        return with_progress(cards, self.progress_sum)


@dataclass(frozen=True)
class Counts:
    """How many tasks match, by tallies of each marketplace that take no heed of the status.

    `statuses` and `channels` are those asked for; none means all.
    """

    tallies: Mapping[str, Tally]
    statuses: frozenset[str]
    channels: frozenset[str]

    @property
    def total(self) -> int:
        return self._chosen.total(self.statuses or None)

    def summary(self) -> dict[str, int]:
        """The five cards, whatever status was asked for."""
        return self._chosen.summary()

    def by_channel(self) -> dict[str, int]:
        """How many match on each marketplace, whatever channel was asked for."""
        statuses = self.statuses or None
        return {slug: tally.total(statuses) for slug, tally in self.tallies.items()}

    @cached_property
    def _chosen(self) -> Tally:
        return combined(self.tallies[slug] for slug in self.channels or self.tallies)


def combined(tallies: Iterable[Tally]) -> Tally:
    whole = Tally.empty()
    for tally in tallies:
        for status, count in tally.counts.items():
            whole.counts[status] += count
        whole.progress_sum += tally.progress_sum
    return whole


def with_progress(cards: dict[str, int], progress_sum: int) -> dict[str, int]:
    """The four counts and `totalProgress`, the rounded mean progress; 0 without tasks."""
    total = sum(cards.values())
    mean = (2 * progress_sum + total) // (2 * total) if total else 0
    return {**cards, "totalProgress": mean}
