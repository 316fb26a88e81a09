"""Goal 1: one update to the last of many sockets, against `websockets.broadcast` of its bytes.

Timed from the commit (the doorbell that rings in the writing thread) to the last socket's read;
for broadcast from the moment when its server has the message. Told besides: from the hub's
publish, which leaves out the reading of the event, and from the PATCH's first byte.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from benchmarks.client import (
    Address,
    Audience,
    HttpConnection,
    Loop,
    finish_handshake,
    masked_text,
    now,
    open_socket,
)
from benchmarks.dialects import PRODUCT, TEXTBOOK, Dialect, awaited, note
from benchmarks.limits.raw_websockets import SPEAKER_PATH
from benchmarks.measures import Measure, Point, Rounds, interleave, shown
from benchmarks.site import Ground, Site
from benchmarks.stamps import COMMITTED, PUBLISHED, Stamps
from tests.servers import RunningServer, ServerName

CHART = "fanout"
GAP_SECONDS = 0.03  # over the hub's 20 ms, so that every update goes out at once
WARM_UP = 5
GOALS = {100: 1.3, 500: 1.15, 2000: 1.15}
OVER_REDIS = 1.5


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds until the last socket had the update, from three beginnings."""

    from_commit: float
    from_publish: float
    from_request: float


class Stage(Protocol):
    audience: Audience

    def send(self, number: int) -> None: ...

    def is_quiet(self) -> bool: ...


def address_of(server: RunningServer) -> Address:
    return ("127.0.0.1", server.port)


class HttpStage:
    """A PATCH on one server, sockets on the same or another.

    Of two servers on one database each needs `task_ids` of its own: what the other has noted
    already is no change, and nobody hears of it.
    """

    def __init__(
        self,
        loop: Loop,
        site: Site,
        writes_to: RunningServer,
        listens_to: RunningServer,
        size: int,
        *,
        dialect: Dialect = PRODUCT,
        task_ids: Sequence[str] = (),
    ) -> None:
        self._task_ids = task_ids or site.task_ids
        self._headers = site.headers()
        self._dialect = dialect
        self._address = address_of(writes_to)
        self._http = HttpConnection(loop, self._address)
        self.audience = Audience(loop, address_of(listens_to), dialect.feed, self._headers, size)

    def send(self, number: int) -> None:
        task_id = self._task_ids[number % len(self._task_ids)]
        self._http.send(self._dialect.patch(self._address, self._headers, task_id, note(number)))

    def is_quiet(self) -> bool:
        return not self._http.is_waiting


class RawStage:
    """A message on one socket that the server broadcasts to all others: the product's bytes."""

    def __init__(self, loop: Loop, server: RunningServer, size: int, frame: bytes) -> None:
        self._head, self._tail = _around_note(frame)
        self._speaker = open_socket(address_of(server), SPEAKER_PATH, [])
        finish_handshake(self._speaker)
        self.audience = Audience(loop, address_of(server), "/", [], size)

    def send(self, number: int) -> None:
        message = self._head + note(number).encode() + self._tail
        self._speaker.sendall(masked_text(message))

    def is_quiet(self) -> bool:
        return True


def _around_note(frame: bytes) -> tuple[bytes, bytes]:
    before, name, rest = frame.partition(b'"error":"')
    return before + name, rest[len(note(0)) :]


@dataclass(slots=True)
class Timer:
    """Sends numbered updates one at a time and reads the clocks."""

    loop: Loop
    stage: Stage
    stamps: Stamps
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def update(self) -> Times:
        number = next(self.numbers)
        audience = self.stage.audience
        audience.wait_for(awaited(number))
        sent_at = now()
        self.stage.send(number)
        self.loop.run_until(lambda: audience.have_heard() and self.stage.is_quiet())
        last = audience.heard_at()[-1]
        self.loop.run_for(GAP_SECONDS)
        return Times(
            from_commit=(last - self.stamps.read(COMMITTED)) / 1e9,
            from_publish=(last - self.stamps.read(PUBLISHED)) / 1e9,
            from_request=(last - sent_at) / 1e9,
        )

    def round(self, updates: int) -> Times:
        """The median of each time over some updates."""
        times = [self.update() for _ in range(updates)]
        return Times(
            from_commit=statistics.median(one.from_commit for one in times),
            from_publish=statistics.median(one.from_publish for one in times),
            from_request=statistics.median(one.from_request for one in times),
        )


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    sizes = (100,) if quick else tuple(GOALS)
    servers: tuple[ServerName, ...] = ("daphne",) if quick else ("daphne", "uvicorn")
    for server in servers:
        for size in sizes:
            yield from one_process(ground, server, size, quick=quick)
    if not quick:
        yield from over_redis(ground, 100)
    for size in (10,) if quick else sizes:
        yield against_textbook(ground, size, quick=quick)


