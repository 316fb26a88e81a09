"""Goal 8: what an idle socket costs in memory, and reading beside many sockets and writers.

Memory is the server process's resident set: 2,000 sockets more than the hundred that have been
opened before them, after some seconds in which nothing happens. What the kernel keeps for a
connection is not in it.

Then 100 PATCH a second at fixed moments, and beside them 20 GET of the list a second; each time
counts from the moment when its request was due, so that a server that falls behind cannot hide it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count

from benchmarks import machine
from benchmarks.client import Audience, Loop, Paced, keep_pace, request
from benchmarks.dialects import PRODUCT, note
from benchmarks.fanout import address_of
from benchmarks.measures import Measure, against_goal, percentile, shown
from benchmarks.site import DatabaseName, Ground
from tests.servers import ServerName

SOCKETS, WARM_UP = 2_000, 100
KIB_AT_MOST = 30.0
PATCHES_PER_SECOND, GETS_PER_SECOND = 100.0, 20.0
GET_AT_MOST_SECONDS = 0.05
CONNECTIONS = 32


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    databases: tuple[DatabaseName, ...] = ("sqlite",) if quick else ("sqlite", "postgres")
    servers: tuple[ServerName, ...] = ("daphne",) if quick else ("daphne", "uvicorn")
    for database in databases:
        for server in servers:
            yield from hold(ground, server, database, quick=quick)


def hold(
    ground: Ground, server: ServerName, database: DatabaseName, *, quick: bool
) -> Iterator[Measure]:
    sockets, settled, seconds = (200, 0.5, 2.0) if quick else (SOCKETS, 5.0, 60.0)
    site = ground.site(database, tasks=0 if quick else 10_000)
    with ExitStack() as stack:
        loop = stack.enter_context(closing(Loop()))
        running = stack.enter_context(site.product(server))
        address, headers = address_of(running), site.headers()
        what = f"{server}, {database}"
        Audience(loop, address, PRODUCT.feed, headers, WARM_UP)
        loop.run_for(settled)
        before = machine.resident_bytes(running.process.pid)
        Audience(loop, address, PRODUCT.feed, headers, sockets)
        loop.run_for(settled)
        grown = machine.resident_bytes(running.process.pid) - before
        yield against_goal(
            *(8, f"{what}: an idle socket, of {sockets:,}", grown / sockets / 1024, KIB_AT_MOST),
            unit="KiB",
        )
        numbers = count(1)

        def patch() -> bytes:
            number = next(numbers)
            task_id = site.task_ids[number % len(site.task_ids)]
            return PRODUCT.patch(address, headers, task_id, note(number))

        get = request(address, "GET", PRODUCT.listing, headers)
        patches = Paced(loop, address, CONNECTIONS, PATCHES_PER_SECOND, patch)
        gets = Paced(loop, address, CONNECTIONS, GETS_PER_SECOND, lambda: get)
        keep_pace(loop, (patches, gets), settled)  # connections, prepared statements
        patches.seconds.clear()
        gets.seconds.clear()
        keep_pace(loop, (patches, gets), seconds)
        errors = len(patches.errors) + len(gets.errors)
        pace = shown(len(patches.seconds) / seconds, "per s")
        beside = f"{what}: GET p99 beside {pace} PATCH, {sockets:,} sockets"
        if errors:
            beside += f", {errors} errors"
        yield against_goal(
            *(8, beside, percentile(gets.seconds, 99), GET_AT_MOST_SECONDS), unit="ms"
        )
        yield against_goal(
            *(8, f"{what}: PATCH p99 meanwhile", percentile(patches.seconds, 99)),
            *(GET_AT_MOST_SECONDS,),
            unit="ms",
        ).told()
