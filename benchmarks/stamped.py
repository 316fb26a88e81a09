"""The product's own ASGI application, which besides notes when it committed and published."""

import os
from pathlib import Path

from nexo.asgi import application

# isort: split
# Django is set up from here on.
from benchmarks.stamps import COMMITTED, PUBLISHED, VARIABLE, Stamps
from execution.feed import doorbell
from execution.feed.frames import Batch
from execution.feed.hub import Hub

__all__ = ["application"]

_stamps = Stamps(Path(os.environ[VARIABLE]))
_ring, _publish = doorbell.ring, Hub.publish


def _stamped_ring() -> None:
    """Called right after the commit, in the thread that wrote."""
    _stamps.leave(COMMITTED)
    _ring()


def _stamped_publish(hub: Hub, batch: Batch) -> None:
    _stamps.leave(PUBLISHED)
    _publish(hub, batch)


doorbell.ring = _stamped_ring
Hub.publish = _stamped_publish  # type: ignore[method-assign,assignment]  # on purpose
