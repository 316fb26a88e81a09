"""`prune` deletes what nobody can ask for any more, and nothing else."""

from datetime import timedelta
from io import StringIO

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.management import call_command

from execution.idempotency import KEPT
from execution.models import IdempotencyKey, TaskEvent
from nexo.shared import clock
from nexo.shared.pruning import delete_in_batches
from tests.factories import make_task

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def make_key(key: str, age: timedelta) -> None:
    IdempotencyKey.objects.create(
        caller="user:head",
        path="POST /api/marketplace/orchestration/task-execution",
        key=key,
        body_hash="0" * 64,
        claim="0" * 32,
        claimed_at=clock.now() - age,
    )


def test_only_keys_that_replay_no_more_are_deleted() -> None:
    make_key("fresh", KEPT - timedelta(minutes=1))
    make_key("old", KEPT + timedelta(minutes=1))
    call_command("prune", stdout=StringIO())
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["fresh"]


def test_only_sessions_and_attempts_past_their_time_are_deleted() -> None:
    now = clock.now()
    Session.objects.create(session_key="over", session_data="", expire_date=now - timedelta(1))
    Session.objects.create(session_key="valid", session_data="", expire_date=now + timedelta(1))
    for username, age in (("recent", 1), ("ancient", 31)):
        attempt = AccessAttempt.objects.create(username=username, failures_since_start=3)
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=now - timedelta(days=age))
    call_command("prune", stdout=StringIO())
    assert list(Session.objects.values_list("session_key", flat=True)) == ["valid"]
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == ["recent"]


def test_it_says_how_much_and_keeps_the_timeline() -> None:
    make_task()
    events = TaskEvent.objects.count()
    make_key("old", KEPT + timedelta(minutes=1))
    told = StringIO()
    call_command("prune", stdout=told)
    counts = [line.rpartition(": ")[2] for line in told.getvalue().splitlines()]
    # Sessions, keys, failed sign-ins; reports, bulk jobs, selections, background jobs.
    assert counts == ["0", "1", "0", "0", "0", "0", "0"]
    assert TaskEvent.objects.count() == events > 0


def test_more_than_a_batch_is_deleted_whole() -> None:
    for number in range(7):
        make_key(f"key-{number}", KEPT * 2)
    assert delete_in_batches(IdempotencyKey.objects.all(), batch=3) == 7
    assert not IdempotencyKey.objects.exists()
