"""Instants that a server leaves for the client on the same machine, in a shared file.

The monotonic clock is one for all processes, so both sides read the same time.
"""

import mmap
import struct
import time
from pathlib import Path

VARIABLE = "NEXO_BENCHMARK_STAMPS"
_INSTANT = struct.Struct("q")
COMMITTED, PUBLISHED = 0, 1
_SIZE = 2 * _INSTANT.size


class Stamps:
    """The newest instant of each kind, in nanoseconds; one update is under way at a time."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _SIZE)

    def leave(self, kind: int) -> None:
        _INSTANT.pack_into(self._memory, kind * _INSTANT.size, time.monotonic_ns())

    def read(self, kind: int) -> int:
        (instant,) = _INSTANT.unpack_from(self._memory, kind * _INSTANT.size)
        return int(instant)
