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
LIST = "admin:optimization_pinnedweights_changelist"
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
        "approval_rate": "55,5",
        "completion_rate": "34,5%",
        "execution_time": "10",
        "reason": "fotos",
        **values,
    }


def test_percents_are_read_and_kept_as_shares_with_the_change(client: Client) -> None:
    assert client.post(reverse(ADD), fields()).status_code == 302
    pinned = PinnedWeights.objects.get()
    assert (pinned.approval_rate, pinned.completion_rate, pinned.execution_time) == (
        0.555,
        0.345,
        0.1,
    )
    change = WeightChange.objects.get()
    assert (change.reason, change.old) == ("fotos", None)
    assert change.actor.startswith("user:")


@pytest.mark.parametrize(
    "values",
    [
        {"approval_rate": "61"},
        {"approval_rate": "49"},
        {"approval_rate": "0,555"},
        {"approval_rate": "120"},
        {"approval_rate": "-10"},
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
    client.post(reverse(CHANGE, args=["marina"]), fields(approval_rate="54", reason=""))
    assert PinnedWeights.objects.get().approval_rate == 0.54
    assert client.post(reverse(DELETE, args=["marina"]), {"post": "yes"}).status_code == 302
    assert not PinnedWeights.objects.exists()
    news = list(WeightChange.objects.values_list("new__approvalRate", flat=True))
    assert news == [None, 0.54, 0.555]
    page = client.get(reverse(HISTORY)).content.decode()
    assert "55,5% · 34,5% · 10% → 54% · 34,5% · 10%" in page


def test_the_history_cannot_be_written(client: Client) -> None:
    assert client.get(reverse("admin:optimization_weightchange_add")).status_code == 403


def test_the_form_and_the_list_show_percent(client: Client) -> None:
    client.post(reverse(ADD), fields())
    form = client.get(reverse(CHANGE, args=["marina"])).content.decode()
    assert 'value="55,5"' in form
    assert 'value="10"' in form
    assert "Em porcentagem" in form
    assert "55,5%" in client.get(reverse(LIST)).content.decode()
    # Sent as it was shown, it changes nothing.
    client.post(reverse(CHANGE, args=["marina"]), fields(reason=""))
    assert WeightChange.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"approval_rate": "61"}, "Os pesos precisam somar 100%"),
        ({"approval_rate": "0,555", "agent": ""}, "Os pesos precisam somar 100%"),
        ({"approval_rate": "120", "agent": ""}, "Cada peso é uma porcentagem de 0% a 100%."),
        ({"agent": ""}, "Este campo é obrigatório."),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_words_alone(
    client: Client, values: dict[str, str], told: str
) -> None:
    page = client.post(reverse(ADD), fields(**values)).content.decode()
    assert told in page
    assert "foi violada" not in page
