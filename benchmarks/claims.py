"""Goal 12: what agent, capacity, order, lease and answer add to a claim.

The product's own `claim_tasks`, one task each time, against the least that decides who has a task:
one conditional UPDATE of the next approved one in a transaction, by the database's driver. Both in
one process, on the same connection and table, each from a stock of its own.
"""

import json
from collections.abc import Iterator

from benchmarks import machine
from benchmarks.measures import Measure, Rounds, shown
from benchmarks.site import DatabaseName, Ground, Site, in_django

AT_MOST = 3.0


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    databases: tuple[DatabaseName, ...] = ("sqlite",) if quick else ("sqlite", "postgres")
    for database in databases:
        yield compare(ground.site(database), database, quick=quick)


def compare(site: Site, database: DatabaseName, *, quick: bool) -> Measure:
    rounds, claims = (2, 20) if quick else (9, 200)
    with machine.on_core(machine.SERVERS):
        call = f"claiming.main({rounds}, {claims})"
        kept = Rounds(**json.loads(in_django(site.environment, call)))
    ours, theirs = kept.middle()
    return Measure(
        goal=12,
        what=f"{database}: one claim, p50",
        product=shown(ours, "ms"),
        limit=shown(theirs, "ms"),
        ratio=kept.ratio(),
        bound=AT_MOST,
    )
