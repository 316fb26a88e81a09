"""The bell rings for its agent alone, at once, and costs nothing while nobody has work."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts import tokens
from accounts.callers import caller_for_agent
from execution import claim_queries, claiming, queries, services
from execution.enums import TaskStatus
from execution.feed import bells, callers, doorbell
from execution.feed.hub import PING_AFTER_SECONDS
from execution.feed.runtime import Feed, current_feed
from execution.models import Agent, Lease
from tests.execution.feed.sockets import in_thread, opened
from tests.factories import change, make_agent, make_task, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
ALEX = caller_for_agent("alex")
BELL = "/ws/marketplace/agents/alex/"


@pytest.fixture
def key(transactional_db: None) -> str:
    make_agent("alex")
    return tokens.issue_token(name="alex", by="user:ana", agent_id="alex")[1]


@pytest.fixture
async def feed(key: str) -> AsyncIterator[Feed]:
    started = current_feed()
    yield started
    await started.close()


def approved() -> Any:
    return make_task_in(TaskStatus.APPROVED, agent_id="alex")


async def test_it_tells_what_is_open_and_then_each_new_thing(feed: Feed, key: str) -> None:
    await in_thread(approved)
    async with opened(key, path=BELL) as socket:
        assert await socket.next() == {"type": "work", "open": 1}
        await in_thread(approved)
        assert await socket.next() == {"type": "work", "open": 2}
        # What is claimed, or is another's, is nothing new.
        await in_thread(claiming.claim_tasks, "alex", caller=ALEX, limit=2)
        await in_thread(make_agent, "marina")
        await in_thread(make_task_in, TaskStatus.APPROVED, agent_id="marina")
        await in_thread(make_task, agent_id="alex")
        assert await socket.is_silent()
        await in_thread(approved)
        assert await socket.next() == {"type": "work", "open": 1}


async def test_it_rings_when_another_task_takes_the_place_of_one_that_was_taken(
    feed: Feed, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks one goes and one comes: the number alone would say nothing."""
    await in_thread(approved)
    async with opened(key, path=BELL) as socket:
        await socket.next_of("work")
        await in_thread(claiming.claim_tasks, "alex", caller=ALEX)
        await in_thread(approved)
        assert await socket.next() == {"type": "work", "open": 1}


