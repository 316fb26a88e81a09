"""Each deed leaves its line with who, old and new; what is refused or rolled back leaves none."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts import services, tokens
from accounts.models import ApiToken, AuditEntry
from accounts.roles import Role
from execution.exceptions import NotAllowed
from execution.models import Agent, Marketplace, Specialty
from nexo.shared.origin import working_for
from optimization.services import clear_weights, set_weights
from tests.factories import OPERATOR, make_agent, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
ADDRESS = "203.0.113.9"
Line = tuple[str, str, str, str | None]


def lines() -> list[Line]:
    """Action, kind, id and origin of every line, oldest first."""
    entries = AuditEntry.objects.order_by("id")
    return list(entries.values_list("action", "object_kind", "object_id", "origin"))


def newest() -> AuditEntry:
    return AuditEntry.objects.latest("id")


def changed(entry: AuditEntry) -> tuple[Any, Any]:
    assert entry.details is not None
    return entry.details["old"], entry.details["new"]


@pytest.fixture
def boss(db: None) -> User:
    return make_user(None, username="root", is_superuser=True)


@pytest.fixture
def client(boss: User) -> Client:
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(boss, settings.AUTHENTICATION_BACKENDS[-1])
    return client


def person(user: User, **changes: Any) -> dict[str, Any]:
    fields = {"username": user.username, "first_name": user.first_name, "is_active": "on"}
    fields["groups"] = list(user.groups.values_list("pk", flat=True))
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def save(client: Client, name: str, obj: Any, values: dict[str, Any]) -> None:
    answer = client.post(reverse(f"admin:{name}_change", args=[obj.pk]), values)
    assert answer.status_code == 302


def delete(client: Client, name: str, obj: Any) -> None:
    url = reverse(f"admin:{name}_delete", args=[obj.pk])
    assert client.post(url, {"post": "yes"}).status_code == 302


# -- Roles and people ------------------------------------------------------------------------------


def test_a_role_by_the_service() -> None:
    boss, ana = make_user(username="boss"), make_user(Role.QA, username="ana")
    services.set_role(ana, Role.HEAD, by=boss)
    assert lines() == [("roles_changed", "user", "ana", None)]
    assert newest().actor == "user:boss"
    assert changed(newest()) == ({"groups": ["qa"]}, {"groups": ["head"]})


def test_a_role_that_is_held_already_is_no_deed() -> None:
    services.set_role(make_user(Role.QA), Role.QA)
    assert lines() == []


def test_ones_own_role_is_refused_and_no_deed() -> None:
    ana = make_user()
    with pytest.raises(PermissionDenied):
        services.set_role(ana, Role.ADMIN, by=ana)
    assert lines() == []


def test_what_is_rolled_back_is_no_deed() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        services.set_role(make_user(), Role.QA)
        tokens.issue_token(name="robô", by="user:ana", agent_id="alex")
        raise RuntimeError
    assert lines() == []


def test_a_role_by_the_command() -> None:
    make_user(username="ana")
    call_command("set_role", "ana", "head", verbosity=0)
    assert lines() == [("roles_changed", "user", "ana", "command")]
    assert newest().actor == "system:set_role"
    with pytest.raises(CommandError):
        call_command("set_role", "bia", "head")
    assert len(lines()) == 1


def test_people_in_the_admin(client: Client) -> None:
    add = {"username": "ana", "usable_password": "true", "password1": "x8#kfj2!", "password2": ""}
    assert client.post(reverse("admin:auth_user_add"), add).status_code == 200
    assert lines() == []
    add["password2"] = add["password1"]
    client.post(reverse("admin:auth_user_add"), add)
    ana = User.objects.get(username="ana")
    assert lines() == [("created", "user", "ana", ADDRESS)]
    assert newest().actor == "user:root"
    assert add["password1"] not in str(newest().details)

    save(client, "auth_user", ana, person(ana))
    assert len(lines()) == 1

    head = Group.objects.get(name=Role.HEAD)
    save(client, "auth_user", ana, person(ana, groups=[head.pk], first_name="Ana"))
    assert [line[0] for line in lines()] == ["created", "roles_changed", "changed"]
    assert changed(newest()) == ({"first_name": ""}, {"first_name": "Ana"})

    ana.refresh_from_db()
    save(client, "auth_user", ana, person(ana, is_active=None, is_superuser="on"))
    assert changed(newest()) == (
        {"is_active": True, "is_superuser": False},
        {"is_active": False, "is_superuser": True},
    )
    delete(client, "auth_user", ana)
    assert lines()[-1] == ("deleted", "user", "ana", ADDRESS)
    assert changed(newest())[0]["groups"] == ["head"]


def test_several_people_deleted_at_once(client: Client) -> None:
    people = [make_user(username=name) for name in ("ana", "bia")]
    values = {"action": "delete_selected", "_selected_action": [user.pk for user in people]}
    client.post(reverse("admin:auth_user_changelist"), {**values, "post": "yes"})
    assert not User.objects.filter(username__in=["ana", "bia"]).exists()
    assert {line[:3] for line in lines()} == {
        ("deleted", "user", "ana"),
        ("deleted", "user", "bia"),
    }


def test_a_password_set_by_an_administrator(client: Client) -> None:
    ana = make_user(username="ana")
    url = reverse("admin:auth_user_password_change", args=[ana.pk])
    fields = {"usable_password": "true", "password1": "x8#kfj2!", "password2": "another"}
    assert client.post(url, {**fields, "set-password": "1"}).status_code == 200
    assert lines() == []
    fields["password2"] = fields["password1"]
    assert client.post(url, {**fields, "set-password": "1"}).status_code == 302
    assert lines() == [("password_set", "user", "ana", ADDRESS)]
    assert newest().details is None


def test_ones_own_password(boss: User, client: Client) -> None:
    boss.set_password("x8#kfj2!")
    boss.save()
    client.force_login(boss, settings.AUTHENTICATION_BACKENDS[-1])
    fields = {"old_password": "x8#kfj2!", "new_password1": "y9$lgk3?", "new_password2": "other"}
    assert client.post("/accounts/password/", fields).status_code == 200
    assert lines() == []
    fields["new_password2"] = fields["new_password1"]
    assert client.post("/accounts/password/", fields).status_code == 302
    assert lines() == [("password_set", "user", "root", ADDRESS)]
    assert (newest().actor, newest().details) == ("user:root", None)


def test_another_administrator_is_refused_a_superuser(boss: User) -> None:
    client = Client()
    client.force_login(make_user(Role.ADMIN), settings.AUTHENTICATION_BACKENDS[-1])
    url = reverse("admin:auth_user_password_change", args=[boss.pk])
    fields = {"usable_password": "true", "password1": "x8#kfj2!", "password2": "x8#kfj2!"}
    assert client.post(url, {**fields, "set-password": "1"}).status_code == 403
    assert client.post(reverse("admin:auth_user_change", args=[boss.pk])).status_code == 403
    assert lines() == []


def test_the_rights_of_a_role(client: Client) -> None:
    qa = Group.objects.get(name=Role.QA)
    audit = Permission.objects.get(codename="view_audit")
    rights = [*qa.permissions.values_list("pk", flat=True), audit.pk]
    save(client, "auth_group", qa, {"name": "qa", "permissions": rights})
    assert lines() == [("changed", "role", "qa", ADDRESS)]
    old, new = changed(newest())
    assert set(new["permissions"]) - set(old["permissions"]) == {"view_audit"}
    delete(client, "auth_group", qa)
    assert lines()[-1] == ("deleted", "role", "qa", ADDRESS)


# -- Tokens ----------------------------------------------------------------------------------------


def test_a_token_issued_and_revoked() -> None:
    token, key = tokens.issue_token(name="robô", by="user:ana", agent_id="alex")
    tokens.revoke_token(token, by="user:bia")
    tokens.revoke_token(token, by="user:bia")
    assert [line[:3] for line in lines()] == [
        ("issued", "token", token.prefix),
        ("revoked", "token", token.prefix),
    ]
    told = str(list(AuditEntry.objects.values()))
    assert key not in told and token.key_hash not in told
    assert newest().actor == "user:bia"


def test_tokens_in_the_admin(client: Client) -> None:
    make_agent("alex")
    fields = {"name": "robô", "agent_id": "alex", "scope": "read"}
    client.post(reverse("admin:accounts_apitoken_add"), {"name": "robô"})
    assert lines() == []
    client.post(reverse("admin:accounts_apitoken_add"), fields)
    token = ApiToken.objects.get()
    values = {"action": "revoke", "_selected_action": [token.pk], "post": "yes"}
    client.post(reverse("admin:accounts_apitoken_changelist"), values)
    assert lines() == [
        ("issued", "token", token.prefix, ADDRESS),
        ("revoked", "token", token.prefix, ADDRESS),
    ]
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"user:root"}


def test_a_token_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    make_agent("alex")
    call_command("create_agent_token", "alex")
    assert [(line[0], line[3]) for line in lines()] == [("issued", "command")]
    assert capsys.readouterr().out.strip() not in str(newest().details)


# -- Agents, marketplaces, specialties, weights ----------------------------------------------------


def agent_fields(**changes: Any) -> dict[str, Any]:
    fields = {"name": "Alex", "marketplaces": ["amazon"], "is_active": "on"}
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def test_an_agent_in_the_admin(client: Client) -> None:
    url = reverse("admin:execution_agent_add")
    client.post(url, {"slug": "alex", **agent_fields(marketplaces=[])})
    assert lines() == []
    client.post(url, {"slug": "alex", **agent_fields()})
    assert lines() == [("created", "agent", "alex", ADDRESS)]
    alex = Agent.objects.get()
    fields = agent_fields(marketplaces=["amazon", "shein"], is_paused="on", capacity="3")
    save(client, "execution_agent", alex, fields)
    assert changed(newest()) == (
        {"is_paused": False, "capacity": None, "marketplaces": ["amazon"]},
        {"is_paused": True, "capacity": 3, "marketplaces": ["amazon", "shein"]},
    )


def test_an_earlier_version_brought_back(client: Client) -> None:
    alex = make_agent("alex", capacity=3)
    version = alex.history.first()
    save(client, "execution_agent", alex, agent_fields())
    url = reverse("admin:execution_agent_simple_history", args=["alex", version.history_id])
    assert client.post(url, agent_fields(capacity="3")).status_code == 302
    assert [line[:3] for line in lines()] == [("changed", "agent", "alex")] * 2
    assert changed(newest()) == ({"capacity": None}, {"capacity": 3})


def test_a_marketplace_and_a_specialty(client: Client) -> None:
    kaway = Marketplace.objects.get(slug="kaway")
    save(client, "execution_marketplace", kaway, {"short_name": "KW"})
    client.post(reverse("admin:execution_specialty_add"), {"task_type": "photo"})
    delete(client, "execution_specialty", Specialty.objects.get())
    assert [line[:3] for line in lines()] == [
        ("changed", "marketplace", "kaway"),
        ("created", "specialty", "photo"),
        ("deleted", "specialty", "photo"),
    ]


def test_weights() -> None:
    make_agent("alex")
    with working_for(ADDRESS):
        set_weights("alex", (0.5, 0.3, 0.2), caller=OPERATOR, reason="fotos")
        set_weights("alex", (0.5, 0.3, 0.2), caller=OPERATOR, reason="de novo")
        clear_weights("alex", caller=OPERATOR)
        with pytest.raises(NotAllowed):
            set_weights("alex", (1.0, 0.0, 0.0), caller=type(OPERATOR)(actor="user:eva"))
    assert lines() == [
        ("weights_set", "weight", "alex", ADDRESS),
        ("weights_cleared", "weight", "alex", ADDRESS),
    ]
    first = AuditEntry.objects.order_by("id")[0]
    assert (first.actor, first.reason) == ("user:operator", "fotos")
    assert first.details is not None and first.details["new"]["approvalRate"] == 0.5


def test_the_demo_says_who_made_its_people() -> None:
    call_command("seed_demo", tasks=0, verbosity=0)
    entries = AuditEntry.objects.exclude(object_kind="agent").order_by("id")
    made = list(entries.values_list("action", "object_id", "actor", "origin"))
    assert ("created", "admin", "system:seed_demo", "command") in made
    assert ("roles_changed", "head", "system:seed_demo", "command") in made
