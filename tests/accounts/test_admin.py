"""The admin: entered by those who may, for others' accounts and never one's own power."""

import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts import key_handover
from accounts.models import ApiToken
from accounts.roles import Role
from execution.models import Specialty
from nexo.shared.clock import BUSINESS_ZONE
from tests.admin_forms import as_shown
from tests.factories import make_agent, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TOKEN_ADD = "admin:accounts_apitoken_add"
TOKENS = "admin:accounts_apitoken_changelist"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    return client


@pytest.fixture
def boss() -> User:
    return make_user(Role.ADMIN)


@pytest.fixture
def client(boss: User) -> Client:
    return client_of(boss)


@pytest.mark.parametrize("role", [None, Role.QA, Role.HEAD])
def test_others_do_not_enter_it(role: Role | None) -> None:
    client = client_of(make_user(role))
    assert client.get("/admin/", follow=True).status_code == 403
    assert client.get(reverse("admin:auth_user_changelist"), follow=True).status_code == 403


def test_a_staff_flag_opens_nothing() -> None:
    user = make_user()
    User.objects.update(is_staff=True)
    assert client_of(user).get("/admin/", follow=True).status_code == 403


def test_strangers_are_asked_who_they_are_on_the_one_sign_in_page(client: Client) -> None:
    answer = Client().get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/?next=")


def pages() -> Iterator[tuple[str, list[str]]]:
    yield "admin:index", []
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield f"{name}_changelist", []
        yield f"{name}_add", []
        yield f"{name}_change", [model._meta.label]
        yield f"{name}_history", [model._meta.label]
        yield f"{name}_delete", [model._meta.label]


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_every_page_opens_or_is_refused_but_never_breaks(client: Client, language: str) -> None:
    rows = {
        "auth.User": make_user().pk,
        "auth.Group": Group.objects.get(name=Role.QA).pk,
        "accounts.ApiToken": issue(client),
        "execution.Agent": make_agent("alex").pk,
        "execution.Specialty": Specialty.objects.create(task_type="photo").pk,
    }
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    for name, labels in pages():
        try:
            url = reverse(name, args=[rows[label] for label in labels if label in rows])
        except NoReverseMatch:
            continue
        status = client.get(url).status_code
        assert status in (200, 403), (url, status)


@pytest.mark.parametrize("value", ["", "0", "-1", "999999999", "nada"])
def test_no_form_tells_of_a_constraint_by_its_name(client: Client, value: str) -> None:
    """What the database holds to is said in words, and where it is written."""
    make_agent("alex")
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
        page = client.get(url)
        if page.status_code == 403:
            continue
        values = dict.fromkeys(page.context["adminform"].form.fields, value)
        answer = client.post(url, values)
        assert answer.status_code in (200, 302), url
        assert "foi violada" not in answer.content.decode(), url


def issue(client: Client) -> int:
    make_agent("alex")
    fields = {"name": "robô", "agent_id": "alex", "scope": "write"}
    client.post(reverse(TOKEN_ADD), fields)
    return ApiToken.objects.latest("pk").pk


# -- People and roles ----------------------------------------------------------------------------


def person_fields(user: User, **values: object) -> dict[str, object]:
    return {
        "username": user.username,
        "is_active": "on",
        "groups": [group.pk for group in user.groups.all()],
        **values,
    }


