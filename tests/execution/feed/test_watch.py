"""The watch: it looks at the log's number while somebody looks on, and only then."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from execution import queries
from execution.feed import watch
from execution.feed.runtime import Feed
from tests.execution.feed.sockets import opened

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
SOON_SECONDS = 0.2


async def test_the_log_is_looked_at_while_somebody_looks_on(
    feed: Feed, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    read = queries.stream_position

    def counted(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return read(*arguments)

    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(queries, "stream_position", counted)
    for _ in range(2):
        async with opened(token) as socket:
            await socket.next_of("hello")
            before = looks
            await until(lambda before=before: looks > before + 2)
        await until(lambda: feed.position is None)
        before = looks + 1  # one may be under way
        await asyncio.sleep(SOON_SECONDS)
        assert looks <= before


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)
