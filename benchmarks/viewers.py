"""Goal 10: the server's CPU for a viewer by push, against one that reads the list every 5 s.

The product's own list in the product's own process, so the limit here is the product polled. Both
sides see the same changes at the same rate, and what the writing itself costs is measured without
viewers and taken off. A push viewer's share holds everything: reading the log, encoding, the
sockets, the looking after them.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

from benchmarks import machine
from benchmarks.client import Audience, HttpConnection, Loop, now, request
from benchmarks.fanout import address_of, note, patch
from benchmarks.measures import Measure, interleave
from benchmarks.site import API, FEED, Ground, Site
from tests.servers import RunningServer, ServerName

POLL_SECONDS = 5.0
AT_MOST = 1 / 100


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    servers: tuple[ServerName, ...] = ("daphne",) if quick else ("daphne", "uvicorn")
    rates = ((0.2, AT_MOST),) if quick else ((0.2, AT_MOST), (1.0, None))
    site = ground.site("sqlite", tasks=0 if quick else 10_000)
    for server in servers:
        for rate, bound in rates:
            yield compare(site, server, rate, bound, quick=quick)


def compare(
    site: Site, server: ServerName, rate: float, bound: float | None, *, quick: bool
) -> Measure:
    rounds, seconds, viewers, pollers = (1, 5.0, 50, 20) if quick else (5, 20.0, 1000, 100)
    with ExitStack() as stack:
        running = stack.enter_context(site.product(server))
        side = Viewers(running, site, rate=rate, seconds=seconds)
        kept = interleave(rounds, lambda: side.push(viewers), lambda: side.poll(pollers))
    ours, theirs = kept.middle()
    return Measure(
        goal=10,
        what=f"{server}, {rate:g} changes per s, {viewers} viewers",
        product=f"{ours * 1e6:,.1f} µs/s",
        limit=f"{theirs * 1e6:,.0f} µs/s",
        ratio=kept.ratio(),
        bound=bound,
    )


class Viewers:
    """CPU seconds of the server per viewer and second, while changes come at `rate` per second."""

    def __init__(self, server: RunningServer, site: Site, *, rate: float, seconds: float) -> None:
        self._server = server
        self._site = site
        self._rate = rate
        self._seconds = seconds
        self._numbers = count(1)

    def push(self, viewers: int) -> float:
        loop = Loop()
        alone = self._cpu(loop, lambda _elapsed: None)
        audience = Audience(loop, address_of(self._server), FEED, self._site.headers(), viewers)
        loop.run_for(1.0)
        watched = self._cpu(loop, lambda _elapsed: None)
        audience.close()
        return (watched - alone) / viewers / self._seconds

    def poll(self, viewers: int) -> float:
        """So many viewers read, spread evenly, each every five seconds."""
        loop = Loop()
        alone = self._cpu(loop, lambda _elapsed: None)
        address = address_of(self._server)
        message = request(address, "GET", API, self._site.headers())
        sent = 0

        def read(elapsed: float) -> None:
            nonlocal sent
            while sent < elapsed * viewers / POLL_SECONDS:
                connection.send(message)
                sent += 1
                answered.clear()
                loop.run_until(lambda: bool(answered))

        answered: list[bytes] = []
        connection = HttpConnection(loop, address, answered.append)
        polled = self._cpu(loop, read)
        connection.close()
        return (polled - alone) / viewers / self._seconds

    def _cpu(self, loop: Loop, meanwhile: Callable[[float], None]) -> float:
        """The server's CPU seconds while changes are made and `meanwhile` is called again and
        again with the seconds gone by."""
        before = machine.cpu_seconds(self._server.process.pid)
        began = now()
        changed = 0
        answered: list[bytes] = []
        while (elapsed := (now() - began) / 1e9) < self._seconds:
            if changed < elapsed * self._rate:
                self._change(loop)
                changed += 1
            meanwhile(elapsed)
            loop.run_for(0.01)
        del answered
        return machine.cpu_seconds(self._server.process.pid) - before

    def _change(self, loop: Loop) -> None:
        answered: list[bytes] = []
        number = next(self._numbers)
        http = HttpConnection(loop, address_of(self._server), answered.append)
        task_ids = self._site.task_ids
        http.send(patch(self._server, self._site, task_ids[number % len(task_ids)], note(number)))
        loop.run_until(lambda: bool(answered))
        http.close()
