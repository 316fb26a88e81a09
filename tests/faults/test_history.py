"""The checker finds what it is there to find."""

import pytest

from tests.faults.history import Logged, Outcome, Write, contradictions, created_wrongly

pytestmark = pytest.mark.unit
OK, NO, PERHAPS = Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.UNANSWERED
STARTED = Logged(2, "t", "pending", "in_progress", "a")
SYNCING = Logged(3, "t", "in_progress", "marketplace_sync", "b")


def test_answers_that_the_log_bears_out() -> None:
    writes = [Write("t", "a", OK, 2), Write("t", "b", PERHAPS), Write("t", "c", PERHAPS)]
    assert contradictions([*writes, Write("t", "d", NO)], [SYNCING, STARTED]) == []


@pytest.mark.parametrize(
    ("writes", "log", "found"),
    [
        ([Write("t", "a", OK, 2)], [], "lost"),
        ([Write("t", "a", OK, 9)], [STARTED], "moved"),
        ([Write("t", "a", NO)], [STARTED], "phantom"),
        ([], [STARTED], "phantom"),
        (
            [Write("t", "a", OK, 2)],
            [STARTED, Logged(3, "t", "in_progress", "failed", "a")],
            "moved",
        ),
        (
            [Write("t", "a", PERHAPS), Write("t", "b", PERHAPS)],
            [STARTED, SYNCING, SYNCING],
            "twice",
        ),
        (
            [Write("t", "a", OK, 2), Write("t", "b", OK, 3)],
            [STARTED, Logged(3, "t", "approved", "in_progress", "b")],
            "torn",
        ),
        ([Write("t", "a", OK, 1)], [Logged(1, "t", "pending", "completed", "a")], "illegal"),
    ],
)
def test_whatever_belies_an_answer_is_found(
    writes: list[Write], log: list[Logged], found: str
) -> None:
    assert found in " ".join(contradictions(writes, log))


def test_tasks_lost_and_made_twice() -> None:
    assert created_wrongly({"A": OK, "B": PERHAPS}, ["A"]) == []
    assert created_wrongly({"A": OK}, []) == ["lost: task A"]
    assert created_wrongly({"A": OK}, ["A", "A"]) == ["twice: task A"]
