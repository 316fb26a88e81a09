"""Who calls: forged, revoked, expired, planted, in the wrong place, or sent by another site."""

import hashlib
import secrets as chance
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import signing
from django.test import Client

from accounts import access, tokens
from accounts.roles import Role
from accounts.sessions import SessionStore, forget_sessions
from nexo.shared import clock
from tests.abuse.ground import (
    FORMS,
    PAGES,
    PASSWORD,
    READS,
    WRITES,
    Ground,
    fresh,
    name_of,
)
from tests.abuse.ordeal import Ordeal, text_of
from tests.abuse.tally import Extent
from tests.abuse.test_queries import _json
from tests.factories import make_user
from tests.test_role_matrix import TASKS, Row

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
LOGIN: Final = "/accounts/login/"
NOBODY: Final = (401, 403)
# Open to everybody, and what they write is for whoever sends it alone.
OPEN: Final = {LOGIN, "/accounts/theme/", "/i18n/setlang/", "/csp-report", "/accounts/logout/"}
# That somebody signed in is noted with them.
SIGNED_IN: Final = frozenset({"auth_user"})
OPEN |= {"/metrics", "/accounts/login/code/", "/accounts/login/enrol/"}


@dataclass(frozen=True, slots=True)
class Impostor:
    name: str
    client: Client
    query: str = ""


def call(client: Client, row: Row, ground: Ground, query: str = "", **headers: str) -> Any:
    path = ground.path_of(row)
    path += ("&" if "?" in path else "?") + query if query else ""
    client = fresh(client)
    if row.method == "GET":
        return client.get(path, headers=headers)
    if path.startswith("/api/"):
        return client.generic(
            row.method, path, _json(ground.body_of(row)), "application/json", headers=headers
        )
    return client.post(path, ground.body_of(row), headers=headers)


# -- Keys that open nothing ----------------------------------------------------------------------


def dead_tokens() -> Iterator[tuple[str, str]]:
    """Keys that once were good, and such as look as if they were."""
    yield "expired", _token(expires_at=clock.now() - timedelta(seconds=1))
    revoked, key = tokens.issue_token(name="x", by="user:test", user=make_user(Role.ADMIN))
    tokens.revoke_token(revoked, by="user:test")
    yield "revoked", key
    gone = make_user(Role.ADMIN, is_active=False)
    yield "of somebody deactivated", _token(user=gone)
    deleted = make_user(Role.ADMIN)
    key = _token(user=deleted)
    deleted.delete()
    yield "of somebody deleted", key
    yield (
        "expired of an agent",
        tokens.issue_token(
            name="x", by="user:test", agent_id="alex", expires_at=clock.now() - timedelta(days=1)
        )[1],
    )


def _token(user: User | None = None, **fields: Any) -> str:
    user = user or make_user(Role.ADMIN)
    return tokens.issue_token(name="x", by="user:test", user=user, **fields)[1]


def forged_keys(real: str) -> list[str]:
    digest = hashlib.sha256(real.encode()).hexdigest()
    found = [
        real[:-1],
        real + "A",
        real.swapcase(),
        real[5:],
        digest,
        f"{real},{real}",
        f'"{real}"',
    ]
    found += ["nexo_", "nexo_" + chance.token_urlsafe(32), "", "null", "*", "%", "_" * 48, "é" * 40]
    found += ["x" * 100_000, "' OR '1'='1", "\x00", f"{real}\x00", "\u202e" + real, real[:12]]
    return found


def schemes(real: str) -> list[str]:
    """A good key under another scheme, or in a header that says more than one thing."""
    found = [
        f"Bearer {real}",
        f"Basic {real}",
        f"Digest {real}",
        real,
        f"Token{real}",
        f"JWT {real}",
    ]
    found += [f"Token\t{real}", f"Token={real}", f"Token token={real}", f"Tokens {real}", "Token"]
    found += [f"Token {real} {real}", f"Token {real}, Token {real}", f"Token x, Token {real}"]
    return found


