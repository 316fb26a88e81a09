"""A file that is there whole or not at all, whatever ends the program."""

import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.utils.translation import gettext as _

from orchestration.backups.exceptions import BackupFailed

# Nobody writes to a part for so long without a pause; who was to end it was killed.
ABANDONED_SECONDS = 24 * 3600
# What SQLite may leave beside a database that it was writing.
BESIDE = ("", "-journal", "-wal", "-shm")


@contextmanager
def written_whole(target: Path, *, force: bool) -> Iterator[Path]:
    """A file to write to, which becomes `target`, on disk, when the block has ended well.

    Only its owner can read it: a backup holds password hashes. Without `force` an existing file
    stays, even one that was made meanwhile.

    Raises
    ------
    BackupFailed: the target exists, or its folder cannot be written to
    """
    if target.exists() and not force:
        raise _exists(target)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        _discard_abandoned(target)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield part
        _to_disk(part)
        _publish(part, target, force=force)
        _to_disk(target.parent)
    except OSError as error:
        raise cannot_be_written(target, error) from error
    finally:
        discard(part)


def discard(database: Path) -> None:
    """Remove a file that SQLite may have written to, and what it may have left beside it."""
    for suffix in BESIDE:
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _discard_abandoned(target: Path) -> None:
    """Parts that killed programs left; hidden as they are, they would fill the disk unseen."""
    for part in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        if time.time() - part.stat().st_mtime > ABANDONED_SECONDS:
            discard(part)


def _publish(part: Path, target: Path, *, force: bool) -> None:
    if force:
        part.replace(target)
        return
    try:
        # Unlike a rename it fails where something is.
        target.hardlink_to(part)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError:
        # A file system without hard links.
        with suppress(FileNotFoundError):
            target.lstat()
            raise _exists(target) from None
        part.replace(target)


def _exists(target: Path) -> BackupFailed:
    return BackupFailed(_("%s exists already; --force replaces it.") % target)


def cannot_be_written(file: Path, error: OSError) -> BackupFailed:
    values = {"file": file, "cause": error.strerror or error}
    return BackupFailed(_("%(file)s cannot be written: %(cause)s.") % values)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
