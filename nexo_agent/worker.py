"""Claim, work, report: as many tasks at once as wanted, for one agent.

Several workers may share an agent. Each keeps alive only the leases it holds itself, so that what
a killed one leaves comes back to the others.
"""

import logging
import math
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from nexo_agent.bell import Bell
from nexo_agent.calls import Held, Json
from nexo_agent.client import NexoAgent
from nexo_agent.errors import Away, LeaseLost, Moved, NexoError, Refused, TokenRefused
from nexo_agent.handlers import KILL_AFTER_SECONDS, Failed, Handler, Job
from nexo_agent.words import LANGUAGES

logger = logging.getLogger(__name__)

# A lease lasts 60 s.
HEARTBEAT_SECONDS: Final = 15.0
HEARTBEAT_AGAIN_SECONDS: Final = 3.0
LEASE_SECONDS: Final = 60.0
MOST_AT_ONCE: Final = 100
GRACE_SECONDS: Final = 10.0
# A command that ignores SIGTERM is killed after the first of these, what it said is waited for no
# longer than for the second, and all of that comes before the report.
LAST_REPORT_SECONDS: Final = 2 * KILL_AFTER_SECONDS + 5.0
LOOK_SECONDS: Final = 0.2
FOREVER: Final = math.inf


@dataclass(frozen=True, slots=True)
class Options:
    """`limit` is after how many tasks to end, `timeout` the seconds that one may take."""

    concurrency: int = 1
    limit: int | None = None
    task_types: Collection[str] = ()
    timeout: float | None = None
    grace: float = GRACE_SECONDS
    language: str = "pt-br"


@dataclass(slots=True)
class _Running:
    job: Job
    begun_at: float
    renewed_at: float
    is_lost: bool = False
    is_late: bool = False
    thread: threading.Thread = field(default_factory=threading.Thread)

    @property
    def held(self) -> Held:
        return self.job.held