def elsewhere(ground: Ground) -> Iterator[Impostor]:
    """A good key where logs, histories and other sites would see or send it."""
    key, session = ground.keys["admin"], ground.sessions["admin"]
    for name in (
        "token",
        "access_token",
        "api_key",
        "key",
        "auth",
        "authorization",
        "Authorization",
    ):
        yield Impostor(f"?{name}=", Client(), f"{name}={key}")
    for name in ("sessionid", "session", "sid", "PHPSESSID", "jsessionid"):
        yield Impostor(f"?{name}=", Client(), f"{name}={session}")
    for header in ("X-Api-Key", "X-Auth-Token", "Proxy-Authorization", "X-Authorization", "Token"):
        yield Impostor(header, Client(headers={header: f"Token {key}"}))
    for header in ("X-Forwarded-User", "Remote-User", "X-Remote-User", "X-User", "REMOTE_USER"):
        yield Impostor(header, Client(headers={header: "admin-abuse"}))
    for name in ("token", "Authorization", "Sessionid", "SESSIONID", "__Host-sessionid"):
        client = Client()
        client.cookies[name] = key if name != "sessionid" else session
        yield Impostor(f"cookie {name}", client)


def impostors(ground: Ground) -> list[Impostor]:
    real = ground.keys["admin"]
    found = [Impostor(name, _with(f"Token {key}")) for name, key in dead_tokens()]
    found += [Impostor(f"forged {key[:20]!a}", _with(f"Token {key}")) for key in forged_keys(real)]
    found += [Impostor(f"as {text[:20]!a}", _with(text)) for text in schemes(real)]
    found += [Impostor(f"session {n}", _in_session(key)) for n, key in dead_sessions(ground)]
    return [*found, *elsewhere(ground)]


def _with(authorization: str) -> Client:
    return Client(headers={"authorization": authorization})


def _in_session(key: str) -> Client:
    client = Client()
    # As the bytes of a header arrive.
    client.cookies[settings.SESSION_COOKIE_NAME] = key.encode().decode("latin-1")
    return client


def dead_sessions(ground: Ground) -> Iterator[tuple[str, str]]:
    real = ground.sessions["admin"]
    yield from ((f"forged {key[:20]!a}", key) for key in forged_keys(real))
    yield "signed out", _session(lambda client, user: client.post("/accounts/logout/"))
    yield "expired", _session(lambda client, user: _expire(client))
    yield "of somebody deactivated", _session(lambda c, user: _save(user, is_active=False))
    yield "before a new password", _session(lambda c, user: _new_password(user))
    yield "of somebody deleted", _session(lambda client, user: user.delete())
    yield "altered", _session(lambda client, user: _alter(client))
    yield "signed by another", _session(lambda client, user: _sign_anew(client, user))


def _session(then: Callable[[Client, User], Any]) -> str:
    """A session that was good until something happened."""
    user = make_user(Role.ADMIN)
    client = Client()
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    key = str(client.cookies[settings.SESSION_COOKIE_NAME].value)
    then(client, user)
    forget_sessions()
    access.forget_callers()
    return key


def _row(client: Client) -> Any:
    return Session.objects.filter(pk=client.cookies[settings.SESSION_COOKIE_NAME].value)


def _expire(client: Client) -> None:
    _row(client).update(expire_date=clock.now() - timedelta(seconds=1))


def _alter(client: Client) -> None:
    kept = _row(client).get().session_data
    _row(client).update(session_data=("A" if kept[0] != "A" else "B") + kept[1:])


def _sign_anew(client: Client, user: User) -> None:
    data = SessionStore().decode(_row(client).get().session_data)
    forged = signing.dumps(data, key="another", salt="django.contrib.sessions.SessionStore")
    _row(client).update(session_data=forged)


def _save(user: User, **fields: Any) -> None:
    User.objects.filter(pk=user.pk).update(**fields)


def _new_password(user: User) -> None:
    user.set_password("outra senha 2!")
    user.save()


@pytest.mark.parametrize("row", [*WRITES, *READS], ids=name_of)
def test_the_api_knows_nobody(ground: Ground, extent: Extent, row: Row) -> None:
    who = impostors(ground)
    with Ordeal("callers: forged, ended, in the wrong place", ground.secrets) as ordeal:
        for impostor in extent.of(who):
            ordeal.attempt(
                impostor.name,
                lambda impostor=impostor: call(impostor.client, row, ground, impostor.query),
                allowed=NOBODY,
            )


