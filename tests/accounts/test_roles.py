"""Roles are groups that hold permissions; the code asks for permissions alone."""

from io import StringIO

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEntry
from accounts.roles import GROUP_ROLES, Role
from accounts.services import set_role
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
# tests/test_role_matrix.py drives the same over HTTP.
EVERYTHING_BUT_ADMIN = {
    "operate_tasks",
    "approve_tasks",
    "view_optimization",
    "change_weights",
    "run_orchestration",
    "view_audit",
}
PERMISSIONS = {
    Role.ADMIN: EVERYTHING_BUT_ADMIN | {"enter_admin", "manage_accounts"},
    Role.HEAD: EVERYTHING_BUT_ADMIN,
    Role.QA: {"approve_tasks", "view_optimization"},
}


def permissions_of(user: User) -> set[str]:
    everything = User.objects.get(pk=user.pk).get_all_permissions()
    return {name.removeprefix("accounts.") for name in everything}


def test_who_is_made_or_given_a_password_by_command_is_in_the_audit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "uma-senha-longa-1")
    options = {"username": "ana", "email": "ana@nexo.example", "stdout": StringIO()}
    call_command("createsuperuser", interactive=False, **options)
    monkeypatch.setattr("getpass.getpass", lambda prompt="": "outra-senha-longa-2")
    call_command("changepassword", "ana", stdout=StringIO())
    make_user(username="bia")  # by other ways nothing is noted twice
    lines = AuditEntry.objects.order_by("pk").values_list("actor", "action", "object_id", "origin")
    assert list(lines) == [
        ("system:createsuperuser", "created", "ana", "command"),
        ("system:changepassword", "password_set", "ana", "command"),
    ]
    assert User.objects.get(username="ana").check_password("outra-senha-longa-2")


@pytest.mark.parametrize("role", GROUP_ROLES)
def test_each_role_holds_its_permissions(role: Role) -> None:
    assert permissions_of(make_user(role)) == PERMISSIONS[role]


def test_a_plain_user_holds_none() -> None:
    assert permissions_of(make_user()) == set()


def test_one_permission_is_enough_without_any_role() -> None:
    user = make_user()
    client = Client()
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    new = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
    url = "/api/marketplace/orchestration/task-execution"
    assert client.post(url, new, content_type="application/json").status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="operate_tasks"))
    assert client.post(url, new, content_type="application/json").status_code == 201


@pytest.mark.parametrize("role", Role)
def test_set_role_gives_one_role_and_takes_the_others(role: Role) -> None:
    user = make_user(Role.QA)
    call_command("set_role", user.username, role.value, stdout=StringIO())
    expected = [] if role == Role.USER else [role.value]
    assert list(user.groups.values_list("name", flat=True)) == expected


def test_groups_that_are_no_role_stay() -> None:
    user = make_user(Role.QA)
    user.groups.add(Group.objects.create(name="turno da noite"))
    set_role(user, Role.HEAD)
    names = set(user.groups.values_list("name", flat=True))
    assert names == {"turno da noite", "head"}


def test_set_role_says_what_it_cannot_do() -> None:
    with pytest.raises(CommandError, match="Não existe o usuário nobody"):
        call_command("set_role", "nobody", "qa")
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("set_role", make_user().username, "owner")


def test_nobody_gives_themselves_a_role() -> None:
    admin = make_user(Role.ADMIN)
    with pytest.raises(PermissionDenied):
        set_role(admin, Role.HEAD, by=admin)
    assert admin.groups.get().name == Role.ADMIN
