"""A session gives what its person may do now, and nothing once it has ended."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import access, backends, sessions
from accounts.models import SignIn
from accounts.roles import Role
from accounts.services import set_role
from nexo.shared import clock
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
URL = "/api/marketplace/orchestration/task-execution"
NEW = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}


@pytest.fixture
def head() -> User:
    return make_user(Role.HEAD)


@pytest.fixture
def client(head: User) -> Client:
    client = Client()
    client.force_login(head, settings.AUTHENTICATION_BACKENDS[-1])
    # Warm: what follows must not be served from what was kept here.
    assert client.get(URL).status_code == 200
    assert client.get("/marketplace/tasks/execution").status_code == 200
    return client


def five_seconds_pass() -> None:
    """What was kept of sessions and people has lived as long as it may."""
    access.forget_callers()
    backends.forget_people()
    sessions.forget_sessions()


def is_nobody(client: Client) -> bool:
    """For the API as for the pages, which find out in ways of their own."""
    pages = client.get("/marketplace/tasks/execution").status_code
    return (client.get(URL).status_code, pages) == (401, 302)


def create(client: Client) -> int:
    return client.post(URL, NEW, content_type="application/json").status_code


ENDINGS: dict[str, Callable[[User], object]] = {
    "deactivated": lambda user: setattr(user, "is_active", False) or user.save(),
    "deleted": lambda user: user.delete(),
    "new password": lambda user: user.set_password("outra senha longa") or user.save(),
    "session deleted": lambda user: Session.objects.all().first().delete(),  # type: ignore[union-attr]  # there is one
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_an_ended_session_is_refused_at_once(
    head: User, client: Client, end: Callable[[User], object]
) -> None:
    end(head)
    assert is_nobody(client)
    assert client.get(URL).json()["code"] == "not_authenticated"


def test_a_role_that_is_taken_ends_at_once(head: User, client: Client) -> None:
    assert create(client) == 201
    set_role(head, Role.QA)
    assert create(client) == 403
    set_role(head, Role.HEAD)
    assert create(client) == 201


def test_a_permission_that_a_role_loses_ends_at_once(client: Client) -> None:
    permission = Permission.objects.get(codename="operate_tasks")
    Group.objects.get(name=Role.HEAD).permissions.remove(permission)
    assert create(client) == 403


def test_what_another_process_ended_is_seen_when_the_kept_entry_is_over(client: Client) -> None:
    # Behind the back of this process's signals, as another process would.
    User.objects.update(is_active=False)
    assert client.get(URL).status_code == 200
    five_seconds_pass()
    assert is_nobody(client)


def test_a_session_that_another_process_ended(client: Client) -> None:
    SignIn.objects.all()._raw_delete("default")
    Session.objects.all()._raw_delete("default")
    assert client.get(URL).status_code == 200
    five_seconds_pass()
    assert is_nobody(client)


@pytest.mark.parametrize(
    "key",
    [
        *("", "x", "0" * 32, "../../etc/passwd", "'; DROP TABLE django_session; --", "é" * 32),
        *("\x00", "\x00" * 32, "0" * 31 + "\x00"),  # as "\\000" in quotes is read
    ],
)
def test_forged_sessions_are_nobody(key: str) -> None:
    client = Client()
    client.cookies["sessionid"] = key
    assert is_nobody(client)


def test_an_expired_session_is_nobody(client: Client) -> None:
    Session.objects.update(expire_date=clock.now() - timedelta(seconds=1))
    five_seconds_pass()
    assert is_nobody(client)


def test_tampered_session_data_is_nobody(client: Client) -> None:
    Session.objects.update(session_data="bm9uc2Vuc2U:forged")
    five_seconds_pass()
    assert is_nobody(client)


def test_a_request_cannot_change_what_another_is_given(head: User, client: Client) -> None:
    first = backends.CachedModelBackend().get_user(head.pk)
    assert first is not None
    first.is_superuser = True
    again = backends.CachedModelBackend().get_user(head.pk)
    assert again is not None
    assert not again.is_superuser


def test_what_a_session_keeps_is_there_in_the_next_request() -> None:
    first = sessions.SessionStore()
    first["seen"] = 1
    first.save()
    second = sessions.SessionStore(first.session_key)
    second["seen"] = 2
    # Not saved: nobody else sees it.
    assert sessions.SessionStore(first.session_key)["seen"] == 1
    second.save()
    assert sessions.SessionStore(first.session_key)["seen"] == 2


def test_pages_send_an_ended_session_to_sign_in(head: User, client: Client) -> None:
    head.delete()
    answer = client.get("/marketplace/tasks/execution")
    assert answer["Location"] == "/accounts/login/?next=/marketplace/tasks/execution"
