"""Tokens: known by their hash alone, scoped, expiring, revocable."""

import os
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts import tokens
from accounts.models import ApiToken, Scope
from accounts.roles import Role
from nexo.shared import clock
from tests.factories import make_agent, make_task, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
URL = "/api/marketplace/orchestration/task-execution"
NEW = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}


def issue(**fields: Any) -> tuple[ApiToken, str]:
    if "user" not in fields and "agent_id" not in fields:
        fields["user"] = make_user(Role.HEAD)
    return tokens.issue_token(name="robô", by="user:ana", **fields)


def get(key: str, scheme: str = "Token") -> int:
    return Client().get(URL, headers={"authorization": f"{scheme} {key}"}).status_code


def post(key: str) -> int:
    return (
        Client()
        .post(URL, NEW, content_type="application/json", headers={"authorization": f"Token {key}"})
        .status_code
    )


def test_a_token_opens_the_api_without_a_session_or_csrf() -> None:
    _token, key = issue()
    assert get(key) == 200
    assert post(key) == 201


def test_the_key_is_kept_nowhere() -> None:
    _token, key = issue()
    get(key)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                assert key not in "|".join(map(str, row)), table


def test_a_key_has_256_bits_and_says_what_it_is() -> None:
    keys = {issue()[1] for _ in range(3)}
    assert len(keys) == 3
    assert all(key.startswith("nexo_") and len(key) >= 5 + 43 for key in keys)


def test_a_reading_token_writes_nothing() -> None:
    _token, key = issue(scope=Scope.READ)
    assert get(key) == 200
    assert post(key) == 403


def test_an_expired_token_opens_nothing() -> None:
    token, key = issue(expires_at=clock.now() + timedelta(minutes=1))
    assert get(key) == 200
    ApiToken.objects.filter(pk=token.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    tokens.forget_grants()
    assert get(key) == 401


def test_a_kept_grant_ends_with_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    _token, key = issue(expires_at=clock.now() + timedelta(seconds=2))
    assert get(key) == 200
    later = clock.now() + timedelta(seconds=3)
    monkeypatch.setattr(tokens.clock, "now", lambda: later)
    assert tokens.find_grant(key) is None


def test_a_revoked_token_opens_nothing_at_once() -> None:
    token, key = issue()
    assert get(key) == 200
    tokens.revoke_token(token, by="user:test")
    assert get(key) == 401
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_a_deleted_token_opens_nothing_at_once() -> None:
    token, key = issue()
    assert get(key) == 200
    token.delete()
    assert get(key) == 401


@pytest.mark.parametrize("key", ["", "x" * 201, "a b", "é", "a\nb"])
def test_what_can_be_no_key_asks_nothing_of_the_database(
    key: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert tokens.find_grant(key) is None


def test_a_token_ends_with_its_person() -> None:
    user = make_user(Role.HEAD)
    _token, key = issue(user=user)
    assert get(key) == 200
    user.is_active = False
    user.save()
    assert get(key) == 401


def test_it_is_kept_when_a_token_was_last_used() -> None:
    token, key = issue()
    get(key)
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert clock.now() - token.last_used_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    "look", [tokens.read_grant, lambda key_hash: tokens.holders_of([key_hash])]
)
@pytest.mark.parametrize(("seconds", "is_noted"), [(50, False), (70, True)])
def test_that_it_was_used_is_written_once_a_minute(
    look: Callable[[str], Any], seconds: int, is_noted: bool
) -> None:
    token, key = issue()
    used_at = clock.now() - timedelta(seconds=seconds)
    ApiToken.objects.update(last_used_at=used_at)
    assert look(tokens.digest(key))
    token.refresh_from_db()
    assert (token.last_used_at != used_at) == is_noted


@pytest.mark.one_database
@pytest.mark.skipif("DATABASE_URL" in os.environ, reason="of a file that one writes at a time")
@pytest.mark.django_db(transaction=True)
def test_who_only_reads_does_not_wait_for_a_writer(caplog: pytest.LogCaptureFixture) -> None:
    _token, key = issue()
    client = Client()
    headers = {"authorization": f"Token {key}"}
    connection.ensure_connection()
    other = sqlite3.connect(connection.settings_dict["NAME"])
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    assert client.get(URL, headers=headers).status_code == 200
    # It would have been five seconds, as for whoever writes.
    assert time.monotonic() - began < settings.LOCK_TIMEOUT_SECONDS / 2
    assert "could not note the use" in caplog.text
    other.rollback()
    other.close()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (1000 * settings.LOCK_TIMEOUT_SECONDS,)


@pytest.mark.parametrize(
    "header",
    [
        "Token",
        "Token ",
        "Token unknown",
        "Token a b",
        "Token é",
        "Bearer {key}",
        "{key}",
        "Token {key}x",
        "Token {key} extra",
        "Token " + "a" * 5000,
        "Basic YTpi",
    ],
)
def test_malformed_headers_are_nobody(header: str) -> None:
    _token, key = issue()
    answer = Client().get(URL, headers={"authorization": header.format(key=key)})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Token")


def test_the_scheme_is_read_in_any_case() -> None:
    assert get(issue()[1], scheme="token") == 200


def test_a_key_in_the_address_is_no_key() -> None:
    _token, key = issue()
    assert Client().get(f"{URL}?token={key}").status_code in (400, 401)


def test_an_agents_token_sees_its_own_tasks_only() -> None:
    make_agent("alex")
    make_agent("marina")
    own = make_task(agent_id="alex").row["task_id"]
    other = make_task(agent_id="marina").row["task_id"]
    _token, key = issue(agent_id="alex")
    headers = {"authorization": f"Token {key}"}
    body = Client().get(URL, headers=headers).json()
    assert [task["taskId"] for task in body["tasks"]] == [own]
    assert body["totalTasks"] == 1
    assert sum(body["summary"][card] for card in ("pending", "inProgress", "completed")) == 1
    for path in ("", "/events", "/logs"):
        assert Client().get(f"{URL}/{own}{path}", headers=headers).status_code == 200
        assert Client().get(f"{URL}/{other}{path}", headers=headers).status_code == 404


def test_a_token_belongs_to_a_person_or_to_an_agent() -> None:
    user = make_user()
    for owners in ({"user": user, "agent_id": "alex"}, {"user": None, "agent_id": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            tokens.issue_token(name="dois", by="user:ana", **owners)  # type: ignore[arg-type]  # values of the case
