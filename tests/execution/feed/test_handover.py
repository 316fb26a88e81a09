"""What was just committed, on its way to the tailers without the log."""

import pytest

from execution.feed import handover
from execution.feed.handover import MOST_KEPT, Handed, Shelf
from execution.queries import Position
from tests.execution.feed.batches import batch

pytestmark = pytest.mark.unit


def handed(previous: int, sequence: int) -> Handed:
    return Handed(at(previous), sequence, lambda: batch(previous, sequence))


def at(sequence: int, epoch: str = "first") -> Position:
    return Position(epoch, sequence)


def shelf_with(*places: tuple[int, int]) -> Shelf:
    shelf = Shelf()
    for previous, sequence in places:
        shelf.put(handed(previous, sequence))
    return shelf


def test_what_follows_without_a_gap_is_taken_as_one() -> None:
    # Threads put them there in any order.
    shelf = shelf_with((5, 6), (3, 5), (7, 9))
    taken = shelf.take_after(at(3))
    assert taken is not None
    assert (taken.previous, taken.sequence) == (3, 6)
    assert [event["sequence"] for event in taken.events] == [4, 5, 6]
    assert shelf.take_after(at(6)) is None
    assert shelf.take_after(at(7)) is not None


def test_what_has_been_read_elsewhere_is_thrown_away() -> None:
    shelf = shelf_with((3, 5), (5, 6))
    assert shelf.take_after(at(6)) is None
    assert shelf.take_after(at(3)) is None


def test_a_place_inside_a_batch_is_left_to_the_log() -> None:
    shelf = shelf_with((3, 6))
    assert shelf.take_after(at(4)) is None


def test_only_so_much_is_kept() -> None:
    shelf = shelf_with(*((number, number + 1) for number in range(MOST_KEPT + 10)))
    taken = shelf.take_after(at(0))
    assert taken is not None
    assert taken.sequence == MOST_KEPT


def test_a_cleared_shelf_is_empty() -> None:
    shelf = shelf_with((0, 1))
    shelf.clear()
    assert shelf.take_after(at(0)) is None


def test_the_same_number_of_another_database_is_no_next() -> None:
    shelf = shelf_with((3, 5))
    assert shelf.take_after(at(3, "restored")) is None
    assert shelf.take_after(at(3)) is not None


class Taker:
    def __init__(self, position: Position | None = None) -> None:
        self.position = position
        self.heard_of: list[Handed] = []
        self.taken: list[Handed] = []

    def hear_of(self, handed: Handed) -> None:
        self.heard_of.append(handed)

    def take(self, handed: Handed) -> None:
        self.taken.append(handed)


class Ended(Taker):
    def hear_of(self, handed: Handed) -> None:
        raise RuntimeError("Event loop is closed")


@pytest.fixture(autouse=True)
def nobody_looks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feeds of other tests may still do."""
    monkeypatch.setattr(handover, "_takers", set())
    monkeypatch.setattr(handover, "_newest", None)


def test_the_next_change_is_expected_where_the_feed_is() -> None:
    assert handover.expected_place() is None
    handover.want(Taker(), True)
    assert handover.expected_place() is None
    monday = Taker(at(7))
    handover.want(monday, True)
    assert handover.expected_place() == at(7)


def test_without_anybody_who_follows_it_is_expected_after_the_last_of_this_process() -> None:
    handover.put(handed(0, 2))
    assert handover.expected_place() is None
    handover.want(Taker(), True)
    assert handover.expected_place() == at(2)


def test_nothing_is_handed_to_who_does_not_look_on() -> None:
    idle, ended, wanting = Taker(), Ended(), Taker()
    for taker in (ended, wanting):
        handover.want(taker, True)
    change = handed(0, 1)
    handover.announce(change)
    assert (wanting.heard_of, wanting.taken) == ([change], [])
    handover.put(change)
    assert wanting.taken == [change]
    assert (idle.heard_of, idle.taken) == ([], [])
    handover.want(wanting, False)
    handover.put(handed(1, 2))
    assert wanting.taken == [change]
