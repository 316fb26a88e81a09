"""Rings after a commit so that tailers read at once; a lost ring costs half a second, no more."""

from collections.abc import Callable
from contextlib import suppress

_listeners: set[Callable[[], None]] = set()


def listen(listener: Callable[[], None]) -> None:
    """Call `listener` at each ring, from whichever thread rings; it must not block."""
    _listeners.add(listener)


def forget(listener: Callable[[], None]) -> None:
    _listeners.discard(listener)


def ring() -> None:
    """Wake the tailers of this process and, over the channel layer, those of the others.

    From a process without an event loop there is nobody to wake: other processes look for
    themselves every 500 ms.
    """
    for listener in tuple(_listeners):
        # Its event loop may have closed between the copy and the call.
        with suppress(RuntimeError):
            listener()


# -- Log lines: no event tells of them -------------------------------------------------------------

_log_listeners: set[Callable[[int], None]] = set()


def listen_for_logs(listener: Callable[[int], None]) -> None:
    """Call `listener` with a task's key after lines were written to its log; as with `listen`."""
    _log_listeners.add(listener)


def forget_for_logs(listener: Callable[[int], None]) -> None:
    _log_listeners.discard(listener)


def ring_for_logs(task_pk: int) -> None:
    for listener in tuple(_log_listeners):
        with suppress(RuntimeError):
            listener(task_pk)
