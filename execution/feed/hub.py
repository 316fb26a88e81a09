"""Hands each change to every open socket of this process, encoded once.

The first change goes out at once; while more arrive, one frame with all of them every 20 ms, or
less often when sending it takes the loop long: two thousand sockets take it for 45 ms, and whoever
writes needs it too. A socket that does not keep up is passed over, and later gets what it missed in
one frame or, when that is too much, a reset; it never slows the others.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from execution.feed import frames, metrics
from execution.feed.callers import Callers
from execution.feed.connection import BUSY_BYTES, Connection
from execution.feed.frames import MAX_BYTES_BEHIND, Batch, RecentBatches, text_frame

COALESCE_SECONDS = 0.02
# While more arrive, sending has a third of the loop's time.
REST_PER_COST = 2.0
LONGEST_REST_SECONDS = 0.2
# Sockets that are written to before the loop does something else, such as read a request.
AT_ONCE = 500
PING_AFTER_SECONDS = 20.0
STUCK_AFTER_SECONDS = 10.0
# So much is written at most before it is looked at again who takes it.
LOOK_AFTER_BYTES = BUSY_BYTES // 2
LOOK_EVERY_SECONDS = 1.0
CLOSE_TOO_SLOW = 4429


class _Prepared(NamedTuple):
    """A message as it is sent, and the newest event in it."""

    sequence: int
    frame: bytes
    payload: bytes


class Hub:
    """`clock` gives seconds that never go back; `call_later` is the event loop's.

    Most sockets are *in step*: they have every frame so far and take what they are sent. Those are
    written to in one bare loop, for whatever is done for each of 2,000, the last waits for; where
    one stands is written down when it leaves the step. Whether it keeps up is looked at right
    after a frame, or in the next sweep where frames follow one another, and after
    `LOOK_AFTER_BYTES`; in between nothing can have changed.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        call_later: Callable[..., asyncio.TimerHandle],
    ) -> None:
        self._clock = clock
        self._call_later = call_later
        self._recent = RecentBatches()
        self._epoch = ""
        self._sequence = 0
        self._in_step: dict[Connection, Callable[[bytes], None]] = {}
        self._step = 0  # the newest event that those in step have
        self._stepped_at = 0.0
        self._looked_at = 0.0  # when it was begun to look at all in step
        self._silent_at = 0.0  # nobody in step will have been silent for long before
        self._unlooked_bytes = 0
        self._flush_timer: asyncio.TimerHandle | None = None
        self._is_sending = False
        self._frame = b""
        self._left: dict[Connection, Callable[[bytes], None]] = {}  # lack `_frame` yet
        self._began_at = 0.0
        self._ended_at = -COALESCE_SECONDS
        self._rest = COALESCE_SECONDS
        self._sent_through = 0
        self.connections: set[Connection] = set()
        self.callers = Callers()

    def add(self, connection: Connection) -> None:
        self.connections.add(connection)
        self.callers.add(connection)
        metrics.SOCKETS.inc()

    def remove(self, connection: Connection) -> None:
        self._in_step.pop(connection, None)
        self._left.pop(connection, None)
        if connection in self.connections:
            self.connections.discard(connection)
            self.callers.remove(connection)
            metrics.SOCKETS.dec()

    def start(self, connection: Connection, epoch: str, sequence: int) -> None:
        """From now on the socket, which has everything up to `sequence`, gets what follows."""
        now = self._clock()
        connection.position = sequence
        connection.last_sent_at = connection.moved_at = now
        if epoch != self._epoch:
            # The database was restored since the socket, or the tailer, read it.
            self._reset(connection, now)
        elif sequence < self._sequence:
            self._catch_up([connection], now)

    # -- changes -----------------------------------------------------------------------------------

    def publish(self, batch: Batch) -> None:
        """Take a batch and send it, at once or with those that follow soon."""
        self._recent.add(batch)
        self._sequence = batch.sequence
        if self._is_sending or self._flush_timer is not None:
            return
        now = self._clock()
        if now >= self._ended_at + COALESCE_SECONDS:
            self.flush()
        else:
            self._flush_after(self._ended_at + self._rest - now)

    def _flush_after(self, seconds: float) -> None:
        self._flush_timer = self._call_later(seconds, self.flush)

    def reset_all(self, epoch: str, sequence: int) -> None:
        """The log is not the one that the sockets followed, or too far ahead: all start anew."""
        self.begin(epoch, sequence)
        now = self._clock()
        for connection in self.connections:
            if connection.position is not None:
                self._reset(connection, now)

    def begin(self, epoch: str, sequence: int) -> None:
        """The tailer follows the log from here; sockets may already be beyond."""
        self._break_step()
        self._recent.clear()
        self._epoch, self._sequence = epoch, sequence
        self._sent_through = sequence

    def flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        now = self._began_at = self._clock()
        self._is_sending = True
        self._sent_through = self._sequence
        self._begin_with_those_in_step(now)
        if len(self._in_step) < len(self.connections):
            others = [c for c in self.connections if c not in self._in_step]
            self._catch_up(others, now)
            self._fall_in(others)
        self._send_some()

    def _send_some(self) -> None:
        """Write to the next few, and go on when the loop has had its turn."""
        left, frame = self._left, self._frame
        if len(left) <= AT_ONCE:
            for write in left.values():
                write(frame)
            left.clear()
            # A loop may write only after this: it is over when it comes round again.
            self._call_later(0, self._note_end)
            return
        for connection in list(islice(left, AT_ONCE)):
            left.pop(connection)(frame)
        self._call_later(0, self._send_some)

    def _note_end(self) -> None:
        now = self._ended_at = self._clock()
        self._is_sending = False
        if now >= self._looked_at + LOOK_EVERY_SECONDS:
            # All of them have just been written to: a second later each look would cost ten times.
            self._looked_at = now
            self._let_go([c for c in self._in_step if not c.has_taken_all()])
        rest = REST_PER_COST * (now - self._began_at)
        self._rest = max(COALESCE_SECONDS, min(rest, LONGEST_REST_SECONDS))
        if self._sequence > self._sent_through:
            self._flush_after(self._rest)

    def _begin_with_those_in_step(self, now: float) -> None:
        if not self._in_step or self._step >= self._sequence:
            return
        batch, payload = self._part_after(self._step)
        if batch is None or len(payload) > MAX_BYTES_BEHIND:
            self._break_step()
            return
        self._sent_through = batch.sequence
        frame = text_frame(payload)
        self._unlooked_bytes += len(frame)
        if self._unlooked_bytes > LOOK_AFTER_BYTES:
            self._let_go([c for c in self._in_step if c.is_busy()])
            self._unlooked_bytes = len(frame)
        self._frame = frame
        self._step, self._stepped_at = batch.sequence, now
        self._silent_at = now + PING_AFTER_SECONDS
        if len(self._in_step) > AT_ONCE:
            self._left = dict(self._in_step)
        else:
            for write in self._in_step.values():
                write(frame)
        metrics.FRAMES.inc(len(self._in_step))

    def _part_after(self, position: int) -> tuple[Batch | None, bytes]:
        """What follows for those that keep up: of very much that came at once they get the first
        part, and the rest in the frames after it."""
        batch = self._recent.after(position)
        return (None, b"") if batch is None else frames.first_part(batch)

    def _break_step(self) -> None:
        self._let_go(tuple(self._in_step))
        self._unlooked_bytes = 0

    def _let_go(self, connections: Iterable[Connection]) -> None:
        """From now on these say for themselves where they stand."""
        # What waits longer was seen when it was looked at last; another thing, such as the answer
        # to a ping, waits only since then.
        moved_at = max(self._stepped_at, self._clock() - LOOK_EVERY_SECONDS)
        for connection in connections:
            write = self._left.pop(connection, None)
            if write is not None:
                write(self._frame)
            del self._in_step[connection]
            if connection.close_code is None:
                connection.position = self._step
                connection.last_sent_at = max(connection.last_sent_at, self._stepped_at)
                connection.moved_at = max(connection.moved_at, moved_at)

    def _fall_in(self, connections: Iterable[Connection]) -> None:
        """Take those of them into the step that are up to date."""
        if not self._in_step:
            self._step = self._sequence
        for connection in connections:
            write = connection.write_frame
            has_all = connection.position == self._step == self._sequence
            if has_all and write is not None and connection.has_taken_all():
                self._in_step[connection] = write
                connection.last_buffered = 0
                self._silent_at = min(self._silent_at, connection.last_sent_at + PING_AFTER_SECONDS)

    def _catch_up(self, connections: Iterable[Connection], now: float) -> None:
        """Bring each socket that takes data to the newest event; most share one frame.

        Of very much, those that keep up get a part, as those in step do.
        """
        made: dict[int, _Prepared | None] = {}
        newest = through = self._sequence
        sent = 0
        for connection in connections:
            position = connection.position
            if position is None or position >= newest:
                continue
            if connection.is_busy():
                connection.is_behind = True
                continue
            if position not in made:
                made[position] = self._frame_after(position)
            prepared = made[position]
            if prepared is None or (connection.is_behind and prepared.sequence < newest):
                self._reset(connection, now)
                continue
            connection.write(prepared.frame, prepared.payload, now)
            connection.position = prepared.sequence
            connection.is_behind = False
            through = min(through, prepared.sequence)
            sent += 1
        metrics.FRAMES.inc(sent)
        if through < newest:
            self._go_on_from(through)

    def _frame_after(self, position: int) -> _Prepared | None:
        """What follows a position as one frame; None when that is too much."""
        batch, payload = self._part_after(position)
        if batch is None or len(payload) > MAX_BYTES_BEHIND:
            return None
        return _Prepared(batch.sequence, text_frame(payload), payload)

    def _go_on_from(self, sequence: int) -> None:
        """Some have been sent no more than this: another frame follows."""
        self._sent_through = min(self._sent_through, sequence)
        if not self._is_sending and self._flush_timer is None:
            self._flush_after(self._rest)

    def _reset(self, connection: Connection, now: float) -> None:
        connection.write_text(frames.reset(self._epoch, self._sequence), now)
        connection.position = self._sequence
        connection.is_behind = False
        metrics.RESETS.inc()

    # -- every second ------------------------------------------------------------------------------

    def to_look_at(self, now: float) -> Sequence[Connection]:
        """The sockets that something may have become of: those in step only after a frame, and when
        the first of them has been silent for long. What is given here counts as looked at."""
        if self._looked_at > self._stepped_at and now < self._silent_at:
            if len(self._in_step) == len(self.connections):
                return ()
            return [c for c in self.connections if c not in self._in_step]
        self._looked_at, self._silent_at = now, now + PING_AFTER_SECONDS
        return tuple(self.connections)

    def look_at(self, connections: Sequence[Connection], now: float) -> None:
        """Ping the silent, bring those that were busy up to date, close the stuck.

        Those that have left meanwhile are passed over.
        """
        silent_since = now - PING_AFTER_SECONDS
        in_step = [c for c in connections if c in self._in_step]
        # Most take what they are sent, and were sent something lately: nothing is to be done.
        self._let_go([c for c in in_step if not c.has_taken_all()])
        if self._stepped_at <= silent_since:
            self._let_go(
                [c for c in in_step if c in self._in_step and c.last_sent_at <= silent_since]
            )
            sent_at = min((c.last_sent_at for c in in_step if c in self._in_step), default=now)
        else:
            sent_at = self._stepped_at
        self._silent_at = min(self._silent_at, sent_at + PING_AFTER_SECONDS)
        others = [c for c in connections if c not in self._in_step and c in self.connections]
        for connection in others:
            connection.note_progress(now)
            if connection.position is None:
                continue
            if now - connection.moved_at >= STUCK_AFTER_SECONDS:
                connection.end(CLOSE_TOO_SLOW)
            elif connection.last_sent_at <= silent_since and not connection.is_busy():
                connection.write_text(frames.ping(connection.position), now)
        self._catch_up(others, now)
        self._fall_in(others)
