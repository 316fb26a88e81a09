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
_publish = Hub.publish


def _stamped_publish(hub: Hub, batch: Batch) -> None:
    _stamps.leave(PUBLISHED)
    _publish(hub, batch)


# Rung right after the commit, in the thread that wrote.
doorbell.listen(lambda: _stamps.leave(COMMITTED))
Hub.publish = _stamped_publish  # type: ignore[method-assign,assignment]
