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
