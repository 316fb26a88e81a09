"""Agents in the admin: added, changed with history, never deleted, never renamed."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from accounts.roles import Role
from execution.agents import pause_agent
from execution.models import Agent, Marketplace, Specialty
from tests.admin_forms import as_shown
from tests.factories import OPERATOR, make_agent, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
ADD = "admin:execution_agent_add"
CHANGE = "admin:execution_agent_change"


@pytest.fixture
def admin_client() -> Client:
    client = Client()
    client.force_login(make_user(Role.ADMIN), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def fields(**values: object) -> dict[str, object]:
    return {
        "slug": "lia",
        "name": "Lia",
        "home": "amazon",
        "marketplaces": ["amazon", "shein"],
        "is_active": "on",
        "capacity": "",
        **values,
    }


def test_admin_adds_an_agent_who_works_on_two_marketplaces(admin_client: Client) -> None:
    answer = admin_client.post(reverse(ADD), fields())
    assert answer.status_code == 302
    agent = Agent.objects.get(slug="lia")
    assert set(agent.marketplaces.values_list("slug", flat=True)) == {"amazon", "shein"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"slug": "não é id"}, "slug"),
        ({"slug": "x" * 65}, "slug"),
        ({"capacity": "0"}, "capacity"),
        ({"capacity": "-1"}, "capacity"),
        ({"marketplaces": ["ebay"]}, "marketplaces"),
        ({"marketplaces": []}, "marketplaces"),
    ],
)
def test_bad_values_are_named_and_nothing_is_saved(
    admin_client: Client, wrong: dict[str, object], field: str
) -> None:
    answer = admin_client.post(reverse(ADD), fields(**wrong))
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert not Agent.objects.filter(name="Lia").exists()


def test_a_change_is_kept_with_who_and_what(admin_client: Client) -> None:
    agent = make_agent("lia", "amazon")
    url = reverse(CHANGE, args=[agent.pk])
    assert admin_client.post(url, fields(name="Lia B.", is_paused="on")).status_code == 302
    agent.refresh_from_db()
    assert agent.is_paused
    newest = agent.history.first()
    assert newest.history_user.groups.filter(name=Role.ADMIN).exists()
    page = admin_client.get(reverse("admin:execution_agent_history", args=[agent.pk]))
    assert "Lia B." in page.content.decode()


def test_an_id_cannot_be_changed(admin_client: Client) -> None:
    agent = make_agent("lia", "amazon")
    admin_client.post(reverse(CHANGE, args=[agent.pk]), fields(slug="other", name="Renamed"))
    agent.refresh_from_db()
    assert agent.name == "Renamed"
    assert not Agent.objects.filter(slug="other").exists()
    specialty = Specialty.objects.create(task_type="photo")
    url = reverse("admin:execution_specialty_change", args=[specialty.pk])
    admin_client.post(url, {"task_type": "video"})
    assert not Specialty.objects.filter(task_type="video").exists()


def test_an_agent_is_made_inactive_rather_than_deleted(admin_client: Client) -> None:
    agent = make_agent("lia", "amazon")
    answer = admin_client.post(
        reverse("admin:execution_agent_delete", args=[agent.pk]), {"post": "yes"}
    )
    assert answer.status_code == 403
    assert Agent.objects.filter(pk=agent.pk).exists()


def test_a_marketplaces_short_name_is_all_that_can_change_and_its_history_is_kept(
    admin_client: Client,
) -> None:
    path = reverse("admin:execution_marketplace_change", args=["amazon"])
    answer = admin_client.post(path, {"slug": "ebay", "name": "eBay", "short_name": "AMA"})
    assert answer.status_code == 302
    amazon = Marketplace.objects.get(slug="amazon")
    assert (amazon.name, amazon.short_name) == ("Amazon", "AMA")
    history = admin_client.get(reverse("admin:execution_marketplace_history", args=["amazon"]))
    assert "AMA" in history.content.decode()


@pytest.mark.parametrize("short_name", ["", "TOOLONG", "SHP"])
def test_a_bad_short_name_is_refused(admin_client: Client, short_name: str) -> None:
    path = reverse("admin:execution_marketplace_change", args=["amazon"])
    answer = admin_client.post(path, {"short_name": short_name})
    assert answer.status_code == 200
    assert "short_name" in answer.context["adminform"].form.errors
    assert Marketplace.objects.get(slug="amazon").short_name == "AMZ"


def test_marketplaces_are_neither_added_nor_deleted(admin_client: Client) -> None:
    assert admin_client.get(reverse("admin:execution_marketplace_add")).status_code == 403
    delete = reverse("admin:execution_marketplace_delete", args=["kaway"])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert Marketplace.objects.count() == 6


def test_who_works_there_stands_beside_a_marketplace(admin_client: Client) -> None:
    make_agent("lia", "shein")
    listed = admin_client.get(reverse("admin:execution_marketplace_changelist")).content.decode()
    assert "Lia" in listed


def test_a_form_leaves_alone_what_others_changed_while_it_was_open(admin_client: Client) -> None:
    agent = make_agent("lia", "amazon")
    url = reverse(CHANGE, args=[agent.pk])
    sent = as_shown(admin_client, url)
    pause_agent("lia", caller=OPERATOR, reason="fora do ar")
    Agent.objects.update(is_active=False, capacity=3)
    agent.specialties.add(Specialty.objects.create(task_type="photo"))
    assert admin_client.post(url, {**sent, "name": "Lia B."}).status_code == 302
    agent.refresh_from_db()
    assert (agent.name, agent.is_paused, agent.is_active, agent.capacity) == (
        *("Lia B.", True, False, 3),
    )
    assert [one.pk for one in agent.specialties.all()] == ["photo"]
    kept = agent.history.first()
    assert (kept.name, kept.is_paused, kept.is_active, kept.capacity) == ("Lia B.", True, False, 3)
    line = AuditEntry.objects.latest("pk")
    assert line.details == {"old": {"name": "Lia"}, "new": {"name": "Lia B."}}


def test_what_is_changed_on_the_page_is_saved_whatever_others_did(admin_client: Client) -> None:
    agent = make_agent("lia", "amazon", capacity=3, is_paused=True)
    url = reverse(CHANGE, args=[agent.pk])
    sent = as_shown(admin_client, url)
    Agent.objects.update(capacity=4)
    del sent["is_paused"]
    changed = {**sent, "capacity": "", "marketplaces": ["shein"]}
    assert admin_client.post(url, changed).status_code == 302
    agent.refresh_from_db()
    assert (agent.is_paused, agent.capacity) == (False, None)
    assert [one.pk for one in agent.marketplaces.all()] == ["shein"]
