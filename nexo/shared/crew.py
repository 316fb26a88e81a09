"""Threads that carry out one piece of work after another; who finished last is asked first.

A queue would wake them in turns, each with a database connection that has gone cold meanwhile: on
PostgreSQL, whose every connection is a process with statements and pages of its own, a call now
and then took a fifth longer.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Work = TypeVar("Work")


class _Worker(Generic[Work]):
    def __init__(self) -> None:
        self.work: Work | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class Crew(Generic[Work]):
    """`count` daemon threads that call `carry_out`; it must not raise."""

    def __init__(self, count: int, carry_out: Callable[[Work], None], *, name: str) -> None:
        self._carry_out = carry_out
        self._lock = threading.Lock()
        self._idle: list[_Worker[Work]] = []
        self._waiting: deque[Work] = deque()
        self._dismissed = False
        self.threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self.threads:
            thread.start()

    def give(self, work: Work) -> None:
        """Have it carried out, at once where a thread is idle."""
        with self._lock:
            if not self._idle:
                self._waiting.append(work)
                return
            worker = self._idle.pop()
        worker.work = work
        worker.woken.release()

    def dismiss(self) -> None:
        """Every thread ends once nothing waits any more."""
        with self._lock:
            self._dismissed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.woken.release()

    def _serve(self) -> None:
        worker: _Worker[Work] = _Worker()
        while (work := self._next(worker)) is not None:
            self._carry_out(work)

    def _next(self, worker: "_Worker[Work]") -> Work | None:
        """The next piece of work, waited for; None when there will be none."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._dismissed:
                return None
            self._idle.append(worker)
        worker.woken.acquire()
        work, worker.work = worker.work, None
        return work
