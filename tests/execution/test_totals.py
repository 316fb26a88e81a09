"""Totals that follow the changes are what a recount gives, whatever they hold already."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.enums import MarketplaceSlug, TaskStatus
from execution.totals import Move, Totals

pytestmark = pytest.mark.unit
STATUSES = [status.value for status in TaskStatus]
SLUGS = [slug.value for slug in MarketplaceSlug]
Task = tuple[str, str, int]  # marketplace, status, progress
tasks = st.lists(
    st.tuples(st.sampled_from(SLUGS), st.sampled_from(STATUSES), st.integers(0, 100)), min_size=1
)
changes = st.lists(st.tuples(st.integers(0, 50), st.sampled_from(STATUSES), st.integers(0, 100)))


def rows(all_tasks: list[Task]) -> list[tuple[str, str, int, int]]:
    counts: Counter[tuple[str, str]] = Counter()
    progress: Counter[tuple[str, str]] = Counter()
    for slug, status, points in all_tasks:
        counts[status, slug] += 1
        progress[status, slug] += points
    return [(*key, count, progress[key]) for key, count in counts.items()]


@given(tasks, changes, st.integers(0, 20))
def test_following_equals_a_recount(
    start: list[Task], done: list[tuple[int, str, int]], known: int
) -> None:
    now = list(start)
    moves, states = [], [list(now)]
    for sequence, (index, status, points) in enumerate(done, 1):
        slug, before, progress = now[index % len(now)]
        now[index % len(now)] = (slug, status, points)
        moves.append(Move(sequence, slug, before, status, points - progress))
        states.append(list(now))
    # Read at any moment, then told of everything: what it held already counts once.
    read_at = min(known, len(done))
    totals = Totals.of(rows(states[read_at]), read_at)
    known_before = totals.summary()
    followed = totals.after(moves)
    assert totals.summary() == known_before
    assert followed.summary() == Totals.of(rows(now)).summary()
    assert followed.sequence == len(done)


def test_the_summary_counts_cards_and_rounds_the_mean_half_up() -> None:
    totals = Totals.of(
        [("pending", "amazon", 1, 0), ("approved", "amazon", 1, 25), ("completed", "shein", 1, 100)]
    )
    summary = totals.summary()
    # (0 + 25 + 100) ÷ 3 = 41.7; (0 + 25) ÷ 2 = 12.5
    assert summary["all"] == {
        "pending": 2, "inProgress": 0, "completed": 1, "failed": 0, "totalProgress": 42,
    }  # fmt: skip
    assert summary["byChannel"]["amazon"]["totalProgress"] == 13
    assert summary["byChannel"]["kaway"]["totalProgress"] == 0
