"""Goal 3: from a PATCH's first byte to its message on the sockets, and the pace of 8 writers.

Against a server without framework that writes one row of the same database and sends it to the
same number of sockets. A round's latency is the median over all its updates and sockets; its pace
is what 8 connections get answered, each with its next PATCH when it has its answer, until every
socket has heard of the last. With one socket, told besides, little is left but the writing.
"""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count

from benchmarks.client import Address, Audience, HttpConnection, Load, Loop, now
from benchmarks.dialects import PRODUCT, TEXTBOOK, Dialect, awaited, note
from benchmarks.fanout import GAP_SECONDS, address_of
from benchmarks.measures import Measure, interleave, shown
from benchmarks.site import DatabaseName, Ground, Site
from tests.servers import RunningServer, ServerName

WRITERS = 8
LATENCY_AT_MOST = 1.5
PACE_AT_LEAST = 0.75


class Side:
    """One of the two servers with its sockets; each side changes tasks of its own."""

    def __init__(
        self,
        loop: Loop,
        server: RunningServer,
        site: Site,
        task_ids: list[str],
        sockets: int,
        *,
        dialect: Dialect = PRODUCT,
        writers: int = WRITERS,
    ) -> None:
        self._loop = loop
        self._dialect = dialect
        self._task_ids = task_ids
        self._address: Address = address_of(server)
        self._headers = site.headers()
        self._numbers = count(1)
        self.audience = Audience(loop, self._address, dialect.feed, self._headers, sockets)
        self._load = Load(loop, self._address, writers, self._next)

    def _patch(self, task_id: str, number: int) -> bytes:
        return self._dialect.patch(self._address, self._headers, task_id, note(number))

    def _next(self, writer: int) -> bytes:
        """Each writer has a task of its own."""
        return self._patch(self._task_ids[writer], next(self._numbers))

    def latency(self, updates: int) -> float:
        """Seconds to a socket, the median over updates and sockets."""
        times: list[float] = []
        http = HttpConnection(self._loop, self._address)
        for _ in range(updates):
            number = next(self._numbers)
            self.audience.wait_for(awaited(number))
            sent_at = now()
            http.send(self._patch(self._task_ids[number % WRITERS], number))
            self._loop.run_until(lambda: self.audience.have_heard() and not http.is_waiting)
            times += [(heard - sent_at) / 1e9 for heard in self.audience.heard_at()]
            self._loop.run_for(GAP_SECONDS)
        http.close()
        return statistics.median(times)

    def pace(self, updates: int) -> float:
        """Updates per second of all writers, until the last is heard everywhere."""
        first = next(self._numbers)
        # The last to be sent is its task's newest state for good, so every socket gets it.
        self.audience.wait_for(awaited(first + updates))
        began = now()
        self._load.run(updates)
        self._loop.run_until(self.audience.have_heard)
        return updates / ((now() - began) / 1e9)


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    if quick:
        yield from compare(ground, "daphne", "sqlite", 20, quick=True)
        return
    for database in ("sqlite", "postgres"):
        for server in ("daphne", "uvicorn"):
            yield from compare(ground, server, database, 500, quick=False)
    yield from compare(ground, "uvicorn", "postgres", 1, quick=False, told_only=True)
    yield from against_textbook(ground, 500)


def against_textbook(ground: Ground, sockets: int) -> Iterator[Measure]:
    """The product beside what tutorials build, both under Daphne; rounds are few, for it is slow.

    Its pace is taken from fewer updates than its channel layer holds for a socket: what comes after
    a hundred that wait, the layer drops without a word, and the last would never be heard.
    """
    site = ground.site("sqlite")
    with ExitStack() as stack:
        loop = stack.enter_context(closing(Loop()))
        product = stack.enter_context(site.product("daphne"))
        book, _stamps = stack.enter_context(site.textbook())
        half = len(site.task_ids) // 2
        here = Side(loop, product, site, site.task_ids[:half], sockets)
        there = Side(loop, book, site, site.task_ids[half:], sockets, dialect=TEXTBOOK)
        latency = interleave(3, lambda: here.latency(5), lambda: there.latency(5))
        pace = interleave(3, lambda: here.pace(40), lambda: there.pace(40))
    what = f"{sockets} sockets, textbook beside, sqlite"
    ours, theirs = latency.middle()
    yield Measure(
        *(3, f"{what}: PATCH to message", shown(ours, "ms"), shown(theirs, "ms")),
        *(latency.ratio(), None),
    )
    ours, theirs = pace.middle()
    yield Measure(
        *(3, f"{what}: updates of {WRITERS} writers", shown(ours, "per s")),
        *(shown(theirs, "per s"), pace.ratio(), None),
    )


def compare(
    ground: Ground,
    server: ServerName,
    database: DatabaseName,
    sockets: int,
    *,
    quick: bool,
    told_only: bool = False,
) -> Iterator[Measure]:
    site = ground.site(database)
    with ExitStack() as stack:
        loop = stack.enter_context(closing(Loop()))
        product = stack.enter_context(site.product(server))
        limit = stack.enter_context(site.limit())
        half = len(site.task_ids) // 2
        here = Side(loop, product, site, site.task_ids[:half], sockets)
        there = Side(loop, limit, site, site.task_ids[half:], sockets)
        what = f"{sockets} sockets, {server}, {database}"
        rounds, updates, many = (2, 5, 40) if quick else (9, 20, 200)
        latency = interleave(rounds, lambda: here.latency(updates), lambda: there.latency(updates))
        ours, theirs = latency.middle()
        yield Measure(
            3,
            f"{what}: PATCH to message",
            shown(ours, "ms"),
            shown(theirs, "ms"),
            latency.ratio(),
            None if told_only else LATENCY_AT_MOST,
        )
        pace = interleave(rounds, lambda: here.pace(many), lambda: there.pace(many))
        ours, theirs = pace.middle()
        yield Measure(
            3,
            f"{what}: updates of {WRITERS} writers",
            shown(ours, "per s"),
            shown(theirs, "per s"),
            pace.ratio(),
            None if told_only else PACE_AT_LEAST,
            at_least=True,
        )
