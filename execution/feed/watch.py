"""Looks twice a second whether the log has gone on, or is another, without a ring.

In a thread of its own and by the shortest way: beside sockets that nothing happens to, this is what
a process does most, and each turn of the event loop finds its code no longer in the processor.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from django.db import DatabaseError, InterfaceError, connection

from execution import queries
from execution.queries import Position
from nexo.shared.pipelines import bare_statements

LOOK_SECONDS: Final = 0.5


class Watch:
    """`known` says how far the log is known, `tell` is called where it is not there any more.

    Both are called in the watch's own thread.
    """

    def __init__(self, known: Callable[[], Position | None], tell: Callable[[], object]) -> None:
        self._known = known
        self._tell = tell
        self._is_wanted = threading.Event()
        self._must_end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed-watch", daemon=True)

    def begin(self) -> None:
        self._is_wanted.set()
        if self._thread.ident is None:
            self._thread.start()

    def rest(self) -> None:
        """Until the next `begin`; nobody looks on."""
        self._is_wanted.clear()

    def end(self) -> None:
        """For good; once its thread has ended."""
        self._must_end.set()
        if self._thread.ident is not None:
            self._is_wanted.set()
            self._thread.join()

    def _run(self) -> None:
        try:
            # A loop that has been closed cannot be told.
            with suppress(RuntimeError):
                while self._is_wanted.wait() and not self._must_end.wait(LOOK_SECONDS):
                    if not self._is_as_known():
                        self._tell()
        finally:
            connection.close()

    def _is_as_known(self) -> bool:
        try:
            with bare_statements():
                present = queries.stream_position()
        except (DatabaseError, InterfaceError):
            connection.close()
            return False  # whoever reads finds out why
        return present == self._known()
