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

# Threads that work which may wait for others never takes, so that what need not wait goes on.
KEPT_FREE = 2


class _Worker(Generic[Work]):
    def __init__(self) -> None:
        self.work: Work | None = None
        self.may_wait = False
        self.woken = threading.Lock()
        self.woken.acquire()


class Crew(Generic[Work]):
    """`count` daemon threads that call `carry_out`; it must not raise.

    Writers wait for one another, and while the disk stands still all of them do; they leave some
    threads to those who only read.
    """

    def __init__(self, count: int, carry_out: Callable[[Work], None], *, name: str) -> None:
        self._carry_out = carry_out
        self._lock = threading.Lock()
        self._idle: list[_Worker[Work]] = []
        self._waiting: deque[tuple[Work, bool]] = deque()
        self._room = max(1, count - KEPT_FREE)  # for more work that may wait
        self._dismissed = False
        self.threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self.threads:
            thread.start()

    def give(self, work: Work, *, may_wait: bool = False) -> None:
        """Have it carried out, at once where a thread is idle; `may_wait`: for other work."""
        with self._lock:
            if not self._idle or (may_wait and not self._room):
                self._waiting.append((work, may_wait))
                return
            self._room -= may_wait
            worker = self._idle.pop()
        worker.work, worker.may_wait = work, may_wait
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
            self._room += worker.may_wait
            worker.may_wait = False
            for place, (first, may_wait) in enumerate(self._waiting):
                if not may_wait or self._room:
                    del self._waiting[place]
                    self._room -= may_wait
                    worker.may_wait = may_wait
                    return first
            if self._dismissed:
                return None
            self._idle.append(worker)
        worker.woken.acquire()
        work, worker.work = worker.work, None
        return work
