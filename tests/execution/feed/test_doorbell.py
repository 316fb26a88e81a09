"""Bells after commits."""

from collections.abc import Iterator

import pytest
from django.db import transaction

from execution.enums import TaskStatus
from execution.feed import doorbell
from tests.factories import change, make_agent, make_task


@pytest.fixture
def rings() -> Iterator[list[str]]:
    heard: list[str] = []

    def listener() -> None:
        heard.append("ring")

    doorbell.listen(listener)
    yield heard
    doorbell.forget(listener)


@pytest.mark.unit
def test_everybody_hears_a_ring_until_they_leave(rings: list[str]) -> None:
    others: list[str] = []

    def other() -> None:
        others.append("ring")

    doorbell.listen(other)
    doorbell.ring()
    doorbell.forget(other)
    doorbell.ring()
    assert (len(rings), len(others)) == (2, 1)


@pytest.mark.unit
def test_a_listener_whose_loop_has_closed_keeps_nobody_from_hearing(rings: list[str]) -> None:
    def broken() -> None:
        raise RuntimeError("Event loop is closed")

    doorbell.listen(broken)
    try:
        doorbell.ring()
    finally:
        doorbell.forget(broken)
    assert rings == ["ring"]


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
def test_a_change_rings_when_it_is_committed_and_only_then(rings: list[str]) -> None:
    make_agent()
    with transaction.atomic():
        task = make_task()
        assert rings == []
    assert rings == ["ring"]

    change(task, status=TaskStatus.IN_PROGRESS)
    assert len(rings) == 2

    with transaction.atomic():
        change(task, status=TaskStatus.COMPLETED)
        transaction.set_rollback(True)
    assert len(rings) == 2
