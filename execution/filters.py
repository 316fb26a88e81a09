"""The list's filters, parsed once for API and page; a bad value names its parameter."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from execution import queries
from execution.enums import MarketplaceSlug, TaskStatus
from execution.models import Task
from execution.totals import Counts
from nexo.shared import clock
from nexo.shared.folding import folded
from nexo.shared.instants import parse_instant
from nexo.shared.reading import Asked


class InstantField(forms.CharField):
    """RFC 3339; an instant without offset is business time."""

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            # A plus sign that was not percent-encoded arrives as a space.
            return parse_instant(text.replace(" ", "+") if "T" in text else text)
        except ValueError as error:
            message = _("Enter an instant such as 2026-02-24T14:35:12Z.")
            raise forms.ValidationError(message) from error


class InstantFilter(django_filters.Filter):
    field_class = InstantField


class ChoicesField(forms.CharField):
    """One value, or several separated by commas, each among the choices."""

    def __init__(self, *, choices: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self.allowed = frozenset(choices)

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        values = [part.strip() for part in text.split(",")] if text else []
        for part in values:
            if part not in self.allowed:
                message = _("%(value)s is not one of %(choices)s.")
                params = {"value": part[:100] or "''", "choices": ", ".join(sorted(self.allowed))}
                raise forms.ValidationError(message, params=params)
        return values


class ChoicesFilter(django_filters.Filter):
    field_class = ChoicesField

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, lookup_expr="in", **options)


class FlagField(forms.CharField):
    def clean(self, value: Any) -> bool | None:
        text = super().clean(value)
        if not text:
            return None
        if text not in ("true", "false"):
            raise forms.ValidationError(_("Must be true or false."))
        return text == "true"


# A shorter word, such as the 7 of “lote 7”, is in nearly every id: it is looked for as it stands.
LEAST_LETTERS: Final = 3
MOST_WORDS: Final = 10


def searched_words(text: str) -> list[str]:
    """What a search has to find, each: words, or several as they stand where one is short."""
    found: list[str] = []
    for word in folded(text).split():
        is_short = len(word) < LEAST_LETTERS or (found and len(found[-1]) < LEAST_LETTERS)
        if found and (is_short or len(found) == MOST_WORDS):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


class TextFilter(django_filters.CharFilter):
    """Words anywhere in title or ids, in any order and case, with or without accents."""

    def filter(self, tasks: QuerySet[Task], value: str) -> QuerySet[Task]:
        for word in searched_words(value):
            tasks = tasks.filter(search_text__contains=word)
        return tasks


class OverdueFilter(django_filters.Filter):
    field_class = FlagField

    def filter(self, tasks: QuerySet[Task], value: bool | None) -> QuerySet[Task]:
        if value is None:
            return tasks
        is_overdue = queries.overdue(clock.now())
        return tasks.filter(is_overdue if value else ~is_overdue)


class TaskFilter(django_filters.FilterSet):
    taskId = django_filters.CharFilter("task_id", max_length=200)
    status = ChoicesFilter("status", choices=TaskStatus.values)
    channel = ChoicesFilter("marketplace_id", choices=MarketplaceSlug.values)
    agent = django_filters.CharFilter("agent_id", max_length=200)
    taskType = django_filters.CharFilter("task_type", max_length=200)
    q = TextFilter(max_length=200, label=_("Search"))
    createdAfter = InstantFilter("created_at", lookup_expr="gte")
    createdBefore = InstantFilter("created_at", lookup_expr="lt")
    overdue = OverdueFilter(label=_("Overdue"))

    class Meta:
        model = Task
        fields: tuple[str, ...] = ()


FILTERS: dict[str, django_filters.Filter] = dict(TaskFilter.base_filters)
# Of these the roll-up, and so every frame of the feed, knows the totals.
ROLLED_UP = frozenset({"status", "channel"})


def filter_values(parameters: Mapping[str, str]) -> dict[str, Any]:
    """The filters given in a query string, each checked and turned into its type.

    Only what is given is looked at: making a FilterSet and its form for every request copies all
    of their fields, which took longer than the query.

    Raises
    ------
    ValidationError: each message under its parameter
    """
    values, errors = {}, {}
    for name, task_filter in FILTERS.items():
        if text := parameters.get(name):
            try:
                values[name] = task_filter.field.clean(text)
            except forms.ValidationError as error:
                errors[name] = error.messages
    if errors:
        raise ValidationError(errors)
    return values


class TaskSelection:
    """The tasks that checked filters select, and their totals by the cheapest true way."""

    def __init__(
        self, values: Mapping[str, Any], visible: QuerySet[Task], *, sees_all: bool
    ) -> None:
        self._values = values
        self._visible = visible
        # Whether the roll-up knows how many these are.
        self.is_rolled_up = sees_all and values.keys() <= ROLLED_UP

    def asked(self) -> Hashable | None:
        """What was asked, where it means the same whoever asks and whenever; else None."""
        if not self.is_rolled_up:
            return None
        return tuple((name, tuple(values)) for name, values in sorted(self._values.items()))

    def tasks(self, *, without: Collection[str] = ()) -> QuerySet[Task]:
        """The matching tasks; some filters may be left out."""
        tasks = self._visible
        for name, value in self._values.items():
            if name not in without:
                tasks = FILTERS[name].filter(tasks, value)
        return tasks

    def counts(self, rolled_up: Asked[Any] | None = None, *, every_channel: bool = False) -> Counts:
        """How many match. `rolled_up` are the roll-up's rows, where they were asked for already.

        Only with `every_channel` is it known what channels match that were not asked for.
        """
        if self.is_rolled_up:
            tallies = queries.tallies_by_marketplace(rolled_up)
        else:
            without = ("status", "channel") if every_channel else ("status",)
            tallies = queries.counted_tallies(self.tasks(without=without))
        # A value that was given twice counts once.
        statuses, channels = (frozenset(self._values.get(n, ())) for n in ("status", "channel"))
        return Counts(tallies, statuses, channels)
