"""Weights in the admin: the API's rules, the API's history."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from optimization.models import PinnedWeights, WeightChange
from tests.factories import make_agent, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
ADD = "admin:optimization_pinnedweights_add"
CHANGE = "admin:optimization_pinnedweights_change"
DELETE = "admin:optimization_pinnedweights_delete"
HISTORY = "admin:optimization_weightchange_changelist"


@pytest.fixture
def client() -> Client:
    make_agent("marina", "amazon")
    client = Client(headers={"accept-language": "pt-br"})
    client.force_login(make_user(Role.ADMIN), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def fields(**values: str) -> dict[str, str]:
    return {
        "agent": "marina",
        "approval_rate": "0,55",
        "completion_rate": "0,35",
        "execution_time": "0,1",
        "reason": "fotos",
        **values,
    }


def test_decimal_commas_are_read_and_the_change_is_kept(client: Client) -> None:
    assert client.post(reverse(ADD), fields()).status_code == 302
    pinned = PinnedWeights.objects.get()
    assert (pinned.approval_rate, pinned.completion_rate, pinned.execution_time) == (
        0.55,
        0.35,
        0.1,
    )
    change = WeightChange.objects.get()
    assert (change.reason, change.old) == ("fotos", None)
    assert change.actor.startswith("user:")


@pytest.mark.parametrize(
    "values",
    [
        {"approval_rate": "0,61"},
        {"approval_rate": "0,49"},
        {"approval_rate": "1,2"},
        {"approval_rate": "-0,1"},
        {"approval_rate": "nan"},
        {"approval_rate": "inf"},
        {"approval_rate": "metade"},
        {"approval_rate": ""},
    ],
    ids=str,
)
def test_illegal_weights_are_refused(client: Client, values: dict[str, str]) -> None:
    answer = client.post(reverse(ADD), fields(**values))
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert not PinnedWeights.objects.exists()
    assert not WeightChange.objects.exists()


def test_changing_and_deleting_go_through_the_service(client: Client) -> None:
    client.post(reverse(ADD), fields())
    client.post(reverse(CHANGE, args=["marina"]), fields(approval_rate="0,5", reason=""))
    assert PinnedWeights.objects.get().approval_rate == 0.5
    assert client.post(reverse(DELETE, args=["marina"]), {"post": "yes"}).status_code == 302
    assert not PinnedWeights.objects.exists()
    news = list(WeightChange.objects.values_list("new__approvalRate", flat=True))
    assert news == [None, 0.5, 0.55]
    page = client.get(reverse(HISTORY)).content.decode()
    assert "0,55 · 0,35 · 0,1 → 0,5 · 0,35 · 0,1" in page


def test_the_history_cannot_be_written(client: Client) -> None:
    assert client.get(reverse("admin:optimization_weightchange_add")).status_code == 403


def test_a_wrong_sum_is_said_in_words_alone(client: Client) -> None:
    page = client.post(reverse(ADD), fields(approval_rate="0,61")).content.decode()
    assert "Os pesos precisam somar 1" in page
    assert "foi violada" not in page
