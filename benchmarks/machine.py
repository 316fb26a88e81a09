"""The machine that is measured on: its cores, the CPU time of a process, its description."""

import os
import platform
import resource
import sqlite3
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = (
    *("Django", "djangorestframework", "uvicorn", "uvloop", "daphne"),
    *("websockets", "orjson", "psycopg", "redis"),
)
# Sockets of both sides, 2,000 each, and what the process itself needs.
OPEN_FILES = 8192
# Linux's name, in a clock's number, for what the scheduler counted (clock_gettime(2)).
CPUCLOCK_SCHED = 2


# The servers under measurement share the first core, the client has the last for itself.
SERVERS, CLIENT = 0, -1
_CORES = sorted(os.sched_getaffinity(0))


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run on one core of those allowed, and with it every process started meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_CORES[core]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def on_all_cores() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _CORES)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, all its threads together, to the nanosecond.

    By the process's own clock, as `clock_getcpuclockid` names it; its clock ticks are 10 ms apart.
    """
    return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)


def resident_bytes(pid: int) -> int:
    """What a process has of the machine's memory, without what it shows of files.

    SQLite maps its file, and a file that grows is the system's to keep in memory or not.
    """
    memory = psutil.Process(pid).memory_info()
    return int(memory.rss - memory.shared)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def describe() -> list[tuple[str, str]]:
    """What a reader has to know to compare figures, as name and value."""
    return [
        ("Processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("System", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("SQLite", sqlite3.sqlite_version),
        ("Load at the end", f"{os.getloadavg()[1]:.1f} over five minutes, the run's own included"),
        ("Packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES)),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
