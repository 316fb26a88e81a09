"""Work is carried out once, whoever is idle; who finished last goes on first."""

import threading
from functools import partial

import pytest

from nexo.shared.crew import KEPT_FREE, Crew

pytestmark = pytest.mark.unit
WITHIN_SECONDS = 5


class Record:
    """Which thread did what; `done` counts up with each."""

    def __init__(self) -> None:
        self.by: list[tuple[str, object]] = []
        self.done = threading.Semaphore(0)

    def note(self, work: object) -> None:
        if callable(work):
            work()
        self.by.append((threading.current_thread().name, work))
        self.done.release()

    def wait(self, times: int) -> None:
        for _ in range(times):
            assert self.done.acquire(timeout=WITHIN_SECONDS)


def settle(crew: Crew[object], idle: int) -> None:
    """Until that many threads wait for work."""
    deadline = threading.Event()
    while len(crew._idle) < idle:
        deadline.wait(0.001)


def test_one_after_another_is_done_by_one_thread() -> None:
    record = Record()
    crew: Crew[object] = Crew(4, record.note, name="t")
    for number in range(20):
        settle(crew, 4)
        crew.give(number)
        record.wait(1)
    settle(crew, 4)
    assert len({thread for thread, _work in record.by}) == 1
    assert [work for _thread, work in record.by] == list(range(20))
    crew.dismiss()


def test_what_comes_together_is_done_by_several_and_the_rest_waits() -> None:
    record = Record()
    crew: Crew[object] = Crew(2, record.note, name="t")
    gate = threading.Event()
    block = partial(gate.wait, WITHIN_SECONDS)
    for work in (block, block, "third", "fourth"):
        crew.give(work)
    assert record.by == []
    gate.set()
    record.wait(4)
    assert {work for _thread, work in record.by} == {block, "third", "fourth"}
    crew.dismiss()


def test_each_piece_is_done_once_under_a_rush() -> None:
    record = Record()
    crew: Crew[object] = Crew(8, record.note, name="t")
    for number in range(5_000):
        crew.give(number)
    record.wait(5_000)
    assert {work for _thread, work in record.by} == set(range(5_000))
    assert len(record.by) == 5_000
    crew.dismiss()


def test_dismissed_threads_finish_what_waits_and_end() -> None:
    record = Record()
    crew: Crew[object] = Crew(2, record.note, name="t")
    for number in range(10):
        crew.give(number)
    crew.dismiss()
    for thread in crew.threads:
        thread.join(WITHIN_SECONDS)
        assert not thread.is_alive()
    assert len(record.by) == 10


def test_what_waits_for_others_leaves_threads_to_what_does_not() -> None:
    record = Record()
    crew: Crew[object] = Crew(KEPT_FREE + 2, record.note, name="t")
    gate = threading.Event()
    block = partial(gate.wait, WITHIN_SECONDS)
    for work in (block, block, block, "writes", "writes too", "writes three"):
        crew.give(work, may_wait=True)
    crew.give("reads")
    record.wait(1)
    crew.give("reads too")
    record.wait(1)
    assert [work for _thread, work in record.by] == ["reads", "reads too"]
    gate.set()
    record.wait(6)
    # Each in its turn, and all room is there again.
    settle(crew, KEPT_FREE + 2)
    assert crew._room == 2
    assert sum(work is block for _thread, work in record.by) == 3
    crew.dismiss()


def test_a_dismissed_crew_finishes_what_waits_for_room() -> None:
    record = Record()
    crew: Crew[object] = Crew(1, record.note, name="t")
    for number in range(10):
        crew.give(number, may_wait=number % 2 == 0)
    crew.dismiss()
    record.wait(10)
    assert {work for _thread, work in record.by} == set(range(10))
    assert len(record.by) == 10
