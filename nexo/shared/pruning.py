"""Delete what has had its time, a little at once."""

from typing import Any

from django.db.models import QuerySet

# A batch holds SQLite's one write lock for some 10 ms.
BATCH = 1_000


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
