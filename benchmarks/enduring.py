"""Line 4 of what the product must show: 80 acknowledged updates a second with 200 sockets.

For ten minutes (`--minutes`), on both databases, under uvicorn as the image serves it: the 95th
percentile of a PATCH, from the moment when it was due to its answer; every answer that was not 200;
and how much the server's memory grows over the second half. Every socket stays open to the end and
then hears of one more update, or the run fails.

The growth is the slope of a line through its resident set, one reading a
second, times the half's length, against 2 % of the set: what Python, PostgreSQL's driver and the
allocator take in the first minutes is theirs, what goes on growing is a leak.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count

import numpy as np

from benchmarks import machine
from benchmarks.client import Address, Audience, HttpConnection, Loop, Paced, keep_pace
from benchmarks.dialects import PRODUCT, awaited, note
from benchmarks.fanout import address_of
from benchmarks.measures import Measure, Point, against_goal, percentile
from benchmarks.site import DatabaseName, Ground, Site
from tests.servers import ServerName

CHART_MEMORY, CHART_P95 = "memory", "p95"
SOCKETS, UPDATES_PER_SECOND, CONNECTIONS = 200, 80.0, 32
MINUTES = 10.0
P95_AT_MOST_SECONDS = 0.15
GROWTH_AT_MOST_PERCENT = 2.0


def measure(ground: Ground, *, quick: bool, minutes: float = MINUTES) -> Iterator[Measure]:
    databases: tuple[DatabaseName, ...] = ("sqlite",) if quick else ("sqlite", "postgres")
    for database in databases:
        yield from endure(ground, "uvicorn", database, seconds=2.0 if quick else minutes * 60)


def endure(
    ground: Ground, server: ServerName, database: DatabaseName, *, seconds: float
) -> Iterator[Measure]:
    site = ground.site(database)
    with ExitStack() as stack:
        loop = stack.enter_context(closing(Loop()))
        running = stack.enter_context(site.product(server))
        address, headers = address_of(running), site.headers()
        audience = Audience(loop, address, PRODUCT.feed, headers, SOCKETS)
        numbers = count(1)

        def patch() -> bytes:
            number = next(numbers)
            task_id = site.task_ids[number % len(site.task_ids)]
            return PRODUCT.patch(address, headers, task_id, note(number))

        updates = Paced(loop, address, CONNECTIONS, UPDATES_PER_SECOND, patch)
        keep_pace(loop, [updates], min(5.0, seconds / 4))  # it opens its connections, and so on
        updates.seconds.clear()
        resident: list[tuple[float, float]] = []
        slow: list[tuple[float, float]] = []
        answered = 0

        def read(elapsed: float) -> None:
            nonlocal answered
            resident.append((elapsed, machine.resident_bytes(running.process.pid) / 2**20))
            if len(updates.seconds) > answered:
                slow.append((elapsed, percentile(updates.seconds[answered:], 95) * 1000))
                answered = len(updates.seconds)

        began = time.monotonic()
        keep_pace(loop, [updates], seconds, read)
        lasted = time.monotonic() - began
        _hear_of_one_more(loop, audience, next(numbers), site, address)
    what = f"{database}, {server}, {lasted / 60:.1f} min, {SOCKETS} sockets"
    pace = len(updates.seconds) / lasted
    points = tuple(Point(CHART_P95, database, second / 60, value) for second, value in slow)
    yield against_goal(
        *(13, f"{what}: p95 of {pace:.0f} PATCH/s", percentile(updates.seconds, 95)),
        *(P95_AT_MOST_SECONDS,),
        unit="ms",
        points=points,
    )
    yield Measure(
        *(13, f"{what}: answers other than 200", str(len(updates.errors)), "0"),
        *(float(len(updates.errors)), 0.0),
    )
    growth = growth_of_second_half(resident)
    points = tuple(Point(CHART_MEMORY, database, second / 60, value) for second, value in resident)
    yield against_goal(
        *(13, f"{what}: growth of {resident[-1][1]:.0f} MiB", growth, GROWTH_AT_MOST_PERCENT),
        unit="%",
        points=points,
    )


def _hear_of_one_more(
    loop: Loop, audience: Audience, number: int, site: Site, address: Address
) -> None:
    audience.wait_for(awaited(number))
    http = HttpConnection(loop, address)
    http.call(PRODUCT.patch(address, site.headers(), site.task_ids[0], note(number)))
    loop.run_until(audience.have_heard)
    http.close()


def growth_of_second_half(resident: list[tuple[float, float]]) -> float:
    """Percent by which a straight line through the second half of the readings rises over it."""
    half = np.array(resident[len(resident) // 2 :])
    if len(half) < 2:
        return 0.0
    seconds, sizes = half[:, 0], half[:, 1]
    slope = np.polyfit(seconds, sizes, 1)[0]
    return float(slope * (seconds[-1] - seconds[0]) / sizes.mean() * 100)
