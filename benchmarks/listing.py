"""Goal 4: the authenticated list of 50 tasks, in requests per second of 8 connections.

Against one query for about the same bytes, without sign-in, throttle or check, on the same
database of 10,000 tasks.
"""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.client import Load, Loop, request
from benchmarks.dialects import PRODUCT, TEXTBOOK
from benchmarks.fanout import address_of
from benchmarks.measures import Measure, interleave, shown
from benchmarks.site import DatabaseName, Ground, Site
from tests.servers import RunningServer, ServerName

CONNECTIONS = 8
TASKS = 10_000
BOUNDS: dict[tuple[DatabaseName, ServerName], float] = {
    ("postgres", "uvicorn"): 1.5,
    ("postgres", "daphne"): 2.0,
    ("sqlite", "uvicorn"): 3.0,
    ("sqlite", "daphne"): 3.0,
}


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    databases: tuple[DatabaseName, ...] = ("sqlite",) if quick else ("sqlite", "postgres")
    servers: tuple[ServerName, ...] = ("daphne",) if quick else ("daphne", "uvicorn")
    for database in databases:
        site = ground.site(database, tasks=1_000 if quick else TASKS)
        for server in servers:
            yield compare(site, server, database, quick=quick)
    yield against_textbook(ground.site("sqlite", tasks=1_000 if quick else TASKS), quick=quick)


def against_textbook(site: Site, *, quick: bool) -> Measure:
    """The product beside what tutorials build, both under Daphne; each gives 50 tasks."""
    rounds, requests = (1, 10) if quick else (5, 100)
    with ExitStack() as stack:
        here = _load(stack.enter_context(site.product("daphne")), site, PRODUCT.listing)
        book, _stamps = stack.enter_context(site.textbook())
        there = _load(book, site, TEXTBOOK.listing)
        kept = interleave(rounds, lambda: here.run(requests), lambda: there.run(requests))
    ours, theirs = (requests / seconds for seconds in kept.middle())
    sizes = f"{here.answer_bytes:,} bytes against {there.answer_bytes:,}"
    return Measure(
        goal=4,
        what=f"sqlite, textbook beside: {sizes}",
        product=shown(ours, "per s"),
        limit=shown(theirs, "per s"),
        ratio=kept.ratio(),
        bound=None,
    )


def compare(site: Site, server: ServerName, database: DatabaseName, *, quick: bool) -> Measure:
    rounds, requests = (2, 40) if quick else (9, 500)
    with ExitStack() as stack:
        here = _load(stack.enter_context(site.product(server)), site, PRODUCT.listing)
        there = _load(stack.enter_context(site.limit()), site, PRODUCT.listing)
        kept = interleave(rounds, lambda: here.run(requests), lambda: there.run(requests))
    ours, theirs = (requests / seconds for seconds in kept.middle())
    return Measure(
        goal=4,
        what=f"{database}, {server}: {here.answer_bytes:,} bytes against {there.answer_bytes:,}",
        product=shown(ours, "per s"),
        limit=shown(theirs, "per s"),
        ratio=kept.ratio(),
        bound=BOUNDS[database, server],
    )


def _load(server: RunningServer, site: Site, path: str) -> Load:
    address = address_of(server)
    message = request(address, "GET", path, site.headers())
    return Load(Loop(), address, CONNECTIONS, lambda _number: message)
