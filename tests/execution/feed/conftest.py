"""The feed of a test's own event loop, with somebody who may read it."""

from collections.abc import AsyncIterator

import pytest

from accounts.tokens import issue_token
from execution.feed.runtime import Feed, current_feed
from tests.factories import make_agent, make_user


@pytest.fixture
def token(transactional_db: None) -> str:
    """A reader's; beside them there is an agent to be given tasks."""
    make_agent("alex", "amazon", "shopee")
    return issue_token(name="test", by="user:ana", user=make_user(username="ana"))[1]


@pytest.fixture
async def feed(token: str) -> AsyncIterator[Feed]:
    started = current_feed()
    yield started
    await started.close()
