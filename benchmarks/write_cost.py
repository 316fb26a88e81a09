"""Goal 6: what counters, event number, lock and checks add to a write.

The product's own `update_task`, a status change each time, against the least that leaves the same
trace: one UPDATE and one event row in a transaction, by the database's driver. Both in one process,
on the same connection and tables.
"""

import json
from collections.abc import Iterator

from benchmarks import machine
from benchmarks.measures import Measure, Rounds, shown
from benchmarks.site import DatabaseName, Ground, Site, in_django

AT_MOST = 1.5


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    databases: tuple[DatabaseName, ...] = ("sqlite",) if quick else ("sqlite", "postgres")
    for database in databases:
        yield compare(ground.site(database), database, quick=quick)


def compare(site: Site, database: DatabaseName, *, quick: bool) -> Measure:
    rounds, writes = (2, 40) if quick else (9, 400)
    mine, bare = site.task_ids[:2]
    with machine.on_core(machine.SERVERS):
        call = f"writing.main({rounds}, {writes}, {mine!r}, {bare!r})"
        kept = Rounds(**json.loads(in_django(site.environment, call)))
    ours, theirs = kept.middle()
    return Measure(
        goal=6,
        what=f"{database}: one status change",
        product=shown(ours, "ms"),
        limit=shown(theirs, "ms"),
        ratio=kept.ratio(),
        bound=AT_MOST,
    )
