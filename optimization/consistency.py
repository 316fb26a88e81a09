"""Do the daily facts agree with the events they were counted from?"""

from collections.abc import Iterator, Mapping
from math import isclose
from typing import Any

from django.utils.translation import gettext as _

from execution.models import Stream
from optimization import projection
from optimization.counting import Tally
from optimization.models import COUNTED, AgentDay, DailyFact, FactCursor, Facts

Key = tuple[Any, ...]
Amounts = Mapping[str, float]


def facts() -> Iterator[str]:
    """Both tables of facts, recounted up to the event that they include."""
    cursor = FactCursor.objects.get(pk=1)
    if cursor.epoch != Stream.objects.values_list("epoch", flat=True).get():
        return  # of a log that is no more: counted anew at the next read
    tally = _recounted(cursor.sequence)
    places = {
        (place.day, place.agent_id, place.marketplace_id, place.task_type): amounts
        for place, amounts in tally.by_place()
    }
    yield from _compared(DailyFact, ("day", "agent_id", "marketplace_id", "task_type"), places)
    yield from _compared(AgentDay, ("day", "agent_id"), dict(tally.by_agent()))
    yield from _worked(tally)


def _recounted(last: int) -> Tally:
    """What the events say; none that facts are counted from is ever pruned."""
    tally = Tally()
    for after in range(0, last, projection.BATCH):
        projection.tell(tally, after, min(after + projection.BATCH, last))
    return tally


def _compared(
    model: type[Facts], key: tuple[str, ...], counted: Mapping[Key, Amounts]
) -> Iterator[str]:
    rows = model.objects.values_list(*key, *COUNTED)  # type: ignore[attr-defined]  # abstract
    kept = {row[: len(key)]: dict(zip(COUNTED, row[len(key) :], strict=True)) for row in rows}
    for place in sorted({*kept, *counted}):
        for name in COUNTED:
            is_kept = kept.get(place, {}).get(name, 0)
            is_true = counted.get(place, {}).get(name, 0)
            if not isclose(is_kept, is_true, rel_tol=1e-9, abs_tol=1e-6):
                values = {
                    "table": model.__name__,
                    "place": "/".join(map(str, place)),
                    "name": name,
                    "kept": f"{is_kept:g}",
                    "true": f"{is_true:g}",
                }
                yield (
                    _("%(table)s %(place)s: %(name)s is %(kept)s, the log says %(true)s.") % values
                )


def _worked(tally: Tally) -> Iterator[str]:
    rows = AgentDay.objects.filter(worked_at__isnull=False)
    kept = {row[:2]: row[2] for row in rows.values_list("day", "agent_id", "worked_at")}
    counted = dict(tally.worked())
    for key in sorted({*kept, *counted}):
        if kept.get(key) != counted.get(key):
            values = {
                "table": AgentDay.__name__,
                "place": "/".join(map(str, key)),
                "name": "worked_at",
                "kept": kept.get(key),
                "true": counted.get(key),
            }
            yield (_("%(table)s %(place)s: %(name)s is %(kept)s, the log says %(true)s.") % values)
