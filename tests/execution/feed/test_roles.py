"""Who may listen to the live feed: the callers of the role matrix."""

import pytest
from django.conf import settings

from execution.feed.runtime import current_feed
from tests.execution.feed.sockets import in_thread, opened
from tests.test_role_matrix import CALLERS, MAKE

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

SOCKET = dict(zip(CALLERS, (4401, *("hello",) * 8, 4403, 4403), strict=True))


async def first_from_socket(caller: str) -> str | int:
    """The first message's type, or the code that the socket is closed with."""
    client = await in_thread(MAKE[caller])
    session_id = client.cookies.get(settings.SESSION_COOKIE_NAME)
    key = client.defaults.get("HTTP_AUTHORIZATION", "").removeprefix("Token ")
    cookie = f"{settings.SESSION_COOKIE_NAME}={session_id.value}" if session_id else None
    async with opened(key or None, cookie=cookie, offers=["nexo.v1"]) as socket:
        return await socket.first()


async def test_the_feed_is_for_people_and_their_programs() -> None:
    feed = current_feed()
    try:
        assert {caller: await first_from_socket(caller) for caller in CALLERS} == SOCKET
    finally:
        await feed.close()
