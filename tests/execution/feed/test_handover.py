"""What this process committed, on its way to its own tailer without the log."""

import pytest

from execution.feed import handover
from execution.feed.handover import MOST_KEPT, Handed, Shelf
from tests.execution.feed.batches import batch

pytestmark = pytest.mark.unit


def handed(previous: int, sequence: int) -> Handed:
    return Handed(previous + 1, lambda: batch(previous, sequence))


def shelf_with(*places: tuple[int, int]) -> Shelf:
    shelf = Shelf()
    for previous, sequence in places:
        shelf.put(handed(previous, sequence))
    return shelf


def test_what_follows_without_a_gap_is_taken_as_one() -> None:
    # Threads put them there in any order.
    shelf = shelf_with((5, 6), (3, 5), (7, 9))
    taken = shelf.take_after(3)
    assert taken is not None
    assert (taken.previous, taken.sequence) == (3, 6)
    assert [event["sequence"] for event in taken.events] == [4, 5, 6]
    assert shelf.take_after(6) is None
    assert shelf.take_after(7) is not None


def test_what_has_been_read_elsewhere_is_thrown_away() -> None:
    shelf = shelf_with((3, 5), (5, 6))
    assert shelf.take_after(6) is None
    assert shelf.take_after(3) is None


def test_a_place_inside_a_batch_is_left_to_the_log() -> None:
    shelf = shelf_with((3, 6))
    assert shelf.take_after(4) is None


def test_only_so_much_is_kept() -> None:
    shelf = shelf_with(*((number, number + 1) for number in range(MOST_KEPT + 10)))
    taken = shelf.take_after(0)
    assert taken is not None
    assert taken.sequence == MOST_KEPT


def test_a_cleared_shelf_is_empty() -> None:
    shelf = shelf_with((0, 1))
    shelf.clear()
    assert shelf.take_after(0) is None


def test_nothing_is_put_where_nobody_looks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    # Feeds of other tests may still look on.
    monkeypatch.setattr(handover, "_wanted", set())
    idle, wanted = Shelf(), Shelf()
    assert not handover.is_wanted()
    wanted.want(True)
    assert handover.is_wanted()
    handover.put(handed(0, 1))
    assert idle.take_after(0) is None
    assert wanted.take_after(0) is not None
