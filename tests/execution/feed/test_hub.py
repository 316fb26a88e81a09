"""Who gets which frame when, with time passed in."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from accounts.access import Credential
from accounts.callers import Caller
from execution.feed.connection import BUSY_BYTES, Connection
from execution.feed.frames import MAX_BYTES_BEHIND, MAX_EVENTS_BEHIND
from execution.feed.hub import (
    CLOSE_TOO_SLOW,
    COALESCE_SECONDS,
    LOOK_AFTER_BYTES,
    PING_AFTER_SECONDS,
    STUCK_AFTER_SECONDS,
    Hub,
)
from tests.execution.feed.batches import batch
from tests.execution.feed.servers import FakeServer, connect

pytestmark = pytest.mark.unit


class Time:
    """A clock that stands still, and timers that fire when it is moved past them."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._timers: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        timer = (self.now + delay, callback)
        self._timers.append(timer)
        return Timer(lambda: self._timers.remove(timer) if timer in self._timers else None)

    def pass_by(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self._timers if timer[0] <= until]:
            timer = min(due, key=lambda timer: timer[0])
            self._timers.remove(timer)
            self.now = max(self.now, timer[0])
            timer[1]()
        self.now = max(self.now, until)


class Timer:
    def __init__(self, cancel: Callable[[], None]) -> None:
        self.cancel = cancel


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def hub(time: Time) -> Hub:
    made = Hub(lambda: time.now, time.call_later)
    made.begin("epoch", 0)
    return made


@pytest.fixture
async def open_socket(hub: Hub) -> Callable[[], tuple[Any, FakeServer]]:
    def opened() -> tuple[Any, FakeServer]:
        server = FakeServer()
        connection = connect(server.send)
        hub.add(connection)
        hub.start(connection, "epoch", 0)
        return connection, server

    return opened


def steps(server: FakeServer) -> list[Any]:
    """(previous, sequence) of changes, the type of everything else."""
    return [
        (message["previous"], message["sequence"])
        if message["type"] == "changes"
        else message["type"]
        for message in server.received()
    ]


