"""Who stands behind a socket, read from the database itself, for many sockets at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils.crypto import constant_time_compare

from accounts import tokens
from accounts.caching import BriefCache
from accounts.callers import Caller, caller_for_agent
from accounts.guarded import lacks_second_factor
from accounts.rights import all_permissions, permissions_of
from accounts.sessions import is_session_key
from nexo.shared import clock
from nexo.shared.pipelines import bare_statements
from nexo.shared.reading import TableReader, among

_SESSIONS: Final = TableReader[dict[str, Any]](Session, ("session_key", "session_data"))
# A row for each group, or one without.
_USERS: Final = TableReader[dict[str, Any]](
    User,
    ("id", "username", "password", "is_superuser"),
    join="LEFT JOIN auth_user_groups member ON member.user_id = auth_user.id",
    joined={"group_id": "member.group_id"},
)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a socket showed when it opened: a session's key or a token's digest."""

    session_key: str | None = None
    token_hash: str | None = None


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
    """The caller behind each credential now. Reads rows, no cache, by a few statements for all."""
    hashes = [c.token_hash for c in credentials if c.token_hash is not None]
    keys = [c.session_key for c in credentials if c.session_key and is_session_key(c.session_key)]
    by_token = _token_callers(hashes) if hashes else {}
    by_session = _session_callers(keys) if keys else {}
    return {
        credential: by_session.get(credential.session_key)
        if credential.session_key is not None
        else by_token.get(credential.token_hash or "")
        for credential in credentials
    }


def still_holds(before: Caller, now: Caller | None) -> bool:
    """Whether a caller is still who they were and has lost no permission."""
    if now is None or now.actor != before.actor:
        return False
    return now.is_superuser or (not before.is_superuser and now.permissions >= before.permissions)


def _token_callers(hashes: Collection[str]) -> dict[str, Caller]:
    holders = tokens.holders_of(hashes)
    with bare_statements():
        people = _people(sorted({h.user_id for h in holders.values() if h.user_id is not None}))
    found = {}
    for key_hash, holder in holders.items():
        if holder.agent_id is not None:
            found[key_hash] = caller_for_agent(holder.agent_id)
        elif person := people.get(str(holder.user_id)):
            found[key_hash] = person.caller
    return found


def _session_callers(session_keys: Collection[str]) -> dict[str, Caller]:
    keys = list(session_keys)
    with bare_statements():
        now = connection.ops.adapt_datetimefield_value(clock.now())
        rows = _SESSIONS.read(
            f"WHERE session_key IN ({among(keys)}) AND expire_date > %s", [*keys, now]
        )
        sessions = {row["session_key"]: _opened(row["session_data"]) for row in rows}
        ids = sorted({int(data[SESSION_KEY]) for data in sessions.values() if SESSION_KEY in data})
        people = _people(ids)
    found = {}
    for key, data in sessions.items():
        person = people.get(data.get(SESSION_KEY, ""))
        if person is None or not _belongs(data, person.password):
            continue
        caller = person.caller
        if not lacks_second_factor(data, caller.permissions, is_superuser=caller.is_superuser):
            found[key] = caller
    return found


@dataclass(frozen=True, slots=True)
class _Person:
    caller: Caller
    password: str


def _people(ids: Sequence[int]) -> dict[str, _Person]:
    """Those of them who are active, by the id as a session names it."""
    if not ids:
        return {}
    rows = _USERS.read(f"WHERE auth_user.id IN ({among(ids)}) AND is_active", ids)
    groups: dict[int, set[int]] = {row["id"]: set() for row in rows if not row["is_superuser"]}
    for row in rows:
        if row["id"] in groups and row["group_id"] is not None:
            groups[row["id"]].add(row["group_id"])
    permissions = permissions_of(groups)
    if superusers := {row["id"] for row in rows if row["is_superuser"]}:
        permissions |= dict.fromkeys(superusers, all_permissions())
    return {
        str(row["id"]): _Person(
            Caller(
                actor=f"user:{row['username']}",
                user_id=row["id"],
                permissions=permissions[row["id"]],
                is_superuser=bool(row["is_superuser"]),
            ),
            row["password"],
        )
        for row in rows
    }


# What follows depends on its argument alone, and would be asked of every open page again and again.


@lru_cache(maxsize=10_000)
def _opened(session_data: str) -> Mapping[str, Any]:
    """What is in a session; nothing where its signature is not ours."""
    return MappingProxyType(SessionStore().decode(session_data))


@lru_cache(maxsize=10_000)
def _session_hash(password: str) -> str:
    return User(password=password).get_session_auth_hash()


def _belongs(session: Mapping[str, Any], password: str) -> bool:
    """As django.contrib.auth.get_user checks: a known backend, and the present password."""
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return False
    return constant_time_compare(session.get(HASH_SESSION_KEY, ""), _session_hash(password))
