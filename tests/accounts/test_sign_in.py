"""Signing in and out, as a browser does."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import F
from django.test import Client

from accounts.sessions import SessionStore
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
LOGIN = "/accounts/login/"
PASSWORD = "uma senha bem longa"
HOME = "/marketplace/tasks/execution"


@pytest.fixture
def ana() -> User:
    return make_user("head", username="ana", password=PASSWORD)


def sign_in(client: Client, username: str = "ana", password: str = PASSWORD, **fields: str) -> int:
    values = {"username": username, "password": password, **fields}
    return client.post(LOGIN, values).status_code


def is_signed_in(client: Client) -> bool:
    return client.get("/api/marketplace/orchestration/task-execution").status_code == 200


def test_a_person_signs_in_and_out(ana: User, client: Client) -> None:
    assert sign_in(client) == 302
    assert is_signed_in(client)
    assert client.post("/accounts/logout/").status_code == 302
    assert not is_signed_in(client)


def test_signing_out_is_a_post(ana: User, client: Client) -> None:
    stranger = client.get("/accounts/logout/")
    assert stranger.status_code == 405
    assert "Nada foi alterado. Volte" in stranger.content.decode()
    sign_in(client)
    answer = client.get("/accounts/logout/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")
    page = answer.content.decode()
    assert "Você ainda não saiu" in page
    assert page.count('<form method="post" action="/accounts/logout') == 2  # menu and page
    assert '<a class="button" href="/">Voltar às tarefas</a>' in page
    assert is_signed_in(client)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("get", "/accounts/theme", "POST"), ("delete", "/accounts/sessions", "GET, HEAD, POST")],
)
def test_no_refused_method_leaves_the_browser_without_a_page(
    ana: User, client: Client, method: str, path: str, allowed: str
) -> None:
    sign_in(client)
    answer = getattr(client, method)(path)
    assert (answer.status_code, answer["Allow"]) == (405, allowed)
    assert "Não funciona desse jeito" in answer.content.decode()
    script = getattr(client, method)(path, headers={"Accept": "application/json"})
    assert script.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("username", "password"), [("ana", "errada"), ("ninguém", PASSWORD), ("", ""), ("ana\0", "x")]
)
def test_wrong_sign_ins_say_nothing_of_which_part_was_wrong(
    ana: User, client: Client, username: str, password: str
) -> None:
    answer = client.post(LOGIN, {"username": username, "password": password})
    assert answer.status_code == 200
    assert not is_signed_in(client)
    text = answer.content.decode()
    if username and "\0" not in username:
        assert "Usuário ou senha incorretos. Confira os dois e tente de novo" in text
    assert "não existe" not in text
    assert "does not exist" not in text


def test_an_inactive_person_is_told_the_same_as_a_wrong_one(ana: User, client: Client) -> None:
    def told(password: str) -> str:
        page = client.post(LOGIN, {"username": "ana", "password": password}).content.decode()
        return re.sub(r'value="[^"]+"|nonce="[^"]+"', "", page)

    wrong = told("errada")
    User.objects.update(is_active=False)
    assert told(PASSWORD) == wrong


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/accounts/password/", "/accounts/password/"),
        ("https://elsewhere.example/", HOME),
        ("//elsewhere.example/", HOME),
        ("javascript:alert(1)", HOME),
        ("\\\\elsewhere.example", HOME),
    ],
)
def test_next_leads_only_into_the_product(
    ana: User, client: Client, wanted: str, reached: str
) -> None:
    answer = client.post(LOGIN, {"username": "ana", "password": PASSWORD, "next": wanted})
    assert answer["Location"].rstrip("/") == reached.rstrip("/")


def test_pages_ask_who_one_is_and_lead_back(client: Client) -> None:
    answer = client.get(f"{HOME}?status=failed")
    assert answer.status_code == 302
    assert answer["Location"] == f"{LOGIN}?next={HOME}%3Fstatus%3Dfailed"


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(ana: User, client: Client) -> None:
    sign_in(client)
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_signing_in_changes_the_session_so_that_none_can_be_planted(
    ana: User, client: Client
) -> None:
    # One that the server knows: it was given to whoever plants it, and is nobody's yet.
    planted = SessionStore()
    planted["of"] = "the thief"
    planted.create()
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    assert sign_in(client) == 302
    assert is_signed_in(client)
    assert client.cookies["sessionid"].value != planted.session_key
    thief = Client()
    thief.cookies["sessionid"] = planted.session_key
    assert not is_signed_in(thief)


def test_a_new_password_ends_the_other_sessions(ana: User, client: Client) -> None:
    other = Client()
    sign_in(client)
    sign_in(other)
    new = "outra senha bem longa"
    answer = client.post(
        "/accounts/password/",
        {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )
    assert answer.status_code == 302
    assert is_signed_in(client)
    assert not is_signed_in(other)
    assert sign_in(Client(), password=new) == 302


def test_a_weak_or_mistyped_new_password_is_refused(ana: User, client: Client) -> None:
    sign_in(client)
    # What is wrong with a password is told at it, and only what differs at its repetition.
    for first, second, field in (
        ("123", "123", "new_password1"),
        ("uma senha boa", "outra senha boa", "new_password2"),
        ("ana", "ana", "new_password1"),
    ):
        values = {"old_password": PASSWORD, "new_password1": first, "new_password2": second}
        answer = client.post("/accounts/password/", values)
        assert answer.status_code == 200
        assert list(answer.context["form"].errors) == [field]
    assert sign_in(Client()) == 302


# -- Limits --------------------------------------------------------------------------------------


def test_an_address_is_limited_whatever_account_it_tries(
    ana: User, client: Client, settings: Any
) -> None:
    settings.LOGIN_RATE = "3/min"
    for number in range(3):
        assert sign_in(client, username=f"guess{number}", password="x") == 200
    answer = client.post(LOGIN, {"username": "ana", "password": PASSWORD})
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60
    assert "Espere" in answer.content.decode() or "Wait" in answer.content.decode()
    assert not is_signed_in(client)
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert sign_in(elsewhere) == 302


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        ("2001:db8:1:1::7", "2001:db8:1:1:ffff::9", "2001:db8:1:2::7"),
        ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
    ],
)
def test_the_addresses_of_one_connection_count_as_one(
    ana: User, settings: Any, one: str, same: str, other: str
) -> None:
    settings.LOGIN_RATE = "1/min"
    assert sign_in(Client(REMOTE_ADDR=one), password="x") == 200
    assert sign_in(Client(REMOTE_ADDR=same)) == 429
    assert sign_in(Client(REMOTE_ADDR=other)) == 302


@pytest.fixture
def lockout(settings: Any) -> None:
    """Elsewhere off: the lockout of one test would be felt by the next."""
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = 3
    settings.LOGIN_RATE = "1000/min"


@pytest.mark.usefixtures("lockout")
def test_an_account_is_limited_whatever_address_tries_it(ana: User) -> None:
    for number in range(3):
        guesser = Client(REMOTE_ADDR=f"192.0.2.{number}")
        status = sign_in(guesser, password="errada")
    assert status == 429
    assert sign_in(Client(REMOTE_ADDR="192.0.2.99")) == 429
    make_user("qa", username="bia", password=PASSWORD)
    assert sign_in(Client(REMOTE_ADDR="192.0.2.99"), username="bia") == 302


def let_pass(**time: int) -> None:
    from axes.models import AccessAttempt

    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(**time))


@pytest.mark.usefixtures("lockout")
def test_an_account_is_free_after_five_minutes_whatever_was_tried_meanwhile(ana: User) -> None:
    for _attempt in range(3):
        sign_in(Client(), password="errada")
    for address in ("127.0.0.1", "192.0.2.99"):
        let_pass(minutes=2)
        for password in ("errada", PASSWORD):
            assert sign_in(Client(REMOTE_ADDR=address), password=password) == 429
    let_pass(minutes=1)
    assert sign_in(Client()) == 302


@pytest.mark.usefixtures("lockout")
def test_a_command_ends_the_lockout(ana: User, capsys: pytest.CaptureFixture[str]) -> None:
    for _attempt in range(3):
        sign_in(Client(), password="errada")
    call_command("axes_reset_username", "ana")
    assert sign_in(Client()) == 302


@pytest.mark.usefixtures("lockout")
@pytest.mark.parametrize("query", ["next=%00", "a=" + "x" * 9000, "%FF=%FE", "&" * 999])
def test_an_attempt_from_a_strange_address_is_counted_too(ana: User, query: str) -> None:
    values = {"username": "ana", "password": "errada"}
    statuses = [Client().post(f"{LOGIN}?{query}", values).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.usefixtures("lockout")
def test_a_sign_in_forgives_the_attempts_before_it(ana: User) -> None:
    for _round in range(2):
        for _attempt in range(2):
            assert sign_in(Client(), password="errada") == 200
        assert sign_in(Client()) == 302


# -- Looks ---------------------------------------------------------------------------------------


def test_the_theme_is_kept_and_the_way_back_is_ours(client: Client) -> None:
    answer = client.post("/accounts/theme/", {"theme": "dark", "next": "//elsewhere.example"})
    assert answer["Location"] == HOME
    assert 'data-theme="dark"' in client.get(LOGIN).content.decode()
    client.post("/accounts/theme/", {"theme": '"><script>', "next": "/"})
    assert 'data-theme="dark"' in client.get(LOGIN).content.decode()


def test_the_language_is_portuguese_until_another_is_chosen(client: Client) -> None:
    assert 'lang="pt-br"' in client.get(LOGIN).content.decode()
    client.post("/i18n/setlang/", {"language": "en", "next": LOGIN})
    assert 'lang="en"' in client.get(LOGIN).content.decode()


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_people_sign_in_and_attempts_per_address_are_counted(
    ana: User, client: Client, settings: Any
) -> None:
    settings.LOGIN_RATE = "3/min"
    assert sign_in(client) == 302
    assert is_signed_in(client)
    assert [sign_in(Client(), password="errada") for _attempt in range(3)] == [200, 200, 429]


@pytest.mark.usefixtures("lockout", "redis_away")
def test_while_redis_is_away_an_account_is_limited_as_ever(ana: User) -> None:
    statuses = [sign_in(Client(), password="errada") for _attempt in range(3)]
    assert statuses == [200, 200, 429]
    assert sign_in(Client(REMOTE_ADDR="192.0.2.99")) == 429


# -- The page that changes the password ----------------------------------------------------------

NEW = "outra senha bem longa"


def change_password(client: Client, old: str = PASSWORD) -> int:
    values = {"old_password": old, "new_password1": NEW, "new_password2": NEW}
    return client.post("/accounts/password/", values).status_code


def test_the_present_password_is_guessed_a_few_times_an_hour(ana: User, client: Client) -> None:
    sign_in(client)
    attempts = [change_password(client, old="errada") for _attempt in range(21)]
    assert attempts == [*[200] * 20, 429]
    assert change_password(client) == 429
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)
    refused = client.post("/accounts/password/", {"old_password": PASSWORD})
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert "Tentativas demais. Espere alguns minutos e tente de novo." in refused.content.decode()
    # It is no sign-in that failed.
    assert sign_in(Client()) == 302


def test_failures_at_the_sign_in_keep_nobody_from_a_new_password(
    ana: User, client: Client, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = 3
    settings.LOGIN_RATE = "4/min"
    sign_in(client)
    for _attempt in range(3):
        sign_in(Client(), password="errada")
    assert sign_in(Client()) == 429
    assert change_password(client) == 302