@pytest.mark.parametrize("row", [*FORMS, *PAGES], ids=name_of)
def test_pages_know_nobody(ground: Ground, extent: Extent, row: Row) -> None:
    if row.path in OPEN:
        return
    who = impostors(ground)
    with Ordeal("callers: forged, ended, in the wrong place", ground.secrets) as ordeal:
        for impostor in extent.of(who):
            # A good key in an address comes back in `next`, where the address already is.
            ordeal.secrets = () if impostor.query else ground.secrets
            answer = ordeal.attempt(
                impostor.name,
                lambda impostor=impostor: call(impostor.client, row, ground, impostor.query),
                allowed=(302,),
            )
            is_login = answer is not None and "/login/" in answer.get("Location", "")
            if row.path != "/" and not is_login:
                ordeal.faults.append(f"{impostor.name}: was not asked to sign in")


# -- Sessions ------------------------------------------------------------------------------------

PLANTED: Final = [
    "a" * 32,
    "0" * 32,
    "x",
    "A" * 32,
    "é" * 32,
    "../" * 10,
    "\x00",
    "a" * 31,
    "a" * 33,
]


def test_a_planted_session_is_not_kept(ground: Ground, extent: Extent, settings: Any) -> None:
    """Signing in gives a new key, and what was planted before it opens nothing."""
    settings.LOGIN_RATE = "100000/min"
    anonymous = Client()
    anonymous.get(LOGIN)
    planted = [*PLANTED, ground.sessions["user"], ground.sessions["admin"]]
    with Ordeal("sessions: planted", but=SIGNED_IN) as ordeal:
        for key in extent.of(planted):
            client = _in_session(key)
            client.cookies["csrftoken"] = "a" * 32
            client.cookies["evil"] = key.encode("ascii", "replace").decode()
            fields = {"username": "user-abuse", "password": PASSWORD}
            ordeal.attempt(
                f"{key!a}",
                lambda client=client, fields=fields: client.post(LOGIN, fields),
                allowed=(200, 302),
            )
            mine = client.cookies[settings.SESSION_COOKIE_NAME].value
            was_somebody = key in (ground.sessions["user"], ground.sessions["admin"])
            if mine == key and not was_somebody:
                ordeal.faults.append(f"{key!a}: the planted key is kept")
            if not was_somebody and _in_session(key).get(TASKS).status_code != 401:
                ordeal.faults.append(f"{key!a}: the planted key opens something")


# -- Other sites ---------------------------------------------------------------------------------

ORIGINS: Final = ["https://elsewhere.example", "null", "", "http://testserver.elsewhere.example"]
ORIGINS += ["http://elsewhere.example/testserver", "https://testserver", "http://testserver:8000"]
ORIGINS += ["http://xtestserver", "http://testserver.", "http://testserver@elsewhere.example"]
ORIGINS += ["HTTP://TESTSERVER.EXAMPLE", "file://", "chrome-extension://abc", "http://[::1", "\x00"]
ORIGINS += ["http://testserver, http://testserver", "http://tеstserver", "http://xn--tstserver-67g"]
ORIGINS += ["data:text/html,x", "http://127.0.0.1.nip.io", "http://testserver#", "ws://testserver"]
CSRF_TOKENS: Final = ["", "a" * 32, "a" * 64, "0" * 64, "null", "é" * 32, "x" * 10_000, "\x00" * 32]


def strict(ground: Ground, cookie: str | None = None) -> Client:
    client = ground.browser(enforce_csrf_checks=True)
    client.get("/marketplace/tasks/execution")
    if cookie is not None:
        client.cookies["csrftoken"] = cookie
    return client


@pytest.mark.parametrize("row", [*WRITES, *FORMS], ids=name_of)
def test_another_site_does_nothing(ground: Ground, extent: Extent, row: Row) -> None:
    if row.path == "/csp-report":
        return  # browsers report without a token, and nothing is done for anybody
    right = str(strict(ground).cookies["csrftoken"].value)
    browser = strict(ground)
    with Ordeal("CSRF: origins", ground.secrets) as ordeal:
        for origin in extent.of(ORIGINS):
            headers = {"Origin": origin, "X-CSRFToken": str(browser.cookies["csrftoken"].value)}
            ordeal.attempt(
                f"{origin!a}",
                lambda headers=headers: call(browser, row, ground, **headers),
                allowed=(403,),
            )
    with Ordeal("CSRF: tokens", ground.secrets) as ordeal:
        for token in extent.of(
            [*CSRF_TOKENS, right[:-1], right.swapcase(), ground.sessions["head"]]
        ):
            # In the header alone, and as one would who can also plant a cookie of the wrong form.
            for cookie in (None, "short", "\u00e9" * 32, "x" * 5000):
                client = strict(ground, cookie)
                ordeal.attempt(
                    f"{token[:40]!a} with cookie {cookie!a:.20}",
                    lambda client=client, token=token: call(
                        client, row, ground, **{"X-CSRFToken": token}
                    ),
                    allowed=(403,),
                )


