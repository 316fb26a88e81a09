"""Goal 2: as many updates as can be got through 2,000 sockets, against `websockets.broadcast`.

Two floods, both of committed changes with all that belongs to them, written on the one core that
the server has for sending too:

- by PATCH: 32 connections, each with its next request when it has its answer, so that sign-in,
  checks, transaction and answer are all in the figure;
- by another process with the product's own service, as a worker or an import does, read from the
  log by the server under measurement: what the live feed takes by itself.

The limit writes nothing: one socket says the product's own bytes, 32 ahead of what is heard, and
each is broadcast. All times end when the last of all sockets has heard the last update.

What makes the difference is coalescing: `websockets.broadcast` sends each update to each socket,
the product sends every 20 ms what has changed meanwhile. So it is looked at besides whether every
socket ends on the final state: what it was told, frame after frame, is held against what the list
answers.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

from benchmarks import machine
from benchmarks.client import Audience, HttpConnection, Loop, now, request
from benchmarks.dialects import TEXTBOOK, awaited
from benchmarks.fanout import RawStage, address_of
from benchmarks.measures import Measure, Rounds, interleave, shown
from benchmarks.patching import Side
from benchmarks.site import API, DatabaseName, Ground, Site
from tests.servers import PROJECT, RunningServer, ServerName

SOCKETS = 2_000
WRITERS = 32
AT_LEAST = 10.0
# Of the product and of the limit: either takes a second or two.
UPDATES, BROADCASTS = 300, 30
# Several polls of the log (0.5 s), and no more than a socket may be behind without a reset.
READ_UPDATES = 900


class NotFinal(Exception):
    """A socket was told something else than what the product says when asked."""


class RawFlood:
    def __init__(self, loop: Loop, stage: RawStage) -> None:
        self._loop = loop
        self._stage = stage
        self._number = 0
        self.audience = stage.audience

    def pace(self, updates: int) -> float:
        """Updates per second until every socket has the last; so many ahead of the first socket."""
        audience = self.audience
        first = audience.viewers[0]
        heard_before, sent = first.messages, 0
        audience.wait_for(awaited(self._number + updates))
        began = now()

        def goes_on() -> bool:
            nonlocal sent
            while sent < updates and sent - (first.messages - heard_before) < WRITERS:
                self._number += 1
                sent += 1
                self._stage.send(self._number)
            return audience.have_heard()

        self._loop.run_until(goes_on)
        return updates / ((now() - began) / 1e9)


class ReadFlood:
    """Another process changes tasks by the service; the server under measurement reads the log."""

    def __init__(self, loop: Loop, site: Site, audience: Audience) -> None:
        self._loop = loop
        self._audience = audience
        self._number = 0
        self._writer = _writer_beside(site)

    def pace(self, updates: int) -> float:
        writer = self._writer
        assert writer.stdin is not None
        self._audience.wait_for(awaited(self._number + updates))
        began = now()
        writer.stdin.write(f"{self._number} {updates}\n")
        writer.stdin.flush()
        self._number += updates
        self._loop.run_until(self._audience.have_heard)
        return updates / ((now() - began) / 1e9)

    def close(self) -> None:
        assert self._writer.stdin is not None
        self._writer.stdin.close()
        self._writer.wait(30)


def _writer_beside(site: Site) -> "subprocess.Popen[str]":
    """On the servers' core, so that the writing costs the product as it does by PATCH."""
    code = f"from benchmarks import flood_writer; flood_writer.main({site.task_ids[:WRITERS]!r})"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "--verbosity", "0", "-c", code]
    with machine.on_core(machine.SERVERS):
        return subprocess.Popen(
            command, env=dict(site.environment), cwd=PROJECT, stdin=subprocess.PIPE, text=True
        )


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    sockets = 50 if quick else SOCKETS
    databases: tuple[DatabaseName, ...] = ("sqlite",) if quick else ("sqlite", "postgres")
    servers: tuple[ServerName, ...] = ("daphne",) if quick else ("daphne", "uvicorn")
    for database in databases:
        for server in servers:
            yield from compare(ground, server, database, sockets, quick=quick)
    if not quick:
        yield against_textbook(ground, sockets)


