"""How much of what it should not say a client may say."""

from typing import Any

import pytest

from execution.feed.conduct import MAX_MESSAGES_PER_SECOND, Conduct, is_pong

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("text", ['{"type":"pong"}', ' { "type" : "pong" } '])
def test_a_pong(text: str) -> None:
    assert is_pong({"type": "websocket.receive", "text": text})


@pytest.mark.parametrize(
    "message",
    [
        {"bytes": b'{"type":"pong"}'},
        {"text": None, "bytes": b"\x00"},
        *(
            {"text": text}
            for text in (
                "",
                "pong",
                "null",
                "NaN",
                "[]",
                '{"type":"ping"}',
                '{"type":["pong"]}',
                '{"type":"pong","n":NaN}',
                '{"type":"pong","n":1}',
                '{"type":"pong","type":"pong"}',
                '{"type":"pong"',
                "[" * 100 + "]" * 100,
                "[" * 100_000,
                '{"type":"pong"}' + " " * 300,
                "9" * 250,
                "\ud800",
                "\x00",
            )
        ),
    ],
)
def test_no_pong(message: dict[str, Any]) -> None:
    assert not is_pong({"type": "websocket.receive", **message})


def test_the_third_wrong_message_is_too_much() -> None:
    conduct = Conduct()
    judged = [conduct.is_tolerable(pong=pong, now=0.0) for pong in (False, True, False, False)]
    assert judged == [True, True, True, False]


def test_more_than_twenty_in_any_second_is_too_much() -> None:
    conduct = Conduct()
    started = 100.9  # across the clock's own seconds
    for number in range(MAX_MESSAGES_PER_SECOND):
        assert conduct.is_tolerable(pong=True, now=started + number * 0.04)
    assert not conduct.is_tolerable(pong=True, now=started + 0.99)


def test_twenty_a_second_may_go_on_for_ever() -> None:
    conduct = Conduct()
    assert all(conduct.is_tolerable(pong=True, now=number * 0.0501) for number in range(1000))
