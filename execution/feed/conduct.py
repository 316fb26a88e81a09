"""What a client may say on the live feed: that it is there, and not too often.

Pure: messages and instants in, judgements out.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from nexo.shared.parsers import parse_json

MAX_GARBAGE = 3
MAX_MESSAGES_PER_SECOND = 20
MAX_MESSAGE_CHARACTERS = 256


def is_pong(message: Mapping[str, Any]) -> bool:
    text = message.get("text")
    if not text or len(text) > MAX_MESSAGE_CHARACTERS:
        return False
    try:
        return bool(parse_json(text.encode()) == {"type": "pong"})
    except (ValueError, RecursionError):
        return False


class Conduct:
    """What one client has said so far."""

    def __init__(self) -> None:
        self._garbage = 0
        self._heard_at: deque[float] = deque(maxlen=MAX_MESSAGES_PER_SECOND + 1)

    def is_tolerable(self, *, pong: bool, now: float) -> bool:
        """Whether the client may stay after one more message."""
        self._garbage += not pong
        self._heard_at.append(now)
        full = len(self._heard_at) == self._heard_at.maxlen
        too_often = full and now - self._heard_at[0] < 1
        return self._garbage < MAX_GARBAGE and not too_often
