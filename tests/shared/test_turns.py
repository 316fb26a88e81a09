"""Writers of one process wait for one another, not for SQLite to be found free."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client

from accounts.models import SignIn
from nexo.shared import clock
from tests.envelope import refused
from tests.factories import make_user

pytestmark = [
    pytest.mark.integration,
    pytest.mark.one_database,
    pytest.mark.django_db(transaction=True),
]

API = "/api/marketplace/orchestration/task-execution"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def impatient() -> None:
    """SQLite itself refuses at once where another writes."""
    connection.ensure_connection()
    connection.connection.execute("PRAGMA busy_timeout = 0")


def in_thread(threads: ThreadPoolExecutor, function: Callable[[], Any]) -> Future[Any]:
    def call() -> Any:
        impatient()
        try:
            return function()
        finally:
            connection.close()

    return threads.submit(call)


def write() -> int:
    with transaction.atomic():
        return SignIn.objects.count()


def test_many_writers_get_their_turn(threads: ThreadPoolExecutor) -> None:
    all_there = threading.Barrier(8)

    def write_often() -> None:
        all_there.wait()
        for _ in range(50):
            write()

    for writer in [in_thread(threads, write_often) for _ in range(8)]:
        writer.result()


def commit() -> None:
    write()


def roll_back() -> None:
    with transaction.atomic():
        transaction.set_rollback(True)


def fail() -> None:
    with suppress(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError


def nest() -> None:
    with transaction.atomic(), suppress(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError


def lose_the_connection() -> None:
    with suppress(Exception), transaction.atomic():
        connection.close()
        write()


def refused_by_the_commit() -> None:
    """It looks at what points where, and finds nobody."""
    with pytest.raises(IntegrityError), transaction.atomic():
        SignIn.objects.create(user_id=-1, session_id="none", at=clock.now())


@pytest.mark.parametrize(
    "step", [commit, roll_back, fail, nest, lose_the_connection, refused_by_the_commit]
)
def test_whatever_becomes_of_one_the_next_has_its_turn(
    threads: ThreadPoolExecutor, step: Callable[[], None]
) -> None:
    impatient()
    for _ in range(2):
        step()
        in_thread(threads, write).result()
    write()


def test_who_waits_too_long_is_refused(threads: ThreadPoolExecutor, settings: Any) -> None:
    settings.LOCK_TIMEOUT_SECONDS = 0.05
    impatient()
    with transaction.atomic(), pytest.raises(OperationalError, match="locked"):
        in_thread(threads, write).result()
    in_thread(threads, write).result()


def test_the_api_says_that_nothing_was_changed_while_others_write(
    threads: ThreadPoolExecutor, settings: Any
) -> None:
    client = Client(headers={"accept-language": "en"})
    client.force_login(make_user("head"), settings.AUTHENTICATION_BACKENDS[-1])
    settings.LOCK_TIMEOUT_SECONDS = 0.05
    new = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
    create = partial(client.post, API, new, content_type="application/json")
    with transaction.atomic():
        answer = in_thread(threads, create).result()
    assert "Nothing was changed" in refused(answer, 503, "unavailable")["error"]
    assert in_thread(threads, create).result().status_code == 201


def test_another_program_that_writes_is_still_waited_for(threads: ThreadPoolExecutor) -> None:
    connection.ensure_connection()
    other = sqlite3.connect(connection.settings_dict["NAME"])
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        in_thread(threads, write).result()
    other.rollback()
    in_thread(threads, write).result()
    other.close()
