"""Files and folders that are their owner's alone. Needs nothing that has to be installed."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Unless it is there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_private_file(file: Path) -> None:
    """Unless there is one that holds something. SQLite would let everybody read its own."""
    if not _holds_something(file):
        file.touch(mode=0o600)
        file.chmod(0o600)


def kept_secret(file: Path, make: Callable[[], str]) -> str:
    """What a file keeps, made once.

    Written apart, then linked: of processes that start together the first one's counts, no other
    reads it half written, and on a full disk there is none rather than an empty one.
    """
    if not _holds_something(file):
        file.unlink(missing_ok=True)
        made = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            made.touch(mode=0o600)
            made.write_text(make())
            with suppress(FileExistsError):
                file.hardlink_to(made)
        finally:
            made.unlink(missing_ok=True)
    return file.read_text().strip()


def _holds_something(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0
