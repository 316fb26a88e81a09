"""From where the present work was asked for: kept beside what it did, for the audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

MAX_LENGTH: Final = 64
_origin: ContextVar[str | None] = ContextVar("origin", default=None)


def current_origin() -> str | None:
    """A client's address, or what runs by itself (`command`, `worker`); None when unknown."""
    return _origin.get()


@contextmanager
def working_for(origin: str | None) -> Iterator[None]:
    token = _origin.set(origin[:MAX_LENGTH] if origin else None)
    try:
        yield
    finally:
        _origin.reset(token)