def change_url(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


@pytest.mark.parametrize("query", ["agent=%00", "%00=1", "q=%00", "_changelist_filters=%00"])
def test_no_page_looks_for_a_nul(client: Client, query: str) -> None:
    for name in ("admin:optimization_weightchange_changelist", "admin:auth_user_add"):
        answer = client.get(f"{reverse(name)}?{query}")
        assert answer.status_code == 400
        assert answer["Content-Type"].startswith("text/html")


def test_an_admin_gives_and_takes_roles(client: Client) -> None:
    other = make_user(Role.QA)
    head = Group.objects.get(name=Role.HEAD).pk
    assert client.post(change_url(other), person_fields(other, groups=[head])).status_code == 302
    assert other.groups.get().name == Role.HEAD
    client.post(change_url(other), person_fields(other, groups=[], is_active=""))
    other.refresh_from_db()
    assert not other.groups.exists()
    assert not other.is_active


def test_an_admin_changes_nothing_of_their_own_power(client: Client, boss: User) -> None:
    values = person_fields(boss, groups=[], is_active="", is_superuser="on", first_name="Bia")
    assert client.post(change_url(boss), values).status_code == 302
    boss.refresh_from_db()
    assert boss.first_name == "Bia"
    assert boss.is_active
    assert not boss.is_superuser
    assert boss.groups.get().name == Role.ADMIN
    assert client.post(reverse("admin:auth_user_delete", args=[boss.pk])).status_code == 403


def test_nobody_gets_another_name_which_the_log_would_not_know(client: Client, boss: User) -> None:
    for person in (boss, make_user(Role.HEAD)):
        name = person.username
        values = person_fields(person, username="outro", first_name="Bia")
        assert client.post(change_url(person), values).status_code == 302
        person.refresh_from_db()
        assert (person.username, person.first_name) == (name, "Bia")


def test_an_admin_makes_nobody_a_superuser_and_touches_none(client: Client) -> None:
    other = make_user()
    client.post(change_url(other), person_fields(other, is_superuser="on"))
    other.refresh_from_db()
    assert not other.is_superuser
    root = make_user(username="root", is_superuser=True)
    assert client.post(change_url(root), person_fields(root)).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert client.post(password, {"password1": "x" * 12, "password2": "x" * 12}).status_code == 403


@pytest.mark.parametrize("is_superuser", [False, True])
def test_ones_own_password_is_changed_only_where_the_present_one_is_asked_for(
    client: Client, boss: User, is_superuser: bool
) -> None:
    User.objects.filter(pk=boss.pk).update(is_superuser=is_superuser)
    before = boss.password
    fields = {"old_password": "", "new_password1": "x8#kfj2!", "new_password2": "x8#kfj2!"}
    fields |= {"usable_password": "true", "password1": "x8#kfj2!", "password2": "x8#kfj2!"}
    for url in (
        reverse("admin:password_change"),
        reverse("admin:auth_user_password_change", args=[boss.pk]),
    ):
        answer = client.post(url, {**fields, "set-password": "1"})
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/password")
    boss.refresh_from_db()
    assert boss.password == before


def test_deleting_many_spares_oneself_and_superusers(client: Client, boss: User) -> None:
    root, other = make_user(username="root", is_superuser=True), make_user()

    def delete(*users: User) -> int:
        chosen = {"_selected_action": [user.pk for user in users]}
        values = {"action": "delete_selected", "post": "yes", **chosen}
        return client.post(reverse("admin:auth_user_changelist"), values).status_code

    assert delete(boss, other) == delete(root, other) == 403
    assert User.objects.count() == 3
    assert delete(other) == 302
    assert set(User.objects.all()) == {boss, root}


def test_what_a_role_may_do_is_edited_here_but_not_for_ones_own(client: Client) -> None:
    qa, own = (Group.objects.get(name=role) for role in (Role.QA, Role.ADMIN))
    operate = Permission.objects.get(codename="operate_tasks")
    values = {"name": "qa", "permissions": [operate.pk]}
    url = reverse("admin:auth_group_change", args=[qa.pk])
    assert client.post(url, values).status_code == 302
    assert make_user(Role.QA).has_perm("accounts.operate_tasks")
    url = reverse("admin:auth_group_change", args=[own.pk])
    assert client.post(url, {"name": "admin", "permissions": []}).status_code == 403
    assert own.permissions.exists()


def test_roles_are_not_deleted_by_those_who_hold_one(client: Client) -> None:
    url = reverse("admin:auth_group_delete", args=[Group.objects.get(name=Role.HEAD).pk])
    assert client.post(url, {"post": "yes"}).status_code == 403
    root = make_user(username="root", is_superuser=True)
    assert client_of(root).post(url, {"post": "yes"}).status_code == 302
    assert not Group.objects.filter(name=Role.HEAD).exists()


def test_changing_an_account_is_on_record(client: Client, boss: User) -> None:
    other = make_user()
    client.post(change_url(other), person_fields(other, first_name="Bia"))
    page = client.get(reverse("admin:auth_user_history", args=[other.pk])).content.decode()
    assert boss.username in page


# -- Tokens --------------------------------------------------------------------------------------


def issue_for(head: User, client: Client, **fields: str) -> str:
    """Send the form; the address of the page with the key."""
    values = {"name": "integração", "user": head.pk, "scope": "read", **fields}
    answer = client.post(reverse(TOKEN_ADD), values)
    assert answer.status_code == 302
    return answer["Location"]


def test_a_key_is_shown_once_and_works(client: Client) -> None:
    page = issue_for(make_user(Role.HEAD), client)
    answer = client.get(page)
    key = answer.context["key"]
    assert f'data-copy="{key}"' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    headers = {"authorization": f"Token {key}"}
    url = "/api/marketplace/orchestration/task-execution"
    assert Client().get(url, headers=headers).status_code == 200
    for other in (reverse(TOKENS), reverse("admin:index")):
        assert key not in client.get(other).content.decode()
    token = ApiToken.objects.get()
    again = client.get(reverse("admin:accounts_apitoken_change", args=[token.pk]))
    assert again.status_code == 200
    assert token.prefix in client.get(reverse(TOKENS)).content.decode()
    assert key not in again.content.decode()


def test_loading_the_page_again_shows_no_key_and_issues_no_token(client: Client) -> None:
    page = issue_for(make_user(Role.HEAD), client)
    pad = client.cookies[key_handover.COOKIE].value
    key = client.get(page).context["key"]
    # Somebody kept the cookie that was taken away.
    client.cookies[key_handover.COOKIE] = pad
    again = client.get(page)
    assert again.context["key"] is None
    assert key not in again.content.decode()
    assert "A chave apareceu uma vez" in again.content.decode()
    assert ApiToken.objects.count() == 1


def test_what_is_kept_of_a_key_until_it_is_shown_tells_nothing(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    page = issue_for(make_user(Role.HEAD), client)
    pad = client.cookies[key_handover.COOKIE]
    session = str(client.session.items())
    key = client.get(page).context["key"]
    for kept in (session, str(pad), page, caplog.text):
        assert key not in kept
        assert key.encode().hex() not in kept
    assert pad["path"] == page
    assert pad["httponly"] and pad["samesite"] == "Strict"
    assert "issued" not in str(client.session.items())


def test_a_key_is_shown_to_nobody_but_who_issued_it(client: Client) -> None:
    page = issue_for(make_user(Role.HEAD), client)
    other = client_of(make_user(Role.ADMIN))
    other.cookies[key_handover.COOKIE] = client.cookies[key_handover.COOKIE].value
    assert other.get(page).context["key"] is None
    assert client_of(make_user(Role.HEAD)).get(page, follow=True).status_code == 403
    assert client.get(page).context["key"]
    assert client.get(page.replace(str(ApiToken.objects.get().pk), "9" * 30)).status_code == 404


def test_a_broken_half_shows_no_key(client: Client) -> None:
    page = issue_for(make_user(Role.HEAD), client)
    client.cookies[key_handover.COOKIE] = "00"
    assert client.get(page).context["key"] is None


def test_another_process_that_knows_the_session_of_before_shows_the_key(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(client.session.items())
    page = issue_for(make_user(Role.HEAD), client)
    monkeypatch.setattr("accounts.sessions._sessions.get", lambda _key, _read: before)
    assert client.get(page).context["key"]


def test_the_end_that_nobody_chose_is_told(client: Client) -> None:
    page = client.get(issue_for(make_user(Role.HEAD), client)).content.decode()
    end = ApiToken.objects.get().expires_at.astimezone(BUSINESS_ZONE)
    assert f"válido até {end:%d/%m/%Y %H:%M}." in page


def test_the_end_of_a_token_is_chosen_in_the_business_zone(client: Client) -> None:
    make_agent("alex")
    fields = {"name": "robô", "agent_id": "alex", "scope": "read", "expires_at": "2030-01-02T10:30"}
    client.post(reverse(TOKEN_ADD), fields)
    expected = datetime(2030, 1, 2, 10, 30, tzinfo=BUSINESS_ZONE)
    assert ApiToken.objects.get().expires_at == expected


def test_revoking_ends_the_token_and_keeps_its_row(client: Client) -> None:
    token = issue(client)
    values = {"action": "revoke", "_selected_action": [token], "post": "yes"}
    client.post(reverse(TOKENS), values)
    assert ApiToken.objects.get(pk=token).revoked_at is not None
    assert LogEntry.objects.filter(object_id=token, change_message="revoked").count() == 1
    delete = reverse("admin:accounts_apitoken_delete", args=[token])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_revoking_names_the_tokens_and_asks_first(client: Client) -> None:
    tokens = [issue(client) for _number in range(3)]
    ended, *valid = [str(token) for token in ApiToken.objects.order_by("pk")]
    confirmed = {"action": "revoke", "post": "yes"}
    client.post(reverse(TOKENS), {**confirmed, "_selected_action": tokens[:1]}, follow=True)
    values = {"action": "revoke", "_selected_action": tokens}
    page = client.post(reverse(TOKENS), values).content.decode()
    assert ApiToken.objects.filter(revoked_at=None).count() == 2
    assert all(name in page for name in valid) and ended not in page
    sent = re.findall(r'<input type="hidden" name="(?!csrf)(\w+)" value="(\w+)">', page)
    chosen = {("_selected_action", str(token)) for token in tokens[1:]}
    assert set(sent) == {*chosen, *confirmed.items()}
    answer = client.post(reverse(TOKENS), {**values, **confirmed}, follow=True)
    assert not ApiToken.objects.filter(revoked_at=None).exists()
    assert [str(message) for message in answer.context["messages"]] == [
        f"2 tokens não dão mais acesso a nada: {valid[1]}, {valid[0]}."
    ]
    again = client.post(reverse(TOKENS), values, follow=True).content.decode()
    assert "Eles já tinham sido revogados." in again


def test_labels_of_a_token_begin_alike(client: Client) -> None:
    form = client.get(reverse(TOKEN_ADD)).context["adminform"].form
    assert [field.name for field in form if not str(field.label)[0].isupper()] == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Name the person or the agent that the token is for."),
        ({"user": "own", "agent_id": "alex"}, "Name a person or an agent, not both."),
    ],
    ids=["none", "both"],
)
def test_a_token_needs_one_owner(
    client: Client, boss: User, fields: dict[str, str], told: str
) -> None:
    make_agent("alex")
    values = {"name": "robô", "scope": "write", **fields}
    if "user" in values:
        values["user"] = str(boss.pk)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    page = client.post(reverse(TOKEN_ADD), values)
    assert page.context["adminform"].form.errors == {"user": [told]}
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("may", [False, True], ids=["by an admin", "by a superuser"])
def test_a_token_for_a_superuser_is_a_superusers_to_issue(may: bool) -> None:
    """It would make anybody who can issue tokens one."""
    by = make_user(is_superuser=True) if may else make_user(Role.ADMIN)
    above = make_user(is_superuser=True)
    client = client_of(by)
    assert (f'value="{above.pk}"' in client.get(reverse(TOKEN_ADD)).content.decode()) == may
    client.post(reverse(TOKEN_ADD), {"name": "robô", "user": above.pk, "scope": "write"})
    assert ApiToken.objects.filter(user=above).exists() == may


@pytest.mark.parametrize(
    "fields", [{"agent_id": "nobody"}, {"agent_id": "alex", "expires_at": "2001-01-01T00:00"}]
)
def test_a_token_is_for_an_agent_there_is_and_for_a_time_to_come(
    client: Client, fields: dict[str, str]
) -> None:
    make_agent("alex")
    page = client.post(reverse(TOKEN_ADD), {"name": "robô", "scope": "write", **fields})
    assert "errorlist" in page.content.decode()
    assert not ApiToken.objects.exists()


def test_saving_an_open_form_gives_nobody_back_what_was_taken_meanwhile(client: Client) -> None:
    ana = make_user(Role.HEAD, username="ana")
    url = reverse("admin:auth_user_change", args=[ana.pk])
    sent = as_shown(client, url)
    User.objects.filter(pk=ana.pk).update(is_active=False)
    ana.groups.clear()
    assert client.post(url, {**sent, "email": "ana@example.com"}).status_code == 302
    ana.refresh_from_db()
    assert (ana.email, ana.is_active, ana.groups.count()) == ("ana@example.com", False, 0)


@pytest.mark.parametrize(
    ("language", "people", "roles"), [("pt-br", "pessoas", "papéis"), ("en", "people", "roles")]
)
def test_people_and_roles_are_called_so_throughout(
    client: Client, language: str, people: str, roles: str
) -> None:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    person = make_user(Role.QA)
    for address in (
        "/admin/",
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_user_change", args=[person.pk]),
        reverse("admin:auth_group_changelist"),
    ):
        page = client.get(address).content.decode()
        text = re.sub(r"<[^>]+>", " ", page)
        assert re.search(rf"\b{people}\b", text, re.IGNORECASE), address
        assert re.search(rf"\b{roles}\b", text, re.IGNORECASE), address
        assert not re.search(r"\b(grupos?|groups?|users|usuários)\b", text, re.IGNORECASE), address