def compare(
    ground: Ground, server: ServerName, database: DatabaseName, sockets: int, *, quick: bool
) -> Iterator[Measure]:
    site = ground.site(database)
    rounds, updates, broadcasts = (1, 60, 20) if quick else (5, UPDATES, BROADCASTS)
    with ExitStack() as stack:
        loop = stack.enter_context(closing(Loop()))
        running = stack.enter_context(site.product(server))
        raw, _stamps = stack.enter_context(site.raw_websockets())
        # The others are the other process's: each note that is waited for must be a task's last.
        here = Side(loop, running, site, site.task_ids[WRITERS:], sockets, writers=WRITERS)
        here.latency(1)
        there = RawFlood(loop, RawStage(loop, raw, sockets, _one_change(here.audience.newest)))
        here.audience.keep_frames()
        there.audience.keep_frames()
        before = here.audience.messages()
        kept = interleave(rounds, lambda: here.pace(updates), lambda: there.pace(broadcasts))
        loop.run_for(0.5)
        frames = (here.audience.messages() - before) / (sockets * updates * (rounds + 1))
        what = f"{sockets:,} sockets, {server}, {database}"
        check_final_state(loop, running, site, here.audience)
        yield _measure(f"{what}: {WRITERS} writers, {frames:.2f} frames an update", kept, AT_LEAST)

        read = stack.enter_context(closing(ReadFlood(loop, site, here.audience)))
        here.audience.keep_frames()
        many = updates if quick else READ_UPDATES
        kept = interleave(rounds, lambda: read.pace(many), lambda: there.pace(broadcasts))
        loop.run_for(0.5)
        check_final_state(loop, running, site, here.audience)
        yield _measure(f"{what}: written by another process", kept, AT_LEAST)


def _measure(what: str, kept: Rounds, bound: float | None) -> Measure:
    ours, theirs = kept.middle()
    return Measure(
        *(2, what, shown(ours, "per s"), shown(theirs, "per s")),
        *(kept.ratio(), bound),
        at_least=True,
    )


def _one_change(frame: bytes) -> bytes:
    assert len(json.loads(frame)["tasks"]) == 1
    return frame


# -- The final state -----------------------------------------------------------------------------


def check_final_state(loop: Loop, server: RunningServer, site: Site, audience: Audience) -> None:
    """What each socket was told adds up to what the list says.

    Raises
    ------
    NotFinal
    """
    shown_now = _shown(loop, server, site)
    told: dict[tuple[int, ...], dict[str, Any]] = {}
    for viewer in audience.viewers:
        # Sockets that were told the same, by the same frames, are added up once.
        key = tuple(map(id, viewer.frames))
        if key not in told:
            told[key] = _added_up(viewer.frames)
        for task_id, task in told[key].items():
            if task != shown_now[task_id]:
                raise NotFinal(f"{task_id} ended on {task['sequence']}, not on what is shown")


def _added_up(frames: list[bytes]) -> dict[str, Any]:
    tasks: dict[str, Any] = {}
    for payload in frames:
        frame = json.loads(payload)
        if frame["type"] == "reset":
            raise NotFinal("a socket was told to begin anew")
        for task in frame.get("tasks", ()):
            tasks[task["taskId"]] = _lasting(task)
    return tasks


def _shown(loop: Loop, server: RunningServer, site: Site) -> dict[str, Any]:
    address = address_of(server)
    tasks: dict[str, Any] = {}
    cursor = ""
    while True:
        answers: list[bytes] = []
        http = HttpConnection(loop, address, answers.append)
        http.call(request(address, "GET", f"{API}?limit=200{cursor}", site.headers()))
        http.close()
        page = json.loads(answers[0])
        tasks |= {task["taskId"]: _lasting(task) for task in page["tasks"]}
        if not page["nextCursor"]:
            return tasks
        cursor = f"&cursor={page['nextCursor']}"


def _lasting(task: dict[str, Any]) -> dict[str, Any]:
    """Without what the clock alone changes."""
    return {k: v for k, v in task.items() if k not in ("timeSpent", "overdue")}


# -- The textbook --------------------------------------------------------------------------------


def against_textbook(ground: Ground, sockets: int) -> Measure:
    """The same product beside the textbook's server, which is asked for few updates by one writer.

    More than a hundred that wait for a socket its channel layer drops without a word.
    """
    site = ground.site("sqlite")
    with ExitStack() as stack:
        loop = stack.enter_context(closing(Loop()))
        product = stack.enter_context(site.product("daphne"))
        book, _stamps = stack.enter_context(site.textbook())
        half = len(site.task_ids) // 2
        here = Side(loop, product, site, site.task_ids[:half], sockets, writers=WRITERS)
        there = Side(
            *(loop, book, site, site.task_ids[half:], sockets), dialect=TEXTBOOK, writers=1
        )
        kept = interleave(2, lambda: here.pace(UPDATES), lambda: there.pace(5))
    return _measure(f"{sockets:,} sockets, textbook beside, sqlite: 1 writer", kept, None)
