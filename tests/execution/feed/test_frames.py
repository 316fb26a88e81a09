"""What frames hold and how changes that wait together become one."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from execution.feed import frames
from execution.feed.frames import MAX_EVENTS_BEHIND, Batch, RecentBatches
from tests.execution.feed.batches import batch, batches

pytestmark = pytest.mark.unit


def numbers(found: Batch) -> list[int]:
    return [event["sequence"] for event in found.events]


def kept(made: Sequence[Batch]) -> RecentBatches:
    recent = RecentBatches()
    for one in made:
        recent.add(one)
    return recent


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_what_follows_a_place_is_all_of_it_in_order(sizes: list[int], data: st.DataObject) -> None:
    made = batches(sizes, tasks=3)
    newest = sum(sizes)
    after = data.draw(st.integers(0, newest - 1))
    found = kept(made).after(after)
    assert found is not None
    assert (found.previous, found.sequence) == (after, newest)
    assert numbers(found) == list(range(after + 1, newest + 1))
    # Each task that an event names, in its newest state, and no other.
    assert set(found.tasks) == {event["taskId"] for event in found.events}
    for task_id, task in found.tasks.items():
        assert task["sequence"] == max(
            event["sequence"] for event in found.events if event["taskId"] == task_id
        )
    assert found.summary == made[-1].summary


@pytest.mark.parametrize("size", [100, 300])
def test_a_thousand_events_back_is_kept_and_one_more_is_not(size: int) -> None:
    recent = kept(batches([size] * (1200 // size)))
    found = recent.after(1200 - MAX_EVENTS_BEHIND)
    assert found is not None
    assert len(found.events) == MAX_EVENTS_BEHIND
    assert recent.after(1200 - MAX_EVENTS_BEHIND - 1) is None


def test_no_more_is_kept_than_can_be_asked_for() -> None:
    recent = kept(batches([100] * 50))
    assert len(recent._batches) == MAX_EVENTS_BEHIND / 100


def test_before_the_first_batch_nothing_is_known() -> None:
    recent = RecentBatches()
    assert recent.after(0) is None
    recent.add(batch(10, 12))
    assert recent.after(9) is None
    assert recent.after(10) is not None


def test_a_gap_between_batches_is_never_bridged() -> None:
    recent = kept([batch(0, 2), batch(5, 6)])
    assert recent.after(1) is None
    assert recent.after(5) is not None


def test_the_messages_are_the_documented_ones() -> None:
    assert json.loads(frames.hello("e", 7, {"all": {}})) == {
        "type": "hello",
        "epoch": "e",
        "sequence": 7,
        "summary": {"all": {}},
    }
    one = batch(6, 7)
    assert json.loads(frames.changes(one)) == {
        "type": "changes",
        "previous": 6,
        "sequence": 7,
        "tasks": list(one.tasks.values()),
        "events": list(one.events),
        "summary": one.summary,
    }
    assert json.loads(frames.reset("e", 7)) == {"type": "reset", "epoch": "e", "sequence": 7}
    assert json.loads(frames.ping(7)) == {"type": "ping", "sequence": 7}
    assert json.loads(frames.ERROR) == {"type": "error"}


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 600_000])
def test_a_prepared_frame_is_one_text_message(length: int) -> None:
    payload = b"x" * length
    client = Protocol(CLIENT)
    client.receive_data(frames.text_frame(payload))
    (frame,) = client.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.fin) == (Opcode.TEXT, True)
    assert frame.data == payload
