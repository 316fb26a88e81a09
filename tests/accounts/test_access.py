"""Who stands behind a socket: read from the rows each time, for many at once."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import tokens
from accounts.access import (
    Credential,
    authorise,
    current_callers,
    still_holds,
    token_credential,
)
from accounts.callers import Caller, caller_for_user
from accounts.models import ApiToken
from accounts.roles import GROUP_ROLES, Role
from accounts.services import set_role
from accounts.sessions import SessionStore
from nexo.shared import clock
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def signed_in(user: User) -> Credential:
    client = Client()
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    return Credential(session_key=client.cookies[settings.SESSION_COOKIE_NAME].value)


def with_token(**fields: Any) -> Credential:
    return token_credential(tokens.issue_token(name="robô", by="user:ana", **fields)[1])


def test_a_session_is_its_person() -> None:
    user = make_user(Role.QA, username="bia")
    caller = authorise(signed_in(user))
    assert caller is not None
    assert (caller.actor, caller.user_id, caller.agent_id) == ("user:bia", user.pk, None)
    assert caller.may("accounts.approve_tasks")
    assert not caller.may("accounts.operate_tasks")


def test_a_token_is_its_person_or_its_agent() -> None:
    person = authorise(with_token(user=make_user(Role.HEAD, username="helena")))
    assert person is not None
    assert person.actor == "user:helena"
    agent = authorise(with_token(agent_id="alex"))
    assert agent == Caller(actor="agent:alex", agent_id="alex")


def change_session(**values: Any) -> None:
    store = SessionStore(Session.objects.get().session_key)
    store.update(values)
    store.save()


ENDINGS: Mapping[str, Callable[[User], Any]] = {
    "signed out": lambda user: Session.objects.all().delete(),
    "expired": lambda user: Session.objects.update(expire_date=clock.now()),
    "tampered": lambda user: Session.objects.update(session_data="forged"),
    "of an unknown backend": lambda user: change_session(**{BACKEND_SESSION_KEY: "x.Backend"}),
    "deactivated": lambda user: User.objects.update(is_active=False),
    "deleted": lambda user: user.delete(),
    "a new password": lambda user: user.set_password("uma outra senha") or user.save(),
    "another person": lambda user: change_session(_auth_user_id=str(make_user().pk)),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_an_ended_session_is_nobody(end: Callable[[User], Any]) -> None:
    user = make_user(Role.HEAD)
    credential = signed_in(user)
    assert authorise(credential) is not None
    end(user)
    assert authorise(credential) is None


@pytest.mark.parametrize(
    "values",
    [{"revoked_at": clock.now()}, {"expires_at": clock.now()}, {"key_hash": "0"}],
    ids=lambda values: next(iter(values)),
)
def test_an_ended_token_is_nobody(values: dict[str, Any]) -> None:
    credential = with_token(user=make_user())
    assert authorise(credential) is not None
    ApiToken.objects.update(**values)
    assert authorise(credential) is None


@pytest.mark.parametrize("key", ["", "forged", "é", "\x00", "\x00" * 32, "x" * 5000])
def test_forged_credentials_are_nobody(key: str) -> None:
    assert authorise(Credential(session_key=key or None)) is None
    assert authorise(token_credential(key)) is None


def test_many_sessions_take_as_few_queries_as_one(django_assert_max_num_queries: Any) -> None:
    user = make_user(Role.HEAD)
    credentials = [signed_in(user) for _ in range(20)]
    with django_assert_max_num_queries(4):
        callers = current_callers(credentials)
    assert {caller.actor for caller in callers.values() if caller} == {f"user:{user.username}"}


def test_many_people_take_as_few_queries_as_one(django_assert_max_num_queries: Any) -> None:
    people = [make_user(role) for role in (*GROUP_ROLES, None) for _ in range(5)]
    credentials = [signed_in(user) for user in people]
    people[0].user_permissions.add(Permission.objects.get(codename="operate_tasks"))
    with django_assert_max_num_queries(4):
        callers = current_callers(credentials)
    for user, credential in zip(people, credentials, strict=True):
        anew = User.objects.get(pk=user.pk)
        assert callers[credential] == caller_for_user(anew)


def test_a_superuser_behind_a_session_may_everything() -> None:
    user = make_user(is_superuser=True)
    assert authorise(signed_in(user)) == caller_for_user(User.objects.get(pk=user.pk))


def now_of(user: User) -> Caller:
    caller = authorise(signed_in(User.objects.get(pk=user.pk)))
    assert caller is not None
    return caller


def test_a_caller_holds_until_a_permission_is_gone() -> None:
    user = make_user(Role.QA)
    before = now_of(user)
    assert still_holds(before, before)
    user.user_permissions.add(Permission.objects.get(codename="operate_tasks"))
    assert still_holds(before, now_of(user)), "more is no loss"
    assert not still_holds(now_of(user), before)
    set_role(user, Role.USER)
    assert not still_holds(before, now_of(user))


def test_a_caller_holds_no_longer_than_their_name_and_session() -> None:
    user = make_user(Role.QA)
    before = now_of(user)
    assert not still_holds(before, None)
    User.objects.filter(pk=user.pk).update(username="outro")
    assert not still_holds(before, now_of(user))


def test_a_superuser_who_is_one_no_more_has_lost_something() -> None:
    user = make_user(Role.ADMIN, is_superuser=True)
    before = now_of(user)
    assert still_holds(before, now_of(user))
    User.objects.filter(pk=user.pk).update(is_superuser=False)
    assert not still_holds(before, now_of(user))


@pytest.mark.parametrize("of", ["agents", "people"])
def test_many_tokens_take_as_many_queries_as_one(of: str) -> None:
    def shown(count: int) -> list[Credential]:
        if of == "agents":
            return [with_token(agent_id=f"agent-{number}") for number in range(count)]
        return [with_token(user=make_user(Role.QA)) for _ in range(count)]

    def queries(credentials: list[Credential]) -> int:
        current_callers(credentials)  # notes that they were used
        with CaptureQueriesContext(connection) as captured:
            callers = current_callers(credentials)
        assert all(callers.values())
        return len(captured)

    assert queries(shown(1)) == queries(shown(30))
