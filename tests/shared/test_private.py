"""Secrets and folders that are their owner's alone."""

import stat
from pathlib import Path

import pytest

from nexo.shared.private import kept_secret, make_private_file, make_private_folder

pytestmark = pytest.mark.unit


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    assert kept_secret(file, lambda: "first") == "first"
    assert kept_secret(file, lambda: "second") == "first"
    assert mode_of(file) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_of_two_that_make_it_at_once_the_first_counts(tmp_path: Path) -> None:
    file = tmp_path / "secret"

    def make_while_another_does() -> str:
        kept_secret(tmp_path / "other", lambda: "theirs").encode()
        (tmp_path / "other").rename(file)
        return "ours"

    assert kept_secret(file, make_while_another_does) == "theirs"


def test_a_disk_that_was_full_leaves_no_empty_secret(tmp_path: Path) -> None:
    def full() -> str:
        raise OSError(28, "No space left on device")

    file = tmp_path / "secret"
    with pytest.raises(OSError, match="No space"):
        kept_secret(file, full)
    assert list(tmp_path.iterdir()) == []
    file.touch()  # as an earlier version left it
    assert kept_secret(file, lambda: "made") == "made"


def test_a_folder_is_made_for_its_owner_and_one_that_is_there_stays_as_it_is(
    tmp_path: Path,
) -> None:
    made, there = tmp_path / "made", tmp_path / "there"
    there.mkdir(mode=0o755)
    make_private_folder(made)
    make_private_folder(there)
    assert (mode_of(made), mode_of(there)) == (0o700, 0o755)


def test_a_file_is_made_for_its_owner_unless_it_holds_something(tmp_path: Path) -> None:
    new, empty, shared = tmp_path / "new", tmp_path / "empty", tmp_path / "shared"
    empty.touch(mode=0o644)
    shared.write_text("held")
    shared.chmod(0o640)
    for file in (new, empty, shared):
        make_private_file(file)
    assert [mode_of(file) for file in (new, empty, shared)] == [0o600, 0o600, 0o640]
    assert shared.read_text() == "held"
