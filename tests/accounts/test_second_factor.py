"""The second factor: enrolling, showing it, the limits on guessing, and taking it away."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import access, backends, second_factor, sessions, steps
from accounts.models import AuditEntry, RecoveryCode, SignIn
from accounts.roles import Role
from accounts.services import set_role
from tests.accounts.codes import code_of, device, enrolled, forget_attempts, wrong_code
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
LOGIN, CODE, ENROL = "/accounts/login", "/accounts/login/code", "/accounts/login/enrol"
OWN = "/accounts/second-factor"
API = "/api/marketplace/orchestration/task-execution"
HOME = "/marketplace/tasks/execution"
PASSWORD = "uma senha bem longa"


@pytest.fixture
def ana() -> User:
    return make_user(Role.ADMIN, username="ana", password=PASSWORD)


@pytest.fixture(params=["optional", "required"])
def any_way(request: Any, settings: Any) -> str:
    settings.SECOND_FACTOR = request.param
    return str(request.param)


@pytest.fixture
def required(settings: Any) -> None:
    settings.SECOND_FACTOR = "required"


@pytest.fixture
def optional(settings: Any) -> None:
    settings.SECOND_FACTOR = "optional"


def give_password(client: Client, **fields: str) -> Any:
    return client.post(LOGIN, {"username": "ana", "password": PASSWORD, **fields})


def is_signed_in(client: Client) -> bool:
    pages = client.get(HOME).status_code == 200
    assert pages == (client.get(API).status_code == 200)
    return pages


def shown_key(page: str) -> str:
    """The secret on the page, in hexadecimal as the device keeps it."""
    from base64 import b32decode

    found = re.search(r'id="secret">([A-Z2-7 ]+)<', page)
    assert found
    text = found[1].replace(" ", "")
    return b32decode(text + "=" * (-len(text) % 8)).hex()


def shown_codes(page: str) -> list[str]:
    return re.findall(r"<code>([a-z0-9-]{19})</code>", page)


def lines() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


# -- Signing in ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("any_way")
def test_the_password_alone_opens_nothing_and_the_code_signs_in(ana: User) -> None:
    enrolled(ana)
    client = Client()
    answer = give_password(client, next="/accounts/password/")
    assert (answer.status_code, answer["Location"]) == (302, CODE)
    assert not is_signed_in(client)
    assert not SignIn.objects.exists()
    page = client.get(CODE)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    # Whoever reads it may be no administrator, so none is "another".
    assert "Nenhum dos dois à mão? Um administrador pode" in page.content.decode()
    answer = client.post(CODE, {"code": code_of(device(ana).key)})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/")
    assert is_signed_in(client)
    assert SignIn.objects.get().with_second_factor


def test_who_has_one_is_asked_even_where_none_is_offered(ana: User, settings: Any) -> None:
    enrolled(ana)
    settings.SECOND_FACTOR = "off"
    client = Client()
    assert give_password(client)["Location"] == CODE
    assert not is_signed_in(client)


def test_nobody_is_asked_in_the_demo(ana: User) -> None:
    assert django_settings.SECOND_FACTOR == "off"
    client = Client()
    assert give_password(client)["Location"] == HOME
    assert is_signed_in(client)
    assert client.get(OWN).status_code == 404
    assert OWN not in client.get(HOME).content.decode()


def test_a_code_counts_once(ana: User) -> None:
    enrolled(ana)
    code = code_of(device(ana).key)
    for expected in (True, False):
        client = Client()
        give_password(client)
        client.post(CODE, {"code": code})
        assert is_signed_in(client) is expected


def test_a_recovery_code_counts_once_and_may_be_typed_as_one_likes(ana: User) -> None:
    codes = enrolled(ana)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    typed = (codes[0], codes[0], codes[1].replace("-", " ").upper(), codes[2].replace("-", ""))
    for code, expected in zip(typed, (True, False, True, True), strict=True):
        client = Client()
        give_password(client)
        client.post(CODE, {"code": f" {code} "})
        assert is_signed_in(client) is expected, code
    assert second_factor.recovery_codes_left(ana) == len(codes) - 3
    assert lines().count("recovery_code_used") == 3


def test_nobody_elses_code_signs_in(ana: User) -> None:
    enrolled(ana)
    other = make_user(Role.ADMIN, username="bia")
    codes = enrolled(other)
    for code in (codes[0], code_of(device(other).key)):
        client = Client()
        give_password(client)
        client.post(CODE, {"code": code})
        assert not is_signed_in(client)


NO_CODES = ["", " ", "12345", "1234567", "abc", "-1", "1e5", "١٢٣٤٥٦", "１２３４５６", "\x00" * 6]
NO_CODES += ["000000\x00", "' OR 1=1", "x" * 5000, "12345\u200b6", "None", "0" * 16, "+12345"]


@pytest.mark.parametrize("code", NO_CODES, ids=ascii)
def test_what_is_no_code_lets_nobody_in(ana: User, code: str) -> None:
    enrolled(ana)
    client = Client()
    give_password(client)
    answer = client.post(CODE, {"code": code})
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not is_signed_in(client)


def test_the_second_step_wants_the_first(ana: User) -> None:
    enrolled(ana)
    client = Client()
    for path in (CODE, ENROL):
        assert client.get(path)["Location"] == LOGIN
        assert client.post(path, {"code": code_of(device(ana).key)})["Location"] == LOGIN
    assert not is_signed_in(client)


ENDINGS: dict[str, Any] = {
    "too late": lambda ana, patch: patch.setattr(steps, "GIVEN", timedelta(seconds=-1)),
    "new password": lambda ana, patch: ana.set_password("outra senha longa") or ana.save(),
    "deactivated": lambda ana, patch: User.objects.update(is_active=False),
    "deleted": lambda ana, patch: ana.delete(),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_the_first_step_holds_only_for_a_while(ana: User, monkeypatch: Any, end: Any) -> None:
    enrolled(ana)
    code = code_of(device(ana).key)
    if end is ENDINGS["too late"]:
        end(ana, monkeypatch)
    client = Client()
    give_password(client)
    if end is not ENDINGS["too late"]:
        end(ana, monkeypatch)
    assert client.post(CODE, {"code": code})["Location"] == LOGIN
    assert not is_signed_in(client)


def test_both_steps_change_the_session_so_that_none_can_be_planted(ana: User) -> None:
    enrolled(ana)
    client = Client()
    client.get(LOGIN)
    give_password(client)
    first = client.cookies["sessionid"].value
    client.post(CODE, {"code": code_of(device(ana).key)})
    assert client.cookies["sessionid"].value != first
    thief = Client()
    thief.cookies["sessionid"] = first
    assert not is_signed_in(thief)


def test_who_signs_in_between_the_steps_ends_the_first_of_the_other(ana: User) -> None:
    enrolled(ana)
    make_user(Role.HEAD, username="bia", password=PASSWORD)
    client = Client()
    give_password(client)
    client.post(LOGIN, {"username": "bia", "password": PASSWORD})
    assert client.post(CODE, {"code": code_of(device(ana).key)})["Location"] == LOGIN
    assert 'value="bia"' in client.get("/accounts/password/").content.decode()
    assert set(SignIn.objects.values_list("user__username", "with_second_factor")) == {
        ("bia", False)
    }


# -- Limits --------------------------------------------------------------------------------------


def test_codes_count_with_passwords_per_address(ana: User, settings: Any) -> None:
    enrolled(ana)
    settings.LOGIN_RATE = "3/min"
    client = Client()
    give_password(client)
    for _attempt in range(2):
        assert client.post(CODE, {"code": "x"}).status_code == 200
    answer = client.post(CODE, {"code": code_of(device(ana).key)})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert not is_signed_in(client)


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_codes_are_taken(ana: User) -> None:
    enrolled(ana)
    client = Client()
    give_password(client)
    assert client.post(CODE, {"code": code_of(device(ana).key)}).status_code == 302
    assert is_signed_in(client)


@pytest.fixture
def lockout(settings: Any) -> None:
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = 3
    settings.LOGIN_RATE = "1000/min"


@pytest.mark.usefixtures("lockout")
def test_codes_count_with_passwords_per_account(ana: User) -> None:
    enrolled(ana)
    wrong = wrong_code(device(ana).key)
    client = Client(REMOTE_ADDR="192.0.2.1")
    give_password(client)
    # The right password in between forgives nothing.
    for number in range(2, 5):
        status = client.post(CODE, {"code": wrong}).status_code
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        give_password(client)
    assert status == 429
    assert give_password(Client(REMOTE_ADDR="192.0.2.9")).status_code == 429


@pytest.mark.usefixtures("lockout")
def test_an_account_that_is_locked_takes_no_code(ana: User) -> None:
    enrolled(ana)
    client = Client(REMOTE_ADDR="192.0.2.1")
    give_password(client)
    for _attempt in range(3):
        Client(REMOTE_ADDR="192.0.2.2").post(LOGIN, {"username": "ana", "password": "x"})
    assert client.post(CODE, {"code": code_of(device(ana).key)}).status_code == 429
    assert not is_signed_in(client)


@pytest.mark.usefixtures("lockout")
def test_what_was_sent_with_a_wrong_code_is_not_kept(ana: User) -> None:
    from axes.models import AccessAttempt

    enrolled(ana)
    client = Client()
    give_password(client)
    client.post(CODE, {"code": "987654"})
    attempt = AccessAttempt.objects.get()
    assert "987654" not in attempt.post_data


def test_a_right_code_right_after_a_wrong_one_has_to_wait(ana: User) -> None:
    enrolled(ana)
    key = device(ana).key
    assert not second_factor.verify(ana, wrong_code(key))
    assert not second_factor.verify(ana, code_of(key))
    forget_attempts(ana)
    assert second_factor.verify(ana, code_of(key))


# -- Enrolling -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("required")
def test_an_administrator_without_one_enrols_before_they_are_signed_in(ana: User) -> None:
    client = Client()
    assert give_password(client, next="/accounts/password/")["Location"] == CODE
    assert client.get(CODE)["Location"] == ENROL
    assert not is_signed_in(client)
    page = client.get(ENROL).content.decode()
    key = shown_key(page)
    assert f"secret={key_text(page)}" in page
    assert client.get(ENROL).content.decode().count(key_text(page)) > 0
    answer = client.post(ENROL, {"code": wrong_code(key)})
    assert not is_signed_in(client)
    assert shown_key(answer.content.decode()) == key
    answer = client.post(ENROL, {"code": code_of(key)})
    codes = shown_codes(answer.content.decode())
    assert len(codes) == second_factor.RECOVERY_CODES
    assert 'href="/accounts/password/"' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert is_signed_in(client)
    assert SignIn.objects.get().with_second_factor
    assert lines() == ["second_factor_enrolled"]


@pytest.mark.usefixtures("required")
def test_who_signs_in_in_the_same_browser_neither_enrols_the_other_nor_gets_their_secret(
    ana: User,
) -> None:
    make_user(username="bia", password=PASSWORD)
    client = Client()
    give_password(client)
    key = shown_key(client.get(ENROL).content.decode())
    client.post(LOGIN, {"username": "bia", "password": PASSWORD})
    assert client.get(ENROL)["Location"] == LOGIN
    assert client.post(ENROL, {"code": code_of(key)})["Location"] == LOGIN
    assert not TOTPDevice.objects.exists()
    assert shown_key(client.get(OWN).content.decode()) != key


def key_text(page: str) -> str:
    found = re.search(r'id="secret">([A-Z2-7 ]+)<', page)
    assert found
    return found[1].replace(" ", "")


@pytest.mark.usefixtures("required")
def test_only_those_who_manage_accounts_are_made_to(ana: User) -> None:
    make_user(Role.HEAD, username="bia", password=PASSWORD)
    client = Client()
    answer = client.post(LOGIN, {"username": "bia", "password": PASSWORD})
    assert answer["Location"] == HOME
    assert is_signed_in(client)


@pytest.mark.usefixtures("required")
def test_a_superuser_is_made_to() -> None:
    User.objects.create_superuser("ana", password=PASSWORD)
    assert give_password(Client())["Location"] == CODE


@pytest.mark.usefixtures("optional")
def test_ones_own_enrolling_wants_the_password_and_ends_the_other_sign_ins(ana: User) -> None:
    client, other = Client(), Client()
    give_password(other)
    give_password(client)
    page = client.get(OWN).content.decode()
    assert 'class="qr"' in page and "style=" not in page
    key = shown_key(page)
    refused = client.post(OWN, {"code": code_of(key), "password": "errada"})
    assert refused.status_code == 200
    assert not TOTPDevice.objects.exists()
    answer = client.post(OWN, {"code": code_of(key), "password": PASSWORD})
    assert len(shown_codes(answer.content.decode())) == second_factor.RECOVERY_CODES
    assert is_signed_in(client)
    assert not is_signed_in(other)
    assert SignIn.objects.get().with_second_factor
    assert client.get(OWN).status_code == 200


def test_the_secret_of_a_page_is_the_servers_not_the_senders(ana: User, settings: Any) -> None:
    settings.SECOND_FACTOR = "optional"
    client = Client()
    give_password(client)
    client.get(OWN)
    key = second_factor.new_key()
    client.post(OWN, {"code": code_of(key), "password": PASSWORD, "key": key, "secret": key})
    assert not TOTPDevice.objects.exists()


def test_a_second_device_does_not_push_out_the_first(ana: User) -> None:
    enrolled(ana)
    key = second_factor.new_key()
    assert second_factor.enrol(ana, key, code_of(key)) is None
    assert TOTPDevice.objects.count() == 1


def test_a_wrong_first_code_keeps_nothing(ana: User) -> None:
    key = second_factor.new_key()
    assert second_factor.enrol(ana, key, wrong_code(key)) is None
    assert not TOTPDevice.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_recovery_codes_are_kept_as_digests(ana: User) -> None:
    codes = enrolled(ana)
    kept = set(RecoveryCode.objects.values_list("code_hash", flat=True))
    assert len(kept) == len(codes)
    assert not any(code.replace("-", "") in text for code in codes for text in kept)


def test_the_qr_code_is_an_svg_that_the_policy_lets_through() -> None:
    svg = second_factor.qr_svg("otpauth://totp/x", title="<b>")
    assert svg.startswith("<svg")
    assert "style" not in svg and "script" not in svg and "<b>" not in svg


# -- A right that comes after the sign-in --------------------------------------------------------


@pytest.mark.usefixtures("required")
def test_who_becomes_administrator_must_sign_in_anew() -> None:
    ana = make_user(Role.HEAD, username="ana", password=PASSWORD)
    client = Client()
    give_password(client)
    assert is_signed_in(client)
    set_role(ana, Role.ADMIN)
    assert not is_signed_in(client)
    assert client.get("/admin/").status_code == 302
    key = client.cookies["sessionid"].value
    assert access.authorise(access.Credential(session_key=key)) is None
    assert give_password(client)["Location"] == CODE
    key = shown_key(client.get(ENROL).content.decode())
    client.post(ENROL, {"code": code_of(key)})
    assert is_signed_in(client)
    assert client.get("/admin/").status_code == 200


def test_sessions_from_before_the_setting_must_sign_in_anew(ana: User, settings: Any) -> None:
    client = Client()
    give_password(client)
    assert is_signed_in(client)
    settings.SECOND_FACTOR = "required"
    access.forget_callers()
    assert not is_signed_in(client)


# -- One's own page ------------------------------------------------------------------------------


@pytest.fixture
def signed_in(ana: User, settings: Any) -> Client:
    settings.SECOND_FACTOR = "optional"
    enrolled(ana)
    client = Client()
    give_password(client)
    client.post(CODE, {"code": code_of(device(ana).key, later=-1)})
    assert is_signed_in(client)
    return client


def test_new_recovery_codes_replace_the_old(ana: User, signed_in: Client) -> None:
    old = set(RecoveryCode.objects.values_list("code_hash", flat=True))
    assert signed_in.post(OWN, {"do": "codes", "code": "x"}).status_code == 200
    assert set(RecoveryCode.objects.values_list("code_hash", flat=True)) == old
    forget_attempts(ana)
    answer = signed_in.post(OWN, {"do": "codes", "code": code_of(device(ana).key)})
    assert len(shown_codes(answer.content.decode())) == second_factor.RECOVERY_CODES
    assert old.isdisjoint(RecoveryCode.objects.values_list("code_hash", flat=True))


def test_it_is_turned_off_with_a_code(ana: User, signed_in: Client) -> None:
    code = code_of(device(ana).key)
    assert signed_in.post(OWN, {"do": "remove", "code": code}).status_code == 302
    assert not TOTPDevice.objects.exists() and not RecoveryCode.objects.exists()
    assert is_signed_in(signed_in)
    assert lines()[-1] == "second_factor_removed"
    assert give_password(Client())["Location"] == HOME


def test_it_is_not_turned_off_where_it_is_required(
    ana: User, signed_in: Client, settings: Any
) -> None:
    settings.SECOND_FACTOR = "required"
    code = code_of(device(ana).key)
    assert signed_in.post(OWN, {"do": "remove", "code": code}).status_code == 403
    assert TOTPDevice.objects.exists()


@pytest.mark.parametrize("do", ["", "delete", "codes\x00", "CODES", "x" * 5000])
def test_a_form_that_asks_for_nothing_known_changes_nothing(
    ana: User, signed_in: Client, do: str
) -> None:
    code = code_of(device(ana).key)
    assert signed_in.post(OWN, {"do": do, "code": code}).status_code == 400
    assert TOTPDevice.objects.exists()
    assert second_factor.recovery_codes_left(ana) == second_factor.RECOVERY_CODES


@pytest.mark.parametrize("path", [CODE, ENROL, OWN])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_other_verbs_are_refused(signed_in: Client, path: str, method: str) -> None:
    assert signed_in.generic(method, path).status_code == 405


@pytest.mark.parametrize("path", [LOGIN, CODE, ENROL, OWN])
def test_a_form_of_another_site_is_refused(ana: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(path, {"code": "123456"}).status_code == 403


# -- Taking it away ------------------------------------------------------------------------------


def admin_reset(by: User, *people: User) -> None:
    client = Client()
    client.force_login(by, django_settings.AUTHENTICATION_BACKENDS[-1])
    chosen = [str(user.pk) for user in people]
    values = {"action": "reset_second_factor", "_selected_action": chosen, "post": "yes"}
    assert client.post("/admin/auth/user/", values).status_code == 302


def test_who_is_chosen_is_named_before_anything_is_taken_away(ana: User) -> None:
    enrolled(ana)
    bia = make_user(Role.ADMIN, username="bia")
    client = Client()
    client.force_login(bia, django_settings.AUTHENTICATION_BACKENDS[-1])
    chosen = [str(ana.pk), str(bia.pk)]
    values = {"action": "reset_second_factor", "_selected_action": chosen}
    page = client.post("/admin/auth/user/", values).content.decode()
    assert "<li>ana</li>" in page and "<li>bia</li>" not in page
    assert "O seu e os de superusuários ficam como estão." in page
    assert TOTPDevice.objects.count() == 1


def test_another_administrator_resets_it_and_all_sessions_end(ana: User, signed_in: Client) -> None:
    admin_reset(make_user(Role.ADMIN, username="bia"), ana)
    assert not TOTPDevice.objects.exists() and not RecoveryCode.objects.exists()
    assert not is_signed_in(signed_in)
    line = AuditEntry.objects.order_by("id").last()
    assert line is not None
    assert (line.action, line.actor, line.object_id) == ("second_factor_reset", "user:bia", "ana")


def test_nobody_resets_their_own_or_a_superusers(ana: User) -> None:
    root = User.objects.create_superuser("root")
    enrolled(ana)
    enrolled(root)
    admin_reset(ana, ana, root)
    assert TOTPDevice.objects.count() == 2
    admin_reset(root, ana, root)
    assert list(TOTPDevice.objects.values_list("user__username", flat=True)) == ["root"]


def test_the_command_resets_it(ana: User, capsys: Any) -> None:
    enrolled(ana)
    call_command("reset_second_factor", "ana")
    assert not TOTPDevice.objects.exists()
    line = AuditEntry.objects.order_by("id").last()
    assert line is not None
    assert (line.actor, line.origin) == ("system:reset_second_factor", "command")
    for name in ("ana", "ninguém"):
        with pytest.raises(CommandError):
            call_command("reset_second_factor", name)


def test_the_admin_shows_no_secret(ana: User) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404
    enrolled(ana)
    assert device(ana).key not in client.get("/admin/auth/user/").content.decode()


def test_failures_are_in_the_audit(ana: User) -> None:
    enrolled(ana)
    client = Client()
    give_password(client)
    client.post(CODE, {"code": wrong_code(device(ana).key)})
    line = AuditEntry.objects.order_by("id").last()
    assert line is not None
    assert (line.action, line.object_id) == ("second_factor_failed", "ana")
    assert line.origin == "127.0.0.1"


def test_the_hot_path_asks_nothing_more(ana: User, settings: Any) -> None:
    """A session that the process knows costs no query, whatever the setting."""
    settings.SECOND_FACTOR = "required"
    enrolled(ana)
    client = Client()
    give_password(client)
    client.post(CODE, {"code": code_of(device(ana).key)})
    key = client.cookies["sessionid"].value
    assert access.caller_of_session(key) is not None
    assert Session.objects.filter(pk=key).exists()
    backends.forget_people()
    sessions.forget_sessions()
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        access.caller_of_session(key)
    assert len(queries) == 0
