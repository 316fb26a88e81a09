"""Goal 7: a socket's echo while 8 requests at a time run 50 ms queries.

A benchmark's own page runs the query, behind the product's middleware and sign-in and in its
threads; eight connections ask for it again and again. A socket beside them in the same process says
something every 20 ms and waits for it. The goal is held against the 99th percentile; the median
besides.

The query waits, as one does for a lock, a disk or another machine: `pg_sleep`, and on SQLite a
function that sleeps. Told besides: SQLite counting for 50 ms, eight at a time, on the one core that
the loop has too. What that costs is the operating system's sharing of a core, not the product's
doing: in life there are more of them.
"""

from collections.abc import Iterator

from benchmarks.client import Audience, Load, Loop, masked_text, now, request
from benchmarks.fanout import address_of
from benchmarks.measures import Measure, against_goal, percentile
from benchmarks.site import DatabaseName, Ground, Site
from tests.servers import RunningServer, ServerName

REQUESTS = 8
GAP_SECONDS = 0.02
AT_MOST_SECONDS = 0.01
APPLICATION = "benchmarks.slowed:application"
# As benchmarks/slowed.py has them, which sets Django up.
SLOW, COMPUTING, ECHO = "/benchmark/slow", "/benchmark/computing", "/benchmark/echo"


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    databases: tuple[DatabaseName, ...] = ("sqlite",) if quick else ("sqlite", "postgres")
    servers: tuple[ServerName, ...] = ("daphne",) if quick else ("daphne", "uvicorn")
    echoes = 20 if quick else 1_000
    for database in databases:
        site = ground.site(database)
        for server in servers:
            with site.served_by(server, APPLICATION) as running:
                what = f"{server}, {database}, echo beside 8 queries that wait 50 ms"
                yield from beside(running, site, SLOW, what, echoes)
                if database == "sqlite":
                    what = f"{server}, {database}, echo beside 8 queries that compute"
                    yield from beside(running, site, COMPUTING, what, echoes, told_only=True)


def beside(
    running: RunningServer,
    site: Site,
    page: str,
    what: str,
    echoes: int,
    *,
    told_only: bool = False,
) -> Iterator[Measure]:
    loop, address = Loop(), address_of(running)
    message = request(address, "GET", page, site.headers())
    Load(loop, address, 1, lambda _number: message).run(2)
    audience = Audience(loop, address, ECHO, [], 1)
    load = Load(loop, address, REQUESTS, lambda _number: message)
    load.start()
    seconds = [_echo(loop, audience, number) for number in range(echoes)]
    load.finish()
    audience.close()
    for name, percent in (("p99", 99.0), ("p50", 50.0)):
        found = against_goal(
            *(7, f"{what}, {name}", percentile(seconds, percent), AT_MOST_SECONDS), unit="ms"
        )
        yield found.told() if told_only or name == "p50" else found


def _echo(loop: Loop, audience: Audience, number: int) -> float:
    loop.run_for(GAP_SECONDS)
    text = b"echo %d." % number
    audience.wait_for(text)
    said_at = now()
    audience.viewers[0].socket.sendall(masked_text(text))
    loop.run_until(audience.have_heard)
    return (audience.heard_at()[0] - said_at) / 1e9
