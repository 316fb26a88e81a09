"""One's own sign-ins: each is noted, listed while it opens something, and ended for good."""

import re
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.test import Client

from accounts import access
from accounts.access import Credential
from accounts.models import AuditEntry, SignIn
from accounts.sign_ins import browser_text, live_sign_ins
from execution.texts import exact_text
from nexo.shared import clock
from nexo.shared.pruning import delete_in_batches
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PATH = "/accounts/sessions"
PASSWORD = "uma senha bem longa"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
API = "/api/marketplace/orchestration/task-execution"


@pytest.fixture
def ana() -> User:
    return make_user("head", username="ana", password=PASSWORD)


def sign_in(username: str = "ana", **meta: str) -> Client:
    client = Client(**meta)
    values = {"username": username, "password": PASSWORD}
    assert client.post("/accounts/login/", values).status_code == 302
    return client


def is_signed_in(client: Client) -> bool:
    pages = client.get("/marketplace/tasks/execution").status_code == 200
    assert pages == (client.get(API).status_code == 200)
    return pages


def key_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def number_of(client: Client) -> int:
    return SignIn.objects.get(session_id=key_of(client)).pk


def test_a_sign_in_is_noted_with_where_when_and_what(ana: User) -> None:
    before = clock.now()
    client = sign_in(REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=FIREFOX)
    row = SignIn.objects.get()
    assert (row.user, row.session_id) == (ana, key_of(client))
    assert (row.origin, row.browser) == ("192.0.2.7", FIREFOX)
    assert before <= row.at <= clock.now()
    assert not row.with_second_factor


def test_the_page_marks_the_present_one_and_offers_to_end_the_others(ana: User) -> None:
    sign_in(REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=FIREFOX)
    here = sign_in(HTTP_USER_AGENT="curl/8.5.0")
    page = here.get(PATH)
    assert "no-store" in page["Cache-Control"]
    text = page.content.decode()
    assert text.count('class="sign-in"') == 2
    assert text.index("curl") < text.index("192.0.2.7")
    assert re.search(r"Firefox (em|no|on) Linux", text)
    assert text.count('name="sign_in"') == 1
    assert text.count('data-tone="green"') == 1


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_times_are_written_as_on_every_other_page(ana: User, language: str) -> None:
    here = sign_in(HTTP_ACCEPT_LANGUAGE=language)
    at = SignIn.objects.get().at
    assert f">{exact_text(at)[:-3]}</time>" in here.get(PATH).content.decode()


def test_the_number_of_queries_does_not_grow(ana: User, django_assert_max_num_queries: Any) -> None:
    here = sign_in()
    here.get(PATH)
    for _number in range(5):
        sign_in()
    with django_assert_max_num_queries(8):
        assert here.get(PATH).status_code == 200


def test_a_call_of_the_api_asks_for_no_sign_in(ana: User, django_assert_num_queries: Any) -> None:
    key = key_of(sign_in())
    access.forget_callers()
    # The session, its person, and what they may do: as before there were sign-ins.
    with django_assert_num_queries(4):
        assert access.caller_of_session(key) is not None
    with django_assert_num_queries(0):
        access.caller_of_session(key)


def test_one_is_ended_and_only_that_one(ana: User) -> None:
    here, lost, other = sign_in(), sign_in(REMOTE_ADDR="192.0.2.7"), sign_in()
    assert is_signed_in(lost)
    answer = here.post(PATH, {"do": "end", "sign_in": number_of(lost)})
    assert (answer.status_code, answer["Location"]) == (302, PATH)
    assert [is_signed_in(client) for client in (here, lost, other)] == [True, False, True]
    line = AuditEntry.objects.get()
    assert (line.action, line.actor, line.object_id) == ("sign_in_ended", "user:ana", "ana")
    assert line.details is not None and line.details["old"]["address"] == "192.0.2.7"


def test_all_others_are_ended(ana: User) -> None:
    make_user("head", username="bia", password=PASSWORD)
    here, stranger = sign_in(), sign_in("bia")
    others = [sign_in() for _number in range(3)]
    assert here.post(PATH, {"do": "end_others"}).status_code == 302
    assert is_signed_in(here) and is_signed_in(stranger)
    assert not any(is_signed_in(client) for client in others)
    assert SignIn.objects.count() == Session.objects.count() == 2


def test_a_socket_of_an_ended_sign_in_is_no_longer_authorised(ana: User) -> None:
    """What the feed asks every five seconds (tests/execution/feed/test_roles.py closes by it)."""
    here, lost = sign_in(), sign_in()
    credential = Credential(session_key=key_of(lost))
    assert access.authorise(credential) is not None
    here.post(PATH, {"do": "end", "sign_in": number_of(lost)})
    assert access.authorise(credential) is None


def test_the_present_one_may_be_ended_too(ana: User) -> None:
    here = sign_in()
    here.post(PATH, {"do": "end", "sign_in": number_of(here)})
    assert not is_signed_in(here)


