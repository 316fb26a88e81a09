"""Goal 10: the server's CPU for a viewer by push, against one that reads the list every 5 s.

The limit here is the product itself, polled. In each round the same server is measured three times
while the same changes come at the same rate: with nobody looking on, with viewers by push, and with
viewers that poll. The first is taken off both others, so that the writing costs neither side, and a
viewer by push bears all the rest: reading the log, encoding, sending, looking after the sockets.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count

from benchmarks import machine
from benchmarks.client import Audience, HttpConnection, Loop, now, request
from benchmarks.dialects import PRODUCT, TEXTBOOK_PAGE, note
from benchmarks.fanout import address_of
from benchmarks.measures import Measure, Rounds
from benchmarks.site import API, FEED, Ground, Site
from tests.servers import RunningServer, ServerName

POLL_SECONDS = 5.0
# Until a server has dealt with thousands of sockets that came, or left.
SETTLE_SECONDS = 3.0
AT_MOST = 1 / 100
# One change for each poll: every reading has news. Then five: what a busy day costs.
RATES: tuple[tuple[float, float | None], ...] = ((0.2, AT_MOST), (1.0, None))


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    servers: tuple[ServerName, ...] = ("daphne",) if quick else ("daphne", "uvicorn")
    site = ground.site("sqlite", tasks=0 if quick else 10_000)
    for server in servers:
        with site.product(server) as running:
            for rate, bound in RATES[:1] if quick else RATES:
                yield compare(running, site, server, rate, bound, quick=quick)
    if not quick:
        yield against_textbook(site)


def against_textbook(site: Site) -> Measure:
    """Whoever has the textbook's page open, which loads itself anew every 5 s; nothing changes."""
    seconds, viewers, pollers = 10.0, 2000, 50
    kept = Rounds()
    with ExitStack() as stack:
        product = stack.enter_context(site.product("daphne"))
        book, _stamps = stack.enter_context(site.textbook())
        here = Viewers(product, site, rate=0.0, seconds=seconds)
        there = Viewers(book, site, rate=0.0, seconds=seconds)
        for _ in range(3):
            ours = (here.push(viewers) - here.nobody()) / viewers
            theirs = (there.poll(pollers, TEXTBOOK_PAGE) - there.nobody()) / pollers
            kept.add(ours, theirs)
    ours, theirs = kept.middle()
    return Measure(
        goal=10,
        what=f"textbook's page beside: CPU of one of {viewers:,} viewers, no changes",
        product=f"{ours * 1e6:,.1f} µs/s",
        limit=f"{theirs * 1e6:,.0f} µs/s",
        ratio=kept.ratio(),
        bound=None,
    )


def compare(
    running: RunningServer, site: Site, name: str, rate: float, bound: float | None, *, quick: bool
) -> Measure:
    rounds, seconds, viewers, pollers = (1, 5.0, 200, 50) if quick else (3, 20.0, 2000, 200)
    side = Viewers(running, site, rate=rate, seconds=seconds)
    kept = Rounds()
    for _ in range(rounds):
        alone = side.nobody()
        kept.add((side.push(viewers) - alone) / viewers, (side.poll(pollers) - alone) / pollers)
    ours, theirs = kept.middle()
    return Measure(
        goal=10,
        what=f"{name}: CPU of one of {viewers:,} viewers, {rate:g} changes/s",
        product=f"{ours * 1e6:,.1f} µs/s",
        limit=f"{theirs * 1e6:,.0f} µs/s",
        ratio=kept.ratio(),
        bound=bound,
    )


@dataclass(slots=True)
class Viewers:
    """CPU seconds of the server per second while changes come at `rate` per second."""

    server: RunningServer
    site: Site
    rate: float
    seconds: float
    loop: Loop = field(default_factory=Loop)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def nobody(self) -> float:
        return self._cpu(lambda _elapsed: None)

    def push(self, viewers: int) -> float:
        headers = self.site.headers()
        audience = Audience(self.loop, address_of(self.server), FEED, headers, viewers)
        self.loop.run_for(SETTLE_SECONDS)
        used = self._cpu(lambda _elapsed: None)
        audience.close()
        # What is measured next must not bear the end of these.
        self.loop.run_for(SETTLE_SECONDS)
        return used

    def poll(self, viewers: int, path: str = API) -> float:
        """So many viewers read, spread evenly, over one connection that is kept alive."""
        address = address_of(self.server)
        message = request(address, "GET", path, self.site.headers())
        connection = HttpConnection(self.loop, address)
        read = 0

        def read_on(elapsed: float) -> None:
            nonlocal read
            while read < elapsed * viewers / POLL_SECONDS:
                connection.call(message)
                read += 1

        used = self._cpu(read_on)
        connection.close()
        return used

    def _cpu(self, meanwhile: Callable[[float], None]) -> float:
        """`meanwhile` is called again and again with the seconds gone by."""
        before = machine.cpu_seconds(self.server.process.pid)
        began = now()
        changes = 0
        while (elapsed := (now() - began) / 1e9) < self.seconds:
            if changes < elapsed * self.rate:
                self._change()
                changes += 1
            meanwhile(elapsed)
            self.loop.run_for(0.01)
        return (machine.cpu_seconds(self.server.process.pid) - before) / self.seconds

    def _change(self) -> None:
        address = address_of(self.server)
        http = HttpConnection(self.loop, address)
        number = next(self.numbers)
        task_id = self.site.task_ids[number % len(self.site.task_ids)]
        http.call(PRODUCT.patch(address, self.site.headers(), task_id, note(number)))
        http.close()