async def test_what_is_given_while_the_first_look_is_under_way_rings(
    feed: Feed, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun before anybody was greeted, it knows of no place to go on from."""
    is_given = threading.Event()
    count = bells._count

    def late(agent_ids: Any, since: Any, always: bool) -> Any:
        if since is None:
            is_given.wait(5.0)
        return count(agent_ids, since, always)

    monkeypatch.setattr(bells, "_count", late)
    await in_thread(approved)
    async with opened(key, path=BELL) as socket:
        await socket.next_of("work")
        await in_thread(claiming.claim_tasks, "alex", caller=ALEX)
        await in_thread(approved)
        is_given.set()
        assert await socket.next() == {"type": "work", "open": 1}


async def test_who_comes_back_to_an_empty_room_is_told_once_and_nothing_old_is_read(
    feed: Feed, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(key, path=BELL) as socket:
        await socket.next_of("work")
        await asyncio.sleep(0.1)  # it has looked
    for _ in range(3):
        await in_thread(approved)
    newest = (await in_thread(queries.stream_position)).sequence
    read_from: list[int] = []
    given = claim_queries.agents_given_between

    def reading(after: int, *rest: Any) -> Any:
        read_from.append(after)
        return given(after, *rest)

    monkeypatch.setattr(claim_queries, "agents_given_between", reading)
    async with opened(key, path=BELL) as socket:
        assert await socket.next() == {"type": "work", "open": 3}
        assert await socket.is_silent()
        await in_thread(approved)
        assert await socket.next() == {"type": "work", "open": 4}
    assert min(read_from) >= newest


async def test_a_task_that_comes_back_rings(feed: Feed, key: str) -> None:
    await in_thread(approved)
    (held,) = await in_thread(claiming.claim_tasks, "alex", caller=ALEX)
    async with opened(key, path=BELL) as socket:
        assert await socket.next() == {"type": "work", "open": 0}
        long_ago = held.expires_at - timedelta(minutes=2)
        await in_thread(Lease.objects.update, expires_at=long_ago)
        await in_thread(claiming.end_lapsed_leases)
        assert await socket.next() == {"type": "work", "open": 1}


async def test_the_slow_look_finds_who_was_resumed_or_has_room_again(
    feed: Feed, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bells, "SLOW_LOOK_SECONDS", 0.1)
    await in_thread(Agent.objects.filter(pk="alex").update, is_paused=True)
    await in_thread(approved), await in_thread(approved)
    async with opened(key, path=BELL) as socket:
        assert await socket.next() == {"type": "work", "open": 0}
        await in_thread(Agent.objects.filter(pk="alex").update, is_paused=False, capacity=1)
        assert await socket.next() == {"type": "work", "open": 1}
        (held,) = await in_thread(claiming.claim_tasks, "alex", caller=ALEX)
        await asyncio.sleep(0.7)
        await in_thread(
            services.update_task,
            held.state.row["task_id"],
            services.TaskChange(TaskStatus.FAILED),
            caller=services.Caller(actor="user:x", is_superuser=True),
        )
        assert await socket.next() == {"type": "work", "open": 1}


async def test_what_another_process_wrote_is_found_without_a_doorbell(
    feed: Feed, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(key, path=BELL) as socket:
        await socket.next_of("work")
        monkeypatch.setattr(doorbell, "ring", lambda: None)
        asked_at = feed.now()
        await in_thread(approved)
        assert await socket.next() == {"type": "work", "open": 1}
        assert feed.now() - asked_at < 1.5


async def test_many_bells_are_one_look_and_silence_is_none(
    feed: Feed, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Any] = []
    count = claim_queries.claimable_counts

    def counting(agents: Any) -> Any:
        counted.append(set(agents))
        return count(agents)

    async with opened(key, path=BELL) as one, opened(key, path=BELL) as other:
        await one.next_of("work"), await other.next_of("work")
        await asyncio.sleep(0.2)
        monkeypatch.setattr(bells, "SLOW_LOOK_SECONDS", 1000.0)
        feed.bells._slow_look_at = feed.now() + 1000
        monkeypatch.setattr(claim_queries, "claimable_counts", counting)
        state = await in_thread(approved)
        assert await one.next() == await other.next() == {"type": "work", "open": 1}
        # Making a task and approving it may have been seen apart, and only approving counts.
        assert counted == [{"alex"}]
        await asyncio.sleep(0.7)
        await in_thread(change, state, status=TaskStatus.IN_PROGRESS)
        assert await one.is_silent()
        assert counted == [{"alex"}]
    assert not feed.bells.connections
    assert not feed.bells._told
    assert not feed.hub.connections  # the live feed need not follow the log for bells


async def test_the_silent_are_pinged_and_a_revoked_token_ends_it(
    feed: Feed, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "RECHECK_SECONDS", 0.05)
    async with opened(key, path=BELL) as socket:
        await socket.next_of("work")
        feed.bells.sweep(feed.now() + PING_AFTER_SECONDS)
        assert (await socket.next())["type"] == "ping"
        (token,) = await in_thread(lambda: list(tokens.ApiToken.objects.filter(agent_id="alex")))
        await in_thread(tokens.revoke_token, token, by="user:ana")
        assert await socket.closing() == 4401


async def test_misconduct_ends_it(feed: Feed, key: str) -> None:
    async with opened(key, path=BELL) as socket:
        await socket.next_of("work")
        await socket.say('{"type": "pong"}')
        for _ in range(3):
            await socket.say("claim!")
            await socket.next_of("error")
        assert await socket.closing() == 1008


async def test_only_that_agents_token_opens_it(feed: Feed, key: str) -> None:
    def others() -> tuple[str, str, str]:
        make_agent("marina")
        person = make_user("admin")
        client = Client()
        client.force_login(person, settings.AUTHENTICATION_BACKENDS[-1])
        cookie = f"sessionid={client.cookies['sessionid'].value}"
        other = tokens.issue_token(name="m", by="user:ana", agent_id="marina")[1]
        return other, tokens.issue_token(name="p", by="user:ana", user=person)[1], cookie

    other, person, cookie = await in_thread(others)
    for token, shown, code in (
        (other, None, 4403),
        (person, None, 4403),
        (None, cookie, 4403),
        (None, None, 4401),
        ("nonsense", None, 4401),
    ):
        async with opened(token, path=BELL, cookie=shown, offers=["nexo.v1"]) as socket:
            assert await socket.closing() == code
    for path in ("/ws/marketplace/agents/nobody/", "/ws/marketplace/agents/ALEX/"):
        async with opened(key, path=path) as socket:
            assert await socket.closing() == 4403
    for path in ("/ws/marketplace/agents/", f"/ws/marketplace/agents/{'x' * 65}/", f"{BELL}x"):
        async with opened(key, path=path) as socket:
            assert await socket.closing() == 4404
