"""Each person and each token has a rate of its own."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts import tokens
from accounts.views import LoginRate
from nexo.shared.throttling import CallerRateThrottle
from tests.envelope import refused
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
URL = "/api/marketplace/orchestration/task-execution"


@pytest.fixture(autouse=True)
def _three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallerRateThrottle, "THROTTLE_RATES", {"caller": "3/min"})


def session(**fields: Any) -> Client:
    client = Client()
    client.force_login(make_user(**fields), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def program(**fields: Any) -> Client:
    _token, key = tokens.issue_token(name="robô", by="user:ana", **fields)
    return Client(headers={"authorization": f"Token {key}"})


def test_the_fourth_call_in_a_minute_is_told_when_to_come_again() -> None:
    client = session()
    for _call in range(3):
        assert client.get(URL).status_code == 200
    answer = client.get(URL)
    refused(answer, 429, "throttled")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert answer.json()["error"].startswith("Pedidos demais. Tente de novo em ")


def test_a_refused_write_changes_nothing_and_counts_with_the_reads() -> None:
    client = session(role="head")
    for _call in range(3):
        client.get(URL)
    new = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
    refused(client.post(URL, new, content_type="application/json"), 429, "throttled")
    assert session().get(URL).json()["totalTasks"] == 0


def test_nobody_uses_up_anothers_rate() -> None:
    user = make_user()
    first = program(user=user)
    for _call in range(4):
        last = first.get(URL)
    assert last.status_code == 429
    others = [session(), program(user=user), program(agent_id="alex")]
    assert [other.get(URL).status_code for other in others] == [200, 200, 200]


def test_a_new_session_is_no_new_rate() -> None:
    user = make_user()
    clients = [Client() for _ in range(4)]
    for client in clients:
        client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    assert [client.get(URL).status_code for client in clients] == [200, 200, 200, 429]


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_each_process_counts_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = session()
    assert [client.get(URL).status_code for _call in range(4)] == [200, 200, 200, 429]
    # Asked once, and not again for a while.
    assert caplog.text.count("each process counts calls by itself: ") == 1


def test_rates_of_different_kinds_keep_their_counts_apart() -> None:
    assert CallerRateThrottle.own is not LoginRate.own