def test_nobody_ends_another_persons(ana: User) -> None:
    make_user("admin", username="bia", password=PASSWORD)
    hers, mine = sign_in(), sign_in("bia")
    mine.post(PATH, {"do": "end", "sign_in": number_of(hers)})
    assert is_signed_in(hers)
    assert str(number_of(hers)) not in re.findall(r'value="(\d+)"', mine.get(PATH).content.decode())


BAD = ["", "0", "-1", "1.5", "x", "None", "1 OR 1=1", "\x00", "٣", "9" * 18, "9" * 19, "9" * 5000]


@pytest.mark.parametrize("number", BAD, ids=ascii)
def test_a_number_of_no_sign_in_changes_nothing(ana: User, number: str) -> None:
    here = sign_in()
    answer = here.post(PATH, {"do": "end", "sign_in": number})
    assert answer.status_code in (302, 400)
    assert SignIn.objects.count() == 1


@pytest.mark.parametrize("do", ["", "END", "end_all", "\x00", "x" * 5000])
def test_an_unknown_deed_changes_nothing(ana: User, do: str) -> None:
    here = sign_in()
    sign_in()
    number = SignIn.objects.latest("id").pk
    assert here.post(PATH, {"do": do, "sign_in": number}).status_code == 400
    assert SignIn.objects.count() == 2


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_other_verbs_are_refused(ana: User, method: str) -> None:
    assert sign_in().generic(method, PATH).status_code == 405


def test_a_form_of_another_site_is_refused(ana: User) -> None:
    key = key_of(sign_in())
    client = Client(enforce_csrf_checks=True)
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert client.post(PATH, {"do": "end_others"}).status_code == 403


HOSTILE = {
    "<script>alert(1)</script>": "<script>",
    "a\x00b\nc\u202ed\x1b[2J": "",
    "x" * 9000: "",
    "": "",
    "é\ud7ff": "",
}


@pytest.mark.parametrize("user_agent", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_what_a_browser_calls_itself_harms_nobody(ana: User, user_agent: str) -> None:
    here = sign_in(HTTP_USER_AGENT=user_agent)
    row = SignIn.objects.get()
    assert row.browser.isprintable() and len(row.browser) <= 300
    page = here.get(PATH)
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()


def test_signing_out_and_expiry_end_the_row_with_the_session(ana: User) -> None:
    here = sign_in()
    here.post("/accounts/logout/")
    assert not SignIn.objects.exists()
    sign_in()
    Session.objects.update(expire_date=clock.now() - timedelta(seconds=1))
    assert live_sign_ins(ana, present=None) == []
    Session.objects.all().delete()
    assert not SignIn.objects.exists()


def test_pruning_counts_sessions_not_what_goes_with_them(ana: User) -> None:
    sign_in()
    assert delete_in_batches(Session.objects.all()) == 1
    assert not SignIn.objects.exists()


def test_a_new_password_keeps_ones_own_and_lists_the_others_no_more(ana: User) -> None:
    here = sign_in(REMOTE_ADDR="192.0.2.7")
    sign_in()
    new = "outra senha bem longa"
    values = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/accounts/password/", values).status_code == 302
    ana.refresh_from_db()
    rows = live_sign_ins(ana, present=key_of(here))
    assert [(row.is_present, row.origin) for row in rows] == [(True, "192.0.2.7")]


def test_signing_in_again_in_the_same_browser_is_one_sign_in(ana: User) -> None:
    here = sign_in()
    first = key_of(here)
    here.post("/accounts/logout/")
    assert here.post("/accounts/login/", {"username": "ana", "password": PASSWORD})
    assert key_of(here) != first
    assert SignIn.objects.count() == 1


def test_a_session_has_one_sign_in(ana: User) -> None:
    key = key_of(sign_in())
    with pytest.raises(IntegrityError), transaction.atomic():
        SignIn.objects.create(user=ana, session_id=key, at=clock.now())


def test_sessions_from_before_get_a_sign_in(ana: User) -> None:
    here = sign_in()
    SignIn.objects.all().delete()
    Session.objects.create(session_key="a" * 32, session_data="x", expire_date=clock.now())
    Session.objects.create(
        session_key="b" * 32, session_data="broken", expire_date=clock.now() + timedelta(days=1)
    )
    migration = import_module("accounts.migrations.0005_sign_ins_of_open_sessions")
    migration.backfill(apps, None)
    row = SignIn.objects.get()
    assert (row.user, row.session_id) == (ana, key_of(here))
    assert abs(row.at - clock.now()) < timedelta(minutes=1)


@pytest.mark.parametrize(("user_agent", "text"), [("curl/8.5.0", "curl"), ("/", ""), ("", "")])
def test_an_unknown_browser_has_a_name_all_the_same(user_agent: str, text: str) -> None:
    assert browser_text(user_agent).startswith(text)
    assert browser_text(user_agent)
