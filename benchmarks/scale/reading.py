"""Goal 5: first page, deep page and summary of a large database against one of 100,000 tasks.

Both on the same PostgreSQL, under uvicorn, in turns; one request at a time, the median. The deep
pages are ten places in the oldest twentieth of the tasks, one after another. `make bench` compares
a million tasks, `make bench-scale` ten million.
"""

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle

from benchmarks import machine
from benchmarks.client import HttpConnection, Loop, now, request
from benchmarks.fanout import address_of
from benchmarks.measures import Measure, Point, interleave, shown
from benchmarks.site import API, Ground, Site, in_django
from tests.servers import RunningServer

CHART = "scale"
SMALL = 100_000
AT_MOST = 1.3
PAGE = "/marketplace/tasks/execution"
FILTERED = "status=completed&channel=amazon"
# Name, path, and whether it is asked for at each of the deep places in turn.
READS: tuple[tuple[str, str, bool], ...] = (
    ("list, first page", API, False),
    ("list, deep page", f"{API}?cursor=", True),
    ("filtered list, first page", f"{API}?{FILTERED}", False),
    ("filtered list, deep page", f"{API}?{FILTERED}&cursor=", True),
    ("execution page, first", PAGE, False),
    ("execution page, deep", f"{PAGE}?cursor=", True),
    ("summary", f"{PAGE}/summary", False),
)


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    small, large = (500, 2_000) if quick else (SMALL, 1_000_000)
    yield from compare(filled(ground, small), filled(ground, large), small, large, quick=quick)


def filled(ground: Ground, tasks: int) -> Site:
    site = ground.site("postgres")
    with machine.on_all_cores():
        in_django(site.environment, f"scale.filling.main({tasks})")
    return site


def compare(
    small_site: Site, large_site: Site, small: int, large: int, *, quick: bool = False
) -> Iterator[Measure]:
    rounds, reads = (1, 3) if quick else (9, 30)
    with ExitStack() as stack:
        here = Reader(large_site, stack.enter_context(large_site.product("uvicorn")))
        there = Reader(small_site, stack.enter_context(small_site.product("uvicorn")))
        for name, path, is_deep in READS[:2] if quick else READS:
            kept = interleave(
                rounds, here.reading(path, is_deep, reads), there.reading(path, is_deep, reads)
            )
            ours, theirs = kept.middle()
            yield Measure(
                5,
                f"{name}, {large:,} tasks against {small:,}",
                shown(ours, "ms"),
                shown(theirs, "ms"),
                kept.ratio(),
                AT_MOST,
                points=(
                    Point(CHART, name, small, theirs * 1000),
                    Point(CHART, name, large, ours * 1000),
                ),
            )


class Reader:
    """Somebody signed in who reads one page at a time."""

    def __init__(self, site: Site, server: RunningServer) -> None:
        self._address = address_of(server)
        self._headers = site.headers()
        self._cursors: Sequence[str] = json.loads(
            in_django(site.environment, "scale.places.main()")
        )

    def reading(self, path: str, is_deep: bool, times: int) -> Callable[[], float]:
        paths = [path + cursor for cursor in self._cursors] if is_deep else [path]
        messages = cycle(request(self._address, "GET", one, self._headers) for one in paths)

        def read() -> float:
            """The median of seconds for one."""
            loop = Loop()
            connection = HttpConnection(loop, self._address)
            seconds = []
            for _ in range(times):
                message = next(messages)
                began = now()
                connection.call(message)
                seconds.append((now() - began) / 1e9)
            connection.close()
            return statistics.median(seconds)

        return read
