"""A committed change as processes tell one another of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.feed import frames, relay
from execution.feed.frames import Batch
from execution.queries import Position
from execution.totals import Move
from tests.execution.feed.batches import batch

pytestmark = pytest.mark.unit
PLACE = Position("first", 3)
MOVES = [Move(5, "amazon", "pending", "in_progress", 50)]


def changed(**values: Any) -> bytes:
    """A change that is told otherwise than it was."""
    return json.dumps({**json.loads(told()), **values}).encode()


def told() -> bytes:
    made = batch(3, 5)
    return relay.packed(
        PLACE, Batch(3, 5, made.events, made.tasks, summary=made.summary, moves=MOVES)
    )


def test_it_arrives_as_it_was_sent() -> None:
    place, arrived = relay.unpacked(told())
    sent = batch(3, 5)
    assert place == PLACE
    assert arrived.moves == MOVES
    # Who shows it makes the summary of its own totals.
    assert arrived.summary == {}
    unsummed = Batch(3, 5, sent.events, sent.tasks, summary={})
    assert frames.changes(arrived) == frames.changes(unsummed)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\0", b"null", b"7", b"[]", b"{}", "text", None, 7, ["x"], {}),
        changed(previous="3"),
        changed(previous=2),
        changed(sequence=6),
        changed(sequence=None),
        changed(sequence=3, events=[]),
        changed(events=[{"sequence": 4}, {"sequence": 6}]),
        changed(events=[4, 5]),
        changed(moves=None),
        changed(moves=[[5, "amazon"]]),
        changed(moves=[[5, "another", "pending", "failed", 0]]),
        changed(moves=[[5, "amazon", "pending", "paused", 0]]),
        changed(moves=[[5, "amazon", ["pending"], "failed", 0]]),
        changed(moves=[[5, ["amazon"], "pending", "failed", 0]]),
        changed(moves=[["5", "amazon", "pending", "failed", 0]]),
        changed(moves=[[5, "amazon", "pending", "failed", "0"]]),
        changed(epoch=["first"]),
        changed(tasks=None),
        changed(tasks=["task-0"]),
        changed(events=None),
        changed(sequence=2**62),  # counting so far would take all memory
    ],
)
def test_anything_else_is_refused(data: Any) -> None:
    with pytest.raises(ValueError):  # its words are for nobody
        relay.unpacked(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(sorted(json.loads(told()))), JSON)
def test_whatever_it_is_it_is_refused_or_can_be_shown(name: str, value: Any) -> None:
    try:
        place, arrived = relay.unpacked(changed(**{name: value}))
    except ValueError:
        return
    hash(place)
    assert json.loads(frames.changes(arrived))["sequence"] == arrived.sequence
    assert frames.merged([arrived], arrived.previous) == arrived
