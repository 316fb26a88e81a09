"""Syncing again on a task's page: one target, or all that are not synced, without scripts too."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.roles import Role
from execution.enums import SyncState, TaskStatus
from execution.models import TaskEvent, TaskTarget
from tests.factories import make_agent, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def client_of(role: Role | None) -> Client:
    client = Client(headers={"Accept-Language": "pt-BR"})
    client.force_login(make_user(role), settings.AUTHENTICATION_BACKENDS[-1])
    return client


@pytest.fixture
def address() -> str:
    """A task that failed on two of its three marketplaces."""
    make_agent("alex")
    state = make_task_in(
        TaskStatus.MARKETPLACE_SYNC, agent_id="alex", targets=["amazon", "shein", "kaway"]
    )
    failing = TaskTarget.objects.filter(marketplace_id__in=["shein", "kaway"])
    failing.update(state=SyncState.FAILED, error="recusado")
    return f"/marketplace/tasks/{state.row['task_id']}"


def send(client: Client, address: str, **fields: Any) -> Any:
    return client.post(address, {"action": "sync", "version": 1, **fields})


def states() -> dict[str, str]:
    return dict(TaskTarget.objects.values_list("marketplace_id", "state"))


def test_one_target_or_all_are_sent_again(address: str) -> None:
    head = client_of(Role.HEAD)
    html = head.get(address).content.decode()
    assert html.count('name="action" value="sync"') == 3
    # Under the name that all of them have at the top; a retry is something else.
    assert html.count("Sincronizar de novo<span") == 2
    assert send(head, address, channel="shein").status_code == 302
    assert states() == {"amazon": "queued", "shein": "queued", "kaway": "failed"}
    assert send(head, address, note="corrigido").status_code == 302
    assert set(states().values()) == {"queued"}
    event = TaskEvent.objects.order_by("-sequence")[0]
    assert (event.kind, event.reason, event.details) == ("sync", "corrigido", {"queued": ["kaway"]})
    # Nothing is left to send.
    assert 'name="action" value="sync"' not in head.get(address).content.decode()


def test_scripts_get_the_task_as_it_then_is(address: str) -> None:
    answer = client_of(Role.HEAD).post(
        address,
        {"action": "sync", "channel": "kaway", "version": 1},
        headers={"Accept": "application/json"},
    )
    assert answer.json()["task"]["syncDetail"]["kaway"]["state"] == "queued"


@pytest.mark.parametrize("role", [None, Role.QA])
def test_others_are_not_offered_it_and_may_not(address: str, role: Role | None) -> None:
    client = client_of(role)
    assert 'name="action" value="sync"' not in client.get(address).content.decode()
    assert send(client, address).status_code == 403
    assert states()["shein"] == "failed"


def test_what_is_no_target_or_no_marketplace_is_refused(address: str) -> None:
    head = client_of(Role.HEAD)
    for channel in ("shopee", "ebay"):
        send(head, address, channel=channel)
    assert states()["shein"] == "failed"
    pending = make_task_in(TaskStatus.PENDING, agent_id="alex").row["task_id"]
    before = TaskEvent.objects.count()
    answer = head.post(
        f"/marketplace/tasks/{pending}", {"action": "sync", "version": 1}, follow=True
    )
    assert answer.status_code == 200
    assert TaskEvent.objects.count() == before
