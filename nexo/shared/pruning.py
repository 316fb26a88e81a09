"""Delete what has had its time, a little at once."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise

# A batch holds SQLite's one write lock for some 10 ms.
BATCH = 1_000

Prune = Callable[[datetime], int]
"""Deletes what may go at an instant; how many rows that were."""
_registered: list[tuple[str | Promise, Prune]] = []


def register(name: str | Promise, prune: Prune) -> None:
    """For each app's `ready`: `manage.py prune` does it with the rest, in the order of the apps."""
    if all(prune is not known for _name, known in _registered):
        _registered.append((name, prune))


def registered() -> Iterator[tuple[str, Prune]]:
    for name, prune in _registered:
        yield str(name), prune


def delete_in_batches(rows: QuerySet[Any], batch: int = BATCH) -> int:
    """Delete all `rows` in short transactions, so that writers come in between; how many."""
    deleted = 0
    while True:
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:batch])
        if not keys:
            return deleted
        # Of these rows, not of those that go with them.
        counts = rows.model._default_manager.filter(pk__in=keys).delete()[1]
        deleted += counts.get(rows.model._meta.label, 0)