def one_process(
    ground: Ground, server: ServerName, size: int, *, quick: bool = False
) -> Iterator[Measure]:
    site = ground.site("sqlite")
    with ExitStack() as stack:
        running, stamps = stack.enter_context(site.stamped(server))
        raw, raw_stamps = stack.enter_context(site.raw_websockets())
        yield from _compare(
            site,
            (running, running, stamps),
            (raw, raw_stamps),
            size,
            f"{size} sockets, {server}",
            line=server,
            bound=GOALS[size],
            quick=quick,
        )


def over_redis(ground: Ground, size: int) -> Iterator[Measure]:
    site = ground.site("postgres")
    with ExitStack() as stack:
        # Both leave their instants in one file: the writer the commit, the other the publish.
        writer, _ = stack.enter_context(site.stamped("uvicorn", REDIS_URL=ground.redis))
        other, stamps = stack.enter_context(site.stamped("uvicorn", REDIS_URL=ground.redis))
        raw, raw_stamps = stack.enter_context(site.raw_websockets())
        yield from _compare(
            site,
            (writer, other, stamps),
            (raw, raw_stamps),
            size,
            f"{size} sockets over Redis, uvicorn",
            line="over Redis",
            bound=OVER_REDIS,
            quick=False,
        )


def against_textbook(ground: Ground, size: int, *, quick: bool) -> Measure:
    """The product beside what tutorials build, both under Daphne; rounds are few: it is slow."""
    site = ground.site("sqlite")
    rounds, updates = (1, 2) if quick else (3, 5)
    with ExitStack() as stack:
        loop = stack.enter_context(closing(Loop()))
        running, stamps = stack.enter_context(site.stamped("daphne"))
        book, book_stamps = stack.enter_context(site.textbook())
        half = len(site.task_ids) // 2
        ours, theirs = site.task_ids[:half], site.task_ids[half:]
        stage = HttpStage(loop, site, running, running, size, task_ids=ours)
        other = HttpStage(loop, site, book, book, size, dialect=TEXTBOOK, task_ids=theirs)
        here, there = Timer(loop, stage, stamps), Timer(loop, other, book_stamps)
        kept = interleave(
            rounds,
            lambda: here.round(updates).from_commit,
            lambda: there.round(updates).from_commit,
        )
    product, textbook = kept.middle()
    return Measure(
        1,
        f"{size} sockets, textbook beside, from commit",
        shown(product, "ms"),
        shown(textbook, "ms"),
        kept.ratio(),
        None,
        points=(Point(CHART, "textbook", size, textbook * 1000),),
    )


def _compare(
    site: Site,
    product: tuple[RunningServer, RunningServer, Stamps],
    limit: tuple[RunningServer, Stamps],
    size: int,
    what: str,
    *,
    line: str,
    bound: float,
    quick: bool,
) -> Iterator[Measure]:
    writes_to, listens_to, stamps = product
    raw, raw_stamps = limit
    rounds, updates = (2, 5) if quick else (9, 20)
    from_commit, from_publish, from_request = Rounds(), Rounds(), Rounds()
    with closing(Loop()) as loop:
        here = Timer(loop, HttpStage(loop, site, writes_to, listens_to, size), stamps)
        here.round(WARM_UP)
        frame = here.stage.audience.newest
        there = Timer(loop, RawStage(loop, raw, size, frame), raw_stamps)
        there.round(WARM_UP)
        for number in range(rounds):
            if number % 2:
                limits, ours = there.round(updates), here.round(updates)
            else:
                ours, limits = here.round(updates), there.round(updates)
            from_commit.add(ours.from_commit, limits.from_commit)
            from_publish.add(ours.from_publish, limits.from_publish)
            from_request.add(ours.from_request, limits.from_request)
    for name, kept, its_bound in (
        ("from commit", from_commit, bound),
        ("from publish", from_publish, None),
        ("from request", from_request, None),
    ):
        ours_middle, limit_middle = kept.middle()
        points = (
            Point(CHART, f"NEXO, {line}", size, ours_middle * 1000),
            Point(CHART, "websockets.broadcast", size, limit_middle * 1000),
        )
        yield Measure(
            1,
            f"{what}, {len(frame)} bytes, {name}",
            shown(ours_middle, "ms"),
            shown(limit_middle, "ms"),
            kept.ratio(),
            its_bound,
            points=points if its_bound else (),
        )