class Worker:
    """`run` works until `stop` is called, from a signal or another thread, or the limit is reached.

    Raises (from `run`)
    ------
    TokenRefused; Refused: the agent may not claim; Moved: NEXO is served elsewhere
    """

    def __init__(
        self, client: NexoAgent, bell: Bell, handler: Handler, options: Options = Options()
    ) -> None:
        self._client = client
        self._bell = bell
        self._handler = handler
        self._options = options
        self._words = LANGUAGES[options.language]
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._claiming = threading.current_thread()
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self.done = 0

    def stop(self) -> None:
        self._stopping.set()
        self._bell.ring()

    def pause(self, seconds: float) -> None:
        """The client's sleep: a worker that is stopped waits for no server to claim from."""
        if threading.current_thread() is not self._claiming:
            time.sleep(seconds)
        elif self._stopping.wait(seconds):
            raise Away("the worker is being stopped")

    def run(self) -> None:
        self._claiming = threading.current_thread()
        beating = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        beating.start()
        try:
            while not self._stopping.is_set() and self._left() != 0:
                free = self._options.concurrency - len(self._running)
                if free <= 0 or not self._take(free):
                    self._bell.wait()
            if not self._stopping.is_set():
                self._wait_for_all(FOREVER)
        finally:
            self._wind_up()
            self._ended.set()
            self._bell.close()

    def _left(self) -> int | None:
        """How many more tasks to begin; None without a limit."""
        if self._options.limit is None:
            return None
        with self._lock:
            return max(0, self._options.limit - self.done - len(self._running))

    def _take(self, free: int) -> bool:
        """Claim and begin; whether there was anything."""
        left = self._left()
        wanted = min(free, MOST_AT_ONCE, *([] if left is None else [left]))
        if not wanted:
            return False
        try:
            claimed = self._client.claim(wanted, self._options.task_types)
        except Away as away:
            if not self._stopping.is_set():
                logger.warning("The server is still away (%s).", away)
            return False
        for held in claimed:
            self._begin(held)
        if claimed:
            self._bell.found()
        return len(claimed) == wanted

    # -- one task --------------------------------------------------------------------------------

    def _begin(self, held: Held) -> None:
        now = time.monotonic()

        def log(*lines: str, level: str = "info") -> None:
            self._client.log(held, *lines, level=level)

        running = _Running(Job(held, log, self._client), now, now)
        running.thread = threading.Thread(
            target=self._work, args=(running,), name=held.task_id, daemon=True
        )
        with self._lock:
            self._running[held.task_id] = running
        running.thread.start()

    def _work(self, running: _Running) -> None:
        held = running.held
        try:
            self._carry_out(running)
        except LeaseLost:
            logger.warning("%s is no longer ours; the work on it has stopped.", held.task_id)
        except NexoError as error:
            logger.warning("%s could not be reported: %s", held.task_id, error)
        except Exception as error:
            # A thread's last words: the other tasks go on.
            logger.exception("%s could not be worked on", held.task_id)
            self._give_up(held, error)
        finally:
            with self._lock:
                self._running.pop(held.task_id, None)
                self.done += 1
            self._bell.ring()

    def _carry_out(self, running: _Running) -> None:
        held = running.held
        self._client.start(held)
        logger.info("%s begun: %s", held.task_id, held.title)
        try:
            result = self._handler(running.job)
            failure = None
        except (LeaseLost, Away, Moved, TokenRefused):
            raise  # there is nobody to report to
        except Failed as failed:
            words = self._words[failed.key].format(**failed.values)
            result, failure = None, "\n".join(part for part in (words, failed.words) if part)
        except Exception as error:
            logger.exception("%s failed", held.task_id)
            words = f"{type(error).__name__}: {error}"
            result, failure = None, self._words["exception"].format(error=words)
        self._finish(running, result, failure)

    def _finish(self, running: _Running, result: Json | None, failure: str | None) -> None:
        """Report how it ended, unless somebody else has the task or the handler said so itself."""
        held = running.held
        if running.is_lost:
            raise LeaseLost("lease_lost", "")
        if held.is_over:
            logger.info("%s ended: %s", held.task_id, held.status)
            return
        if running.is_late:
            seconds = f"{self._options.timeout:g}"
            self._client.fail(held, self._words["timeout"].format(seconds=seconds), timeout=True)
        elif running.job.must_stop and (failure is not None or result is None):
            self._client.fail(held, self._words["stopped"])
        elif failure is not None:
            self._client.fail(held, failure)
        else:
            self._complete(held, result)
        logger.info("%s ended: %s", held.task_id, held.status)

    def _complete(self, held: Held, result: Any) -> None:
        try:
            self._client.complete(held, result if isinstance(result, dict) else None)
        except LeaseLost:
            raise
        except Refused as refusal:
            self._client.fail(held, self._words["refused"].format(error=refusal))
        except (ValueError, TypeError, RecursionError) as error:
            # Python reads and writes NaN and half characters; what is sent may hold neither.
            self._client.fail(held, self._words["unsendable"].format(error=error))

    def _give_up(self, held: Held, error: Exception) -> None:
        """Say so on the task in the plainest words; else it would be tried, and fail, again."""
        try:
            self._client.fail(held, self._words["exception"].format(error=type(error).__name__))
        except Exception:
            # The lease brings the task back.
            logger.exception("%s could not be reported", held.task_id)

    # -- leases ----------------------------------------------------------------------------------

    def _beat(self) -> None:
        beat_at = time.monotonic() + HEARTBEAT_SECONDS
        while not self._ended.wait(LOOK_SECONDS):
            now = time.monotonic()
            with self._lock:
                running = list(self._running.values())
            for one in running:
                self._check(one, now)
            if now >= beat_at:
                beat_at = now + (
                    HEARTBEAT_SECONDS if self._renew(running) else HEARTBEAT_AGAIN_SECONDS
                )

    def _check(self, running: _Running, now: float) -> None:
        timeout = self._options.timeout
        if timeout is not None and now - running.begun_at > timeout and not running.is_late:
            running.is_late = True
            running.job.stop()
        if now - running.renewed_at > LEASE_SECONDS and not running.is_lost:
            # Nobody has confirmed it for so long that somebody else may have the task.
            self._lose(running)

    def _lose(self, running: _Running) -> None:
        running.is_lost = True
        running.job.stop()

    def _renew(self, running: Collection[_Running]) -> bool:
        """Whether the server answered."""
        if not running:
            return True
        asked_at = time.monotonic()
        try:
            kept = self._client.heartbeat([one.held for one in running])
        except NexoError as error:
            logger.warning("The leases could not be renewed: %s", error)
            return False
        for one in running:
            if one.held.lease_id in kept:
                one.renewed_at = asked_at
            elif not one.held.is_over and one.held.task_id in self._running:
                self._lose(one)
        return True

    # -- the end ---------------------------------------------------------------------------------

    def _wind_up(self) -> None:
        """Let what is under way finish; what takes too long is failed, in plain words."""
        self._wait_for_all(self._options.grace)
        with self._lock:
            left = list(self._running.values())
        for running in left:
            running.job.stop()
        self._wait_for_all(LAST_REPORT_SECONDS)

    def _wait_for_all(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._running and time.monotonic() < until:
            if seconds == FOREVER and self._stopping.is_set():
                return
            # `stop` is called by a signal's handler, which may take no lock: it can notify nobody.
            time.sleep(LOOK_SECONDS / 4)


__all__ = ["Options", "TokenRefused", "Worker"]
