"""A small in-process cache for what every request asks: its session, person and permissions.

An entry lives five seconds, so that a role or session that ends in another process ends here well
within ten; what ends in this process is dropped at once (receivers.py).
"""

import threading
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

from django.db import connection, transaction

LIFETIME_SECONDS = 5.0
MAX_ENTRIES = 10_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BriefCache(Generic[Key, Value]):
    """Thread-safe; `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[Key, tuple[float, Value]] = {}
        self._generation = 0

    def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """The kept value, or what `read` gives, kept from when it began to be read."""
        began = self._clock()
        entry = self._entries.get(key)
        if entry is not None and began < entry[0]:
            return entry[1]
        generation = self._generation
        value = read()
        with self._lock:
            # What was dropped while it was being read may already be untrue.
            if generation == self._generation:
                if len(self._entries) >= MAX_ENTRIES:
                    self._entries.clear()
                self._entries[key] = (began + LIFETIME_SECONDS, value)
        return value

    def drop(self, key: Key) -> None:
        self._forget(partial(self._entries.pop, key, None))

    def clear(self) -> None:
        self._forget(self._entries.clear)

    def _forget(self, take_out: Callable[[], object]) -> None:
        """Now, and again once what makes it untrue is committed: until then others read the old."""

        def forget() -> None:
            with self._lock:
                self._generation += 1
                take_out()

        forget()
        if connection.in_atomic_block:
            transaction.on_commit(forget, robust=True)
