"""/metrics: off by default, by token, and true."""

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client

from execution import queries
from execution.enums import TaskStatus
from execution.models import Lease
from nexo.metrics import _forget_dead_processes
from nexo.shared import clock
from orchestration.bulk.models import BulkJob
from orchestration.models import TaskTemplate
from tests.factories import make_agent, make_task, make_task_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TOKEN = "a-token-of-the-operators"


def scrape(authorization: str = f"Bearer {TOKEN}") -> str:
    answer = Client().get("/metrics", headers={"Authorization": authorization})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    return answer.content.decode()


def value(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    assert found, f"{series} is not in\n{text}"
    return float(found[1])


def test_metrics_are_off_until_a_token_is_set() -> None:
    answer = Client().get("/metrics", headers={"Authorization": "Bearer "})
    assert answer.status_code == 404


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token"])
def test_metrics_are_given_to_the_token(settings, scheme: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert "nexo_database_up 1.0" in scrape(f"{scheme} {TOKEN}")


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        (TOKEN, 401),
        ("Basic dXNlcjpwYXNz", 401),
        ("Bearer", 403),
        ("Bearer wrong", 403),
        (f"Bearer {TOKEN}x", 403),
        (f"Bearer {TOKEN[:-1]}", 403),
        ("Bearer ção", 403),
    ],
)
def test_metrics_refuse_everyone_else(settings, authorization: str, status: int) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = Client().get("/metrics", headers={"Authorization": authorization})
    assert answer.status_code == status
    assert b"nexo_" not in answer.content


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("authorization", ["", "Bearer wrong", f"Bearer {TOKEN}"])
def test_metrics_are_only_read(settings, method: str, authorization: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    client = Client(enforce_csrf_checks=True)
    answer = client.generic(method, "/metrics", headers={"Authorization": authorization})
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert b"nexo_" not in answer.content


def test_metrics_count_tasks_and_events(settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    make_task()
    make_task_in(TaskStatus.COMPLETED, marketplace_id="shopee")
    text = scrape()
    assert value(text, 'nexo_tasks{marketplace="amazon",status="pending"}') == 1
    assert value(text, 'nexo_tasks{marketplace="shopee",status="completed"}') == 1
    assert value(text, 'nexo_tasks{marketplace="kaway",status="failed"}') == 0
    assert value(text, "nexo_events_total") == queries.stream_position().sequence


def test_what_waits_for_a_worker_shows_how_long(settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    TaskTemplate.objects.update(recurrence="")
    assert value(scrape(), "nexo_worker_behind_seconds") == 0
    since = clock.now() - timedelta(seconds=90)
    job = BulkJob.objects.create(
        job_id="bulk-1", action="cancel", selection={}, actor="x", created_at=since, state="queued"
    )
    assert 90 <= value(scrape(), "nexo_worker_behind_seconds") < 120
    # Somebody is at it; then it is some other job's turn; then it is done.
    BulkJob.objects.update(state="running", lease_until=clock.now() + timedelta(seconds=15))
    assert value(scrape(), "nexo_worker_behind_seconds") == 0
    BulkJob.objects.update(lease_until=clock.now() - timedelta(seconds=30))
    assert 30 <= value(scrape(), "nexo_worker_behind_seconds") < 60
    job.delete()
    task = make_task_in(TaskStatus.IN_PROGRESS, agent_id=make_agent().pk)
    Lease.objects.create(
        task_id=task.row["id"], agent_id="alex", lease_id="x", claimed_at=since, expires_at=since
    )
    assert 90 <= value(scrape(), "nexo_worker_behind_seconds") < 120
    TaskTemplate.objects.update(recurrence="* * * * *", recurs_since=since - timedelta(hours=1))
    assert 3_600 <= value(scrape(), "nexo_worker_behind_seconds") < 3_720


def test_requests_are_counted_by_view_method_and_status(settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    answered = 'nexo_http_request_seconds_count{method="GET",status="200",view="metrics"}'
    before = value(scrape() and scrape(), answered)
    assert value(scrape(), answered) == before + 1


def test_what_a_client_makes_up_becomes_no_label(settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    client = Client()
    client.generic("BREW", "/there-is-no-such-page")
    text = scrape()
    assert 'method="other",status="404",view=""' in text
    assert "BREW" not in text
    assert "no-such-page" not in text


def test_metrics_are_answered_while_the_database_is_away(settings, monkeypatch) -> None:
    settings.METRICS_TOKEN = TOKEN

    def away() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(queries, "stream_position", away)
    text = scrape()
    assert "nexo_database_up 0.0" in text
    assert "nexo_tasks{" not in text


@pytest.mark.parametrize("now", [ProcessLookupError, PermissionError])
def test_a_worker_that_was_killed_is_forgotten_whoever_has_its_number_now(
    monkeypatch, tmp_path: Path, now: type[OSError]
) -> None:
    dead, alive = (tmp_path / f"gauge_livesum_{pid}.db" for pid in (4_000_000, os.getpid()))
    dead.touch(), alive.touch()
    kill = os.kill

    def asked(pid: int, number: int) -> None:
        if pid == 4_000_000:
            raise now
        kill(pid, number)

    monkeypatch.setattr(os, "kill", asked)
    _forget_dead_processes(tmp_path)
    assert [*tmp_path.iterdir()] == [alive]