def test_a_simple_form_of_another_site_is_no_call(ground: Ground, extent: Extent) -> None:
    """What a browser sends without asking: no JSON type, no header of its own."""
    kinds = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ]
    with Ordeal("CSRF: simple forms", ground.secrets) as ordeal:
        browser = strict(ground)
        for row in extent.of(WRITES):
            for kind in extent.of(kinds):
                client = fresh(browser)
                ordeal.attempt(
                    f"{name_of(row)} as {kind}",
                    lambda client=client, row=row, kind=kind: client.generic(
                        row.method, ground.path_of(row), _json(ground.body_of(row)), kind
                    ),
                    allowed=(403,),
                )


# -- Where one is sent ---------------------------------------------------------------------------

AWAY: Final = [
    "//elsewhere.example",
    "https://elsewhere.example",
    "javascript:alert(1)",
    "\\\\e.example",
]
AWAY += [
    "/\\elsewhere.example",
    "///elsewhere.example",
    "http:elsewhere.example",
    "\x00//e.example",
]
AWAY += [
    "https:/elsewhere.example",
    " //elsewhere.example",
    "\t//elsewhere.example",
    "data:text/html,x",
]
AWAY += [
    "http://testserver@elsewhere.example",
    "/%09/elsewhere.example",
    "//testserver:x@e.example",
]
AWAY += ["/\r\nSet-Cookie: a=b", "/ok\r\n\r\n<script>", "x" * 9000, "ſcript:x", "//e。example"]


def test_nobody_is_sent_elsewhere(ground: Ground, extent: Extent, settings: Any) -> None:
    settings.LOGIN_RATE = "100000/min"
    fields = {"username": "user-abuse", "password": PASSWORD}
    forms = [
        (LOGIN, fields),
        ("/accounts/theme/", {"theme": "dark"}),
        ("/i18n/setlang/", {"language": "en"}),
    ]
    with Ordeal("redirects: elsewhere", but=SIGNED_IN) as ordeal:
        for path, values in forms:
            for away in extent.of(AWAY):
                answer = ordeal.attempt(
                    f"{path} {away!a}",
                    lambda path=path, values=values, away=away: Client().post(
                        path, {**values, "next": away}
                    ),
                    allowed=(200, 302, 204),
                )
                _check_location(ordeal, away, answer)


def _check_location(ordeal: Ordeal, away: str, answer: Any) -> None:
    if answer is None:
        return
    location = answer.get("Location", "/")
    parts = urlsplit(location)
    is_ours = not (parts.scheme or parts.netloc or location.startswith(("//", "/\\")))
    if not is_ours or ("Set-Cookie" in location.replace("%", "") and "\n" in location):
        ordeal.faults.append(f"{away!a}: sent to {location!a}")
    if "elsewhere" in answer.get("Set-Cookie", ""):
        ordeal.faults.append(f"{away!a}: in a cookie")


def test_guessing_says_nothing(ground: Ground, extent: Extent, settings: Any) -> None:
    """An account that exists and one that does not answer alike, whatever is sent."""
    settings.LOGIN_RATE = "100000/min"
    names = [
        "admin-abuse",
        "nobody",
        "' OR 1=1 --",
        "admin-abuse\x00",
        "ADMIN-ABUSE",
        "ａdmin-abuse",
    ]
    names += ["admin-abuse ", "x" * 10_000, "*", "%", "\u202e", "admin-abuse\r\nX: 1", "{{7*7}}"]
    passwords = ["", "x", "x" * 100_000, "\x00", "' OR '1'='1", PASSWORD + " ", PASSWORD.upper()]
    with Ordeal("sign-in: guesses", ground.secrets) as ordeal:
        for name in extent.of(names):
            for password in extent.of(passwords):
                client = Client()
                answer = ordeal.attempt(
                    f"{name[:20]!a} {password[:20]!a}",
                    lambda client=client, name=name, password=password: client.post(
                        LOGIN, {"username": name, "password": password}
                    ),
                    allowed=(200,),
                )
                if answer is not None and ">49<" in text_of(answer):
                    ordeal.faults.append(f"{name!a}: worked out")
                if "sessionid" in client.cookies:
                    ordeal.faults.append(f"{name!a}: has a session")
