"""Who stands behind a socket, read from the database itself, for many sockets at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from accounts import tokens
from accounts.caching import BriefCache
from accounts.callers import Caller, caller_for_user
from accounts.guarded import lacks_second_factor
from accounts.sessions import is_session_key
from nexo.shared import clock


@dataclass(frozen=True, slots=True)
class Credential:
    """What a socket showed when it opened: a session's key or a token's digest."""

    session_key: str | None = None
    token_hash: str | None = None


def session_credential(cookies: Mapping[str, str]) -> Credential | None:
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    return Credential(session_key=key) if key else None


def token_credential(key: str) -> Credential:
    return Credential(token_hash=tokens.digest(key))


_callers: BriefCache[str, Caller | None] = BriefCache()


def caller_of_session(key: str) -> Caller | None:
    """The person behind a session, at most five seconds late; None when it gives no access."""
    return _callers.get(key, lambda: authorise(Credential(session_key=key)))


def forget_caller(session_key: str) -> None:
    _callers.drop(session_key)


def forget_callers() -> None:
    _callers.clear()


def authorise(credential: Credential) -> Caller | None:
    """The caller behind a credential now; None when it gives no access."""
    return current_callers([credential])[credential]


def current_callers(credentials: Collection[Credential]) -> dict[Credential, Caller | None]:
    """The caller behind each credential now. Reads rows, no cache; batches what can be."""
    found: dict[Credential, Caller | None] = dict.fromkeys(credentials)
    for credential in found:
        if credential.token_hash is not None:
            found[credential] = _token_caller(credential.token_hash)
    session_keys = [c.session_key for c in found if c.session_key and is_session_key(c.session_key)]
    callers = _session_callers(session_keys) if session_keys else {}
    for credential in found:
        if credential.session_key is not None:
            found[credential] = callers.get(credential.session_key)
    return found


def still_holds(before: Caller, now: Caller | None) -> bool:
    """Whether a caller is still who they were and has lost no permission."""
    if now is None or now.actor != before.actor:
        return False
    return now.is_superuser or (not before.is_superuser and now.permissions >= before.permissions)


def _token_caller(token_hash: str) -> Caller | None:
    grant = tokens.read_grant(token_hash)
    return grant.caller if grant else None


def _session_callers(session_keys: Collection[str]) -> dict[str, Caller]:
    rows = Session.objects.filter(session_key__in=session_keys, expire_date__gt=clock.now())
    decode = SessionStore().decode
    sessions: dict[str, dict[str, Any]] = {
        row.session_key: decode(row.session_data) for row in rows
    }
    ids = {data[SESSION_KEY] for data in sessions.values() if SESSION_KEY in data}
    people = {str(user.pk): user for user in User.objects.filter(pk__in=ids, is_active=True)}
    callers: dict[int, Caller] = {}
    found = {}
    for key, data in sessions.items():
        user = people.get(data.get(SESSION_KEY, ""))
        if user is not None and _belongs(data, user):
            if user.pk not in callers:
                callers[user.pk] = caller_for_user(user)
            caller = callers[user.pk]
            if not lacks_second_factor(data, caller.permissions, is_superuser=caller.is_superuser):
                found[key] = caller
    return found


def _belongs(session: Mapping[str, Any], user: User) -> bool:
    """As django.contrib.auth.get_user checks: a known backend, and the present password."""
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return False
    kept = session.get(HASH_SESSION_KEY, "")
    return constant_time_compare(kept, user.get_session_auth_hash())
