"""What ends in one process ends in the others within ten seconds; in its own, at once."""

from collections.abc import Callable

import pytest
from django.db import transaction

from accounts.caching import LIFETIME_SECONDS, MAX_ENTRIES, BriefCache

pytestmark = pytest.mark.unit
PROMISED_SECONDS = 10


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> BriefCache[str, str]:
    return BriefCache(clock)


def giving(value: str) -> Callable[[], str]:
    return lambda: value


def test_a_value_is_read_once_while_it_lives(cache: BriefCache[str, str], clock: Clock) -> None:
    assert cache.get("a", giving("old")) == "old"
    clock.now = LIFETIME_SECONDS - 0.01
    assert cache.get("a", giving("new")) == "old"
    clock.now = LIFETIME_SECONDS
    assert cache.get("a", giving("new")) == "new"


def test_it_lives_shorter_than_what_is_promised() -> None:
    assert LIFETIME_SECONDS < PROMISED_SECONDS


def test_what_is_dropped_is_read_again(cache: BriefCache[str, str]) -> None:
    cache.get("a", giving("old"))
    cache.get("b", giving("old"))
    cache.drop("a")
    assert (cache.get("a", giving("new")), cache.get("b", giving("new"))) == ("new", "old")
    cache.clear()
    assert cache.get("b", giving("new")) == "new"


def test_what_changed_while_it_was_read_is_not_kept(cache: BriefCache[str, str]) -> None:
    def read() -> str:
        cache.drop("a")  # somebody signs out between our read and our keeping
        return "old"

    cache.get("a", read)
    assert cache.get("a", giving("new")) == "new"


def test_a_slow_read_does_not_lengthen_its_life(cache: BriefCache[str, str], clock: Clock) -> None:
    def read() -> str:
        clock.now += 4
        return "old"

    cache.get("a", read)
    clock.now = LIFETIME_SECONDS
    assert cache.get("a", giving("new")) == "new"


def test_it_does_not_grow_without_bound(cache: BriefCache[str, str]) -> None:
    for number in range(MAX_ENTRIES + 10):
        cache.get(str(number), giving("x"))
    assert len(cache._entries) <= MAX_ENTRIES


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
def test_what_others_read_before_the_commit_is_dropped_with_it(
    cache: BriefCache[str, str],
) -> None:
    for forget in (cache.clear, lambda: cache.drop("a")):
        assert cache.get("a", giving("old")) == "old"
        with transaction.atomic():
            forget()
            assert cache.get("a", giving("still old")) == "still old"
        assert cache.get("a", giving("new")) == "new"
        cache.clear()