async def test_the_first_change_goes_at_once_and_the_next_together(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    _, server = open_socket()
    hub.publish(batch(0, 1))
    assert steps(server) == [(0, 1)]

    time.pass_by(COALESCE_SECONDS / 4)
    for number in range(1, 11):
        hub.publish(batch(number, number + 1))
    assert steps(server) == [(0, 1)]

    time.pass_by(COALESCE_SECONDS)
    assert steps(server) == [(0, 1), (1, 11)]
    time.pass_by(10 * COALESCE_SECONDS)
    assert steps(server) == [(0, 1), (1, 11)]

    hub.publish(batch(11, 12))
    assert steps(server)[2:] == [(11, 12)]


async def test_many_sockets_are_written_to_in_turns(
    hub: Hub, time: Time, open_socket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execution.feed.hub.AT_ONCE", 2)
    opened = [open_socket() for _ in range(5)]
    hub.publish(batch(0, 1))
    time.pass_by(1)  # whoever is new is written to singly, and in step from then on
    hub.publish(batch(1, 2))
    assert sorted(len(steps(server)) for _, server in opened) == [1, 1, 1, 2, 2]
    gone, last = next((one, server) for one, server in opened if len(steps(server)) == 1)
    hub.remove(gone)
    hub.publish(batch(2, 3))
    time.pass_by(COALESCE_SECONDS)
    assert steps(last) == [(0, 1)]
    for _, server in opened:
        assert server is last or steps(server) == [(0, 1), (1, 2), (2, 3)]


async def test_whoever_leaves_the_step_in_mid_turn_lacks_nothing(
    hub: Hub, time: Time, open_socket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execution.feed.hub.AT_ONCE", 1)
    servers = [open_socket()[1] for _ in range(3)]
    hub.publish(batch(0, 1))
    time.pass_by(1)
    hub.publish(batch(1, 2))
    servers[-1].transport.held = 1  # it has not taken everything, so it is looked at by itself
    hub.look_at(hub.to_look_at(time.now), time.now)
    assert steps(servers[-1]) == [(0, 1), (1, 2)]
    time.pass_by(1)
    for server in servers:
        assert steps(server) == [(0, 1), (1, 2)]


async def test_under_a_flood_sending_leaves_the_loop_two_thirds_of_its_time(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    connection, server = open_socket()
    hub.publish(batch(0, 1))
    time.pass_by(1)
    write = connection.write_frame
    hub.look_at(hub.to_look_at(time.now), time.now)

    def slowly(frame: bytes) -> None:
        time.now += 0.045
        write(frame)

    connection.write_frame = slowly
    hub.remove(connection)
    hub.add(connection)
    hub.look_at(hub.to_look_at(time.now), time.now)
    hub.publish(batch(1, 2))
    time.pass_by(0)
    hub.publish(batch(2, 3))
    time.pass_by(0.08)
    assert steps(server) == [(0, 1), (1, 2)]
    time.pass_by(0.02)
    assert steps(server) == [(0, 1), (1, 2), (2, 3)]
    # After a silence the first goes at once again, however long sending takes.
    time.pass_by(1)
    hub.publish(batch(3, 4))
    assert steps(server)[-1] == (3, 4)


async def test_sockets_at_one_place_share_one_frame(hub: Hub, open_socket: Any) -> None:
    servers = [open_socket()[1] for _ in range(3)]
    hub.publish(batch(0, 1))
    first, *others = [server.transport.written[0] for server in servers]
    assert all(other is first for other in others)


async def test_a_socket_that_opened_late_gets_what_it_has_not(hub: Hub, open_socket: Any) -> None:
    hub.publish(batch(0, 5))
    server = FakeServer()
    connection = connect(server.send)
    hub.add(connection)
    hub.start(connection, "epoch", 3)
    assert steps(server) == [(3, 5)]
    assert [event["sequence"] for event in server.received()[0]["events"]] == [4, 5]


async def test_a_socket_ahead_of_the_tailer_hears_nothing_twice(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    server = FakeServer()
    connection = connect(server.send)
    hub.add(connection)
    hub.start(connection, "epoch", 3)
    hub.publish(batch(0, 2))
    time.pass_by(1)
    hub.publish(batch(2, 5))
    assert steps(server) == [(3, 5)]


async def test_a_socket_of_another_epoch_starts_anew(hub: Hub) -> None:
    hub.publish(batch(0, 5))
    server = FakeServer()
    connection = connect(server.send)
    hub.add(connection)
    hub.start(connection, "before the restore", 900)
    assert server.received() == [{"type": "reset", "epoch": "epoch", "sequence": 5}]


async def test_before_its_hello_a_socket_hears_nothing(hub: Hub) -> None:
    server = FakeServer()
    connection = connect(server.send)
    hub.add(connection)
    hub.publish(batch(0, 1))
    hub.look_at(hub.to_look_at(2000.0), 2000.0)
    hub.reset_all("epoch", 1)
    assert steps(server) == []


async def test_a_busy_socket_is_passed_over_and_caught_up(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    slow, slow_server = open_socket()
    _, server = open_socket()
    slow_server.transport.held = BUSY_BYTES + 1
    for number in range(50):
        hub.publish(batch(number, number + 1))
        time.pass_by(COALESCE_SECONDS)
    assert steps(slow_server) == []
    assert steps(server) == [(number, number + 1) for number in range(50)]

    slow_server.transport.held = 0
    hub.look_at(hub.to_look_at(time.now), time.now)
    assert steps(slow_server) == [(0, 50)]
    assert slow.close_code is None


async def test_who_stops_taking_in_step_is_written_little_more_and_then_caught_up(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    _, slow_server = open_socket()
    _, server = open_socket()
    hub.publish(batch(0, 1))
    slow_server.transport.holds = True
    slow_server.transport.held = BUSY_BYTES + 1
    frame_bytes = 5_000
    for number in range(1, 200):
        time.pass_by(COALESCE_SECONDS)
        hub.publish(batch(number, number + 1, padding=frame_bytes))
    more = slow_server.transport.held - BUSY_BYTES
    assert more <= LOOK_AFTER_BYTES + 2 * frame_bytes
    assert steps(server) == [(number, number + 1) for number in range(200)]

    slow_server.transport.holds = False
    slow_server.transport.held = 0
    time.pass_by(1)
    hub.look_at(hub.to_look_at(time.now), time.now)
    slow = steps(slow_server)
    assert [first for first, _last in slow[1:]] == [last for _first, last in slow[:-1]]
    assert slow[-1][1] == 200


async def test_nothing_is_written_to_a_socket_that_left_the_step(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    leaving, left_server = open_socket()
    ended, ended_server = open_socket()
    for number in range(2):
        hub.publish(batch(number, number + 1))
        time.pass_by(COALESCE_SECONDS)
    hub.remove(leaving)
    ended.end(4401)
    hub.remove(ended)  # as whoever serves it does before it closes
    hub.publish(batch(2, 3))
    assert steps(left_server) == steps(ended_server) == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [(MAX_EVENTS_BEHIND, [(0, MAX_EVENTS_BEHIND)]), (MAX_EVENTS_BEHIND + 1, ["reset"])],
)
async def test_over_a_thousand_events_waiting_make_a_reset(
    hub: Hub, time: Time, open_socket: Any, events: int, expected: list[Any]
) -> None:
    _, server = open_socket()
    server.transport.held = BUSY_BYTES + 1
    for number in range(events):
        hub.publish(batch(number, number + 1))
    time.pass_by(1)
    server.transport.held = 0
    hub.look_at(hub.to_look_at(time.now), time.now)
    assert steps(server) == expected

    # It goes on from there.
    time.pass_by(1)
    hub.publish(batch(events, events + 1))
    assert steps(server)[1:] == [(events, events + 1)]


async def test_over_512_kb_waiting_make_a_reset(hub: Hub, time: Time, open_socket: Any) -> None:
    _, small = open_socket()
    hub.publish(batch(0, 1, padding=MAX_BYTES_BEHIND - 1000))
    time.pass_by(1)
    hub.publish(batch(1, 2, padding=MAX_BYTES_BEHIND))
    assert steps(small) == [(0, 1), "reset"]
    assert small.received()[1] == {"type": "reset", "epoch": "epoch", "sequence": 2}


async def test_much_at_once_comes_in_parts_to_whoever_keeps_up(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    _, server = open_socket()
    hub.publish(batch(0, 1))
    time.pass_by(1)
    created = batch(1, 501, tasks=500, padding=2_000)  # 1 MB
    hub.publish(created)
    hub.publish(batch(501, 502))
    time.pass_by(1)
    told = steps(server)
    assert "reset" not in told
    assert 4 <= len(told) <= 6
    assert [first for first, _last in told[1:]] == [last for _first, last in told[:-1]]
    assert told[-1][1] == 502
    frames = server.received()[1:]
    assert [event for frame in frames for event in frame["events"]][:-1] == created.events
    assert {task["taskId"] for frame in frames for task in frame["tasks"]} == set(created.tasks)
    assert max(len(json.dumps(frame)) for frame in frames) <= MAX_BYTES_BEHIND


@pytest.mark.parametrize("since", [0, 1])
async def test_much_at_once_comes_in_parts_to_whoever_has_just_come(
    hub: Hub, time: Time, since: int
) -> None:
    """Whether it comes before what is much, or finds it here."""
    server = FakeServer()
    connection = connect(server.send)
    hub.add(connection)
    hub.publish(batch(0, 1))
    if since:
        hub.publish(batch(1, 501, tasks=500, padding=2_000))  # 1 MB
        time.pass_by(1)
    hub.start(connection, "epoch", since)
    if not since:
        hub.publish(batch(1, 501, tasks=500, padding=2_000))
    time.pass_by(1)
    told = steps(server)
    assert "reset" not in told
    assert 3 <= len(told) <= 6
    assert [first for first, _last in told] == [since, *(last for _first, last in told[:-1])]
    assert told[-1][1] == 501
    # It is in step from then on.
    hub.publish(batch(501, 502))
    assert steps(server)[-1] == (501, 502)


async def test_whoever_was_passed_over_with_over_512_kb_waiting_starts_anew(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    _, server = open_socket()
    server.transport.held = BUSY_BYTES + 1
    hub.publish(batch(0, 500, tasks=500, padding=2_000))
    time.pass_by(1)
    server.transport.held = 0
    hub.look_at(hub.to_look_at(time.now), time.now)
    assert steps(server) == ["reset"]
    # From there it keeps up.
    time.pass_by(1)
    hub.publish(batch(500, 1000, tasks=500, padding=2_000))
    time.pass_by(1)
    assert "reset" not in steps(server)[1:]
    assert steps(server)[-1][1] == 1000


async def test_everybody_starts_anew_after_a_restore(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    _, server = open_socket()
    hub.publish(batch(0, 9))
    hub.publish(batch(9, 10))  # waits for the next frame
    hub.reset_all("another", 4)
    time.pass_by(1)
    hub.publish(batch(4, 5))
    time.pass_by(1)
    assert steps(server) == [(0, 9), "reset", (4, 5)]
    assert server.received()[1] == {"type": "reset", "epoch": "another", "sequence": 4}


async def test_after_a_restore_nothing_of_the_other_log_is_told(hub: Hub) -> None:
    hub.publish(batch(0, 9))
    hub.reset_all("another", 9)
    server = FakeServer()
    connection = connect(server.send)
    hub.add(connection)
    hub.start(connection, "another", 5)
    assert steps(server) == ["reset"]


async def test_silence_is_broken_by_a_ping(hub: Hub, time: Time, open_socket: Any) -> None:
    _, server = open_socket()
    time.pass_by(PING_AFTER_SECONDS - 1)
    hub.look_at(hub.to_look_at(time.now), time.now)
    assert steps(server) == []

    time.pass_by(1)
    hub.look_at(hub.to_look_at(time.now), time.now)
    assert server.received() == [{"type": "ping", "sequence": 0}]

    time.pass_by(PING_AFTER_SECONDS - 1)
    hub.publish(batch(0, 1))
    time.pass_by(1)
    hub.look_at(hub.to_look_at(time.now), time.now)
    assert steps(server)[1:] == [(0, 1)]
    time.pass_by(PING_AFTER_SECONDS)
    hub.look_at(hub.to_look_at(time.now), time.now)
    assert server.received()[-1] == {"type": "ping", "sequence": 1}


def let_pass(hub: Hub, time: Time, seconds: float) -> None:
    for _ in range(int(seconds)):
        time.pass_by(1)
        hub.look_at(hub.to_look_at(time.now), time.now)


async def test_who_takes_what_it_is_sent_is_looked_at_once_for_each_frame(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    first, server = open_socket()
    let_pass(hub, time, 2)
    hub.publish(batch(0, 1))
    time.now += 0.01  # it takes as long
    time.pass_by(1)
    assert hub.to_look_at(time.now) == ()
    hub.publish(batch(1, 2))
    server.transport.held = 10
    time.now += 0.01
    time.pass_by(0)
    assert hub.to_look_at(time.now) == [first]
    server.transport.held = 0
    hub.look_at([first], time.now)
    # Frame upon frame, once a second does.
    hub.publish(batch(2, 3))
    time.pass_by(1)
    assert hub.to_look_at(time.now) == (first,)
    hub.look_at([first], time.now)
    time.pass_by(1)
    assert hub.to_look_at(time.now) == ()
    second, _ = open_socket()
    assert hub.to_look_at(time.now) == [second]
    hub.look_at([second], time.now)
    time.pass_by(PING_AFTER_SECONDS - 1)
    assert set(hub.to_look_at(time.now)) == {first, second}
    hub.look_at([first, second], time.now)
    assert server.received()[-1] == {"type": "ping", "sequence": 3}
    # The second came later, and is silent later.
    let_pass(hub, time, 1)
    assert hub.to_look_at(time.now) == ()


async def test_after_a_rest_who_takes_nothing_has_its_ten_seconds(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    connection, server = open_socket()
    let_pass(hub, time, STUCK_AFTER_SECONDS + 5)
    server.transport.held = 10
    hub.publish(batch(0, 1))
    let_pass(hub, time, STUCK_AFTER_SECONDS - 1)
    assert connection.close_code is None
    let_pass(hub, time, 2)
    assert connection.close_code == CLOSE_TOO_SLOW


async def test_an_answer_on_its_way_makes_no_idle_socket_slow(
    hub: Hub, time: Time, open_socket: Any
) -> None:
    """As a client's own pings ask for, just when the hub looks whom to ping."""
    idle, server = open_socket()
    let_pass(hub, time, PING_AFTER_SECONDS - 1)
    server.transport.held = 10
    let_pass(hub, time, 1)
    assert idle.close_code is None
    server.transport.held = 0
    let_pass(hub, time, 1)
    assert idle.close_code is None
    assert server.received()[-1] == {"type": "ping", "sequence": 0}


@pytest.mark.parametrize("held", [10, 10 * BUSY_BYTES])
async def test_a_socket_that_takes_nothing_for_ten_seconds_is_closed(
    hub: Hub, time: Time, open_socket: Any, held: int
) -> None:
    stuck, server = open_socket()
    let_pass(hub, time, 30)
    assert stuck.close_code is None  # nothing to take is no fault

    server.transport.held = held
    hub.publish(batch(0, 1))
    let_pass(hub, time, STUCK_AFTER_SECONDS - 1)
    assert stuck.close_code is None
    let_pass(hub, time, 1)
    assert stuck.close_code == CLOSE_TOO_SLOW

    written = len(server.transport.written)
    server.transport.held = 0
    hub.publish(batch(0, 1))
    let_pass(hub, time, 60)
    assert len(server.transport.written) == written


async def test_a_socket_that_takes_a_little_stays(hub: Hub, time: Time, open_socket: Any) -> None:
    slow, server = open_socket()
    server.transport.held = 100 * BUSY_BYTES
    for _ in range(60):
        server.transport.held -= 1
        let_pass(hub, time, 1)
    assert slow.close_code is None
    # It has enough to take; a ping would come behind all that.
    assert server.transport.written == []
    # One that is written to at once between two looks has taken something too.
    server.transport.held = 0
    hub.publish(batch(0, 1))
    server.transport.held = 100 * BUSY_BYTES
    let_pass(hub, time, STUCK_AFTER_SECONDS - 1)
    assert slow.close_code is None


async def test_a_socket_that_left_hears_nothing(hub: Hub, open_socket: Any) -> None:
    connection, server = open_socket()
    hub.remove(connection)
    hub.remove(connection)
    hub.publish(batch(0, 1))
    assert steps(server) == []


def test_a_socket_ends_once() -> None:
    interrupts: list[None] = []
    connection = Connection(
        FakeServer().send,
        Credential(token_hash="t"),
        Caller(actor="user:ana"),
        interrupt=lambda: interrupts.append(None),
    )
    connection.end(4401)
    connection.end(4429)
    assert (connection.close_code, len(interrupts)) == (4401, 1)


# -- A server that is not known -------------------------------------------------------------------


class PatientServer:
    """Only an ASGI send, which waits while the client takes nothing."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.room = asyncio.Event()
        self.room.set()

    async def send(self, message: Any) -> None:
        await self.room.wait()
        self.sent.append(message)


async def test_under_an_unknown_server_the_ordinary_sending_does(hub: Hub, time: Time) -> None:
    server = PatientServer()
    connection = connect(server.send)
    hub.add(connection)
    hub.start(connection, "epoch", 0)

    server.room.clear()
    hub.publish(batch(0, 1))
    await asyncio.sleep(0)
    time.pass_by(1)
    hub.publish(batch(1, 2))
    assert server.sent == []

    let_pass(hub, time, STUCK_AFTER_SECONDS - 2)
    assert connection.close_code is None
    server.room.set()
    await asyncio.sleep(0.01)
    let_pass(hub, time, 1)
    await asyncio.sleep(0.01)
    sent = [json.loads(message["text"]) for message in server.sent]
    assert [(message["previous"], message["sequence"]) for message in sent] == [(0, 1), (1, 2)]

    server.room.clear()
    hub.publish(batch(2, 3))
    let_pass(hub, time, STUCK_AFTER_SECONDS)
    assert connection.close_code == CLOSE_TOO_SLOW
    server.room.set()


async def test_a_client_that_leaves_while_it_is_written_to_hurts_nobody(hub: Hub) -> None:
    async def send(message: Any) -> None:
        raise OSError("the client has left")

    connection = connect(send)
    hub.add(connection)
    hub.start(connection, "epoch", 0)
    hub.publish(batch(0, 1))
    await asyncio.sleep(0.01)
    assert connection.close_code == 1006
