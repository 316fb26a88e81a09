"""Every error under /api/ in one envelope, whatever raised it; nothing of the inside gets out."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.test import Client
from rest_framework.exceptions import APIException, ValidationError

from execution import listing, queries
from nexo.shared.errors import error_response
from nexo.shared.exceptions import Conflict
from tests.envelope import refused
from tests.factories import make_user

API = "/api/marketplace/orchestration/task-execution"
PAGE = "/marketplace/tasks/execution"


# -- The details of a 400 ------------------------------------------------------------------------


@pytest.mark.unit
@pytest.mark.parametrize(
    ("detail", "details"),
    [
        ({"channel": ["bad"]}, {"channel": ["bad"]}),
        ({"syncStatus": {"ebay": ["bad"]}}, {"syncStatus.ebay": ["bad"]}),
        ([{}, {"channel": ["bad", "worse"]}], {"[1].channel": ["bad", "worse"]}),
        ({3: {"agentId": ["bad"]}}, {"[3].agentId": ["bad"]}),
        ({"targets": {1: ["bad"]}}, {"targets[1]": ["bad"]}),
        ({"logs": [{}, {"at": ["bad"]}]}, {"logs[1].at": ["bad"]}),
        ("bad", {"body": ["bad"]}),
        (["bad"], {"body": ["bad"]}),
        ({"non_field_errors": ["bad"]}, {"body": ["bad"]}),
        ({"__all__": ["bad"]}, {"body": ["bad"]}),
        ([{}, {"non_field_errors": ["bad"]}], {"[1]": ["bad"]}),
        ({"logs": {"non_field_errors": ["bad"]}}, {"logs": ["bad"]}),
    ],
)
def test_details_name_the_field_however_deep(detail: Any, details: dict[str, list[str]]) -> None:
    body = error_response(ValidationError(detail)).data
    assert body["code"] == "validation_error"
    assert body["details"] == details
    field, (message, *_) = next(iter(details.items()))
    assert body["error"] == f"{field}: {message}"


# -- Whatever goes wrong -------------------------------------------------------------------------

EXCEPTIONS = [
    (RuntimeError("SELECT secret FROM execution_task"), 500, "server_error"),
    (RecursionError("maximum recursion depth exceeded"), 500, "server_error"),
    (KeyError("password"), 500, "server_error"),
    (OperationalError("database is locked: execution_task"), 503, "unavailable"),
    (InterfaceError("psycopg: the connection is closed"), 503, "unavailable"),
    (PermissionDenied("secret"), 403, "permission_denied"),
    (Http404("secret"), 404, "not_found"),
    (Conflict("Said to a person."), 409, "conflict"),
]


@pytest.fixture
def client(db: None) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_user("head"), settings.AUTHENTICATION_BACKENDS[-1])
    client.get(API)  # who it is has been read
    return client


@pytest.mark.integration
@pytest.mark.parametrize(("exception", "status", "code"), EXCEPTIONS, ids=lambda value: str(value))
def test_an_exception_is_answered_in_the_envelope(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    exception: Exception,
    status: int,
    code: str,
) -> None:
    def fail(*_given: Any, **_named: Any) -> None:
        raise exception

    monkeypatch.setattr(listing, "read_page", fail)
    monkeypatch.setattr(queries, "stream_position", fail)  # what the page reads first
    answer = client.get(API)
    body = refused(answer, status, code)
    assert body["details"] is None
    assert "secret" not in answer.content.decode()
    assert answer["X-Request-ID"]
    assert ("Retry-After" in answer) == (status == 503)
    if not isinstance(exception, APIException):
        page = client.get(PAGE)
        assert page.status_code == status
        assert page["Content-Type"] == "text/html; charset=utf-8"
        assert "secret" not in page.content.decode()
        assert ("Retry-After" in page) == (status == 503)


def caused_by(cause: Exception) -> OperationalError:
    """As Django raises it."""
    exception = OperationalError(str(cause))
    exception.__cause__ = cause
    return exception


def locked() -> Exception:
    exception = sqlite3.OperationalError("database is locked")
    exception.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT
    return exception


@pytest.mark.integration
@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (locked(), "Nothing was changed"),
        (psycopg.errors.LockNotAvailable("canceling statement"), "Nothing was changed"),
        (psycopg.errors.DeadlockDetected("deadlock detected"), "Nothing was changed"),
        # It may have died just after it had committed.
        (psycopg.OperationalError("server closed the connection"), "Check whether it was done"),
        (psycopg.errors.AdminShutdown("terminating connection"), "Check whether it was done"),
    ],
)
def test_it_says_that_nothing_was_changed_only_where_that_is_known(
    client: Client, monkeypatch: pytest.MonkeyPatch, cause: Exception, sentence: str
) -> None:
    def fail(*_given: Any, **_named: Any) -> None:
        raise caused_by(cause)

    monkeypatch.setattr(listing, "read_page", fail)
    monkeypatch.setattr(queries, "stream_position", fail)  # what the page reads first
    answer = client.get(API, headers={"Accept-Language": "en"})
    assert sentence in refused(answer, 503, "unavailable")["error"]
    page = client.get(PAGE, headers={"Accept-Language": "en"})
    assert sentence in page.content.decode()


@pytest.mark.integration
def test_the_sentence_has_the_readers_language_and_the_code_none(client: Client) -> None:
    found = {}
    for language in ("en", "pt-br"):
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        body = refused(client.get(f"{API}/task-x"), 404, "not_found")
        found[language] = body["error"]
    assert found["en"] == "There is no such task."
    assert found["en"] != found["pt-br"]


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api", "/apiary"])
def test_what_is_not_there_is_told_to_anyone(db: None, path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 404
    is_json = answer["Content-Type"] == "application/json"
    assert is_json == (path != "/apiary")
    if is_json:
        assert json.loads(answer.content)["code"] == "not_found"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/there-is-no-such-page"])
def test_a_frame_that_cannot_be_rendered_is_a_page_with_an_id_logged_and_counted(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """As after an upgrade whose static files were not collected."""
    settings.METRICS_TOKEN = "a-token-of-the-operators"
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "staticfiles.json").write_text('{"version": "1.1", "paths": {}}')
    hashed = {"BACKEND": "nexo.shared.static.HashedStaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": hashed}
    with caplog.at_level("WARNING", logger="nexo.access"):
        answer = Client(raise_request_exception=False).get(path)
    assert answer.status_code == 500
    page = answer.content.decode()
    assert "Algo quebrou do nosso lado" in page and answer["X-Request-ID"] in page
    assert f"GET {path}" in [record.getMessage() for record in caplog.records]
    asked = Client().get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    view = "login" if "login" in path else ""
    assert f'method="GET",status="500",view="{view}"' in asked.content.decode()
