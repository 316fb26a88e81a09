"""Issue, recognise and revoke API tokens."""

import hashlib
import logging
import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction

from accounts import audit
from accounts.caching import BriefCache
from accounts.callers import Caller, caller_for_agent, caller_for_user
from accounts.models import ApiToken, Scope
from nexo.shared import clock
from nexo.shared.instants import to_rfc3339

logger = logging.getLogger(__name__)

KEY_BYTES = 32
PREFIX = "nexo_"
PERSON_LIFETIME = timedelta(days=90)
AGENT_LIFETIME = timedelta(days=365)
LAST_USED_PRECISION = timedelta(minutes=1)
NOTED_WITHIN_MS = 100
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token gives: a person or an agent, and whether it may write."""

    token_id: int
    user: User | None
    caller: Caller
    scope: str
    expires_at: datetime

    @property
    def throttle_key(self) -> str:
        return f"token:{self.token_id}"

    @property
    def may_write(self) -> bool:
        return self.scope == Scope.WRITE


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token stands for: a person or an agent."""

    user_id: int | None
    agent_id: str | None


_grants: BriefCache[str, Grant | None] = BriefCache()


def digest(key: str) -> str:
    """Plain SHA-256: the key has 256 random bits, so there is nothing to guess."""
    return hashlib.sha256(key.encode()).hexdigest()


def issue_token(
    *,
    name: str,
    by: str,
    user: User | None = None,
    agent_id: str | None = None,
    scope: Scope = Scope.WRITE,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token and return it with its key, which is kept nowhere and cannot be had again."""
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    lifetime = AGENT_LIFETIME if agent_id else PERSON_LIFETIME
    with transaction.atomic():
        token = ApiToken.objects.create(
            name=name,
            prefix=key[: len(PREFIX) + 5],
            key_hash=digest(key),
            user=user,
            agent_id=agent_id,
            scope=scope,
            created_by=by,
            expires_at=expires_at or clock.now() + lifetime,
        )
        _note("issued", token, by=by, details={"old": None, "new": _facts(token)})
    return token, key


def revoke_token(token: ApiToken, *, by: str) -> None:
    """End it now; `by` as the event log names who does. Nothing happens when it has ended."""
    with transaction.atomic():
        valid = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
        if valid.update(revoked_at=clock.now()):
            _note("revoked", token, by=by, details={"old": _facts(token), "new": None})
    _grants.clear()


def _note(action: str, token: ApiToken, *, by: str, details: dict[str, Any]) -> None:
    """In the audit, which tells a token by how it begins, as the list of tokens does."""
    audit.record(action, actor=by, object_kind="token", object_id=token.prefix, details=details)


def _facts(token: ApiToken) -> dict[str, Any]:
    owner = f"user:{token.user.get_username()}" if token.user else f"agent:{token.agent_id}"
    return {
        "name": token.name,
        "owner": owner,
        "scope": str(token.scope),
        "expires_at": to_rfc3339(token.expires_at),
    }


def find_grant(key: str) -> Grant | None:
    """What the key gives now, at most five seconds late; None when it gives nothing."""
    if not _KEY.fullmatch(key):
        return None
    hashed = digest(key)
    grant = _grants.get(hashed, lambda: read_grant(hashed))
    return grant if grant and grant.expires_at > clock.now() else None


def read_grant(key_hash: str) -> Grant | None:
    """What the token gives, straight from the database."""
    now = clock.now()
    token = (
        ApiToken.objects.select_related("user")
        .filter(key_hash=key_hash, revoked_at=None, expires_at__gt=now)
        .first()
    )
    if token is None or (token.user is not None and not token.user.is_active):
        return None
    _note_use([(token.pk, token.last_used_at)], now)
    caller = caller_for_user(token.user) if token.user else caller_for_agent(str(token.agent_id))
    return Grant(token.pk, token.user, caller, token.scope, token.expires_at)


def holders_of(key_hashes: Collection[str]) -> dict[str, Holder]:
    """Whose the valid ones among many tokens are, by digest, straight from the database."""
    now = clock.now()
    valid = ApiToken.objects.filter(
        key_hash__in=key_hashes, revoked_at=None, expires_at__gt=now
    ).values_list("key_hash", "user_id", "agent_id", "pk", "last_used_at")
    rows = list(valid)
    _note_use([(pk, last_used_at) for *_holder, pk, last_used_at in rows], now)
    return {key_hash: Holder(user_id, agent_id) for key_hash, user_id, agent_id, *_ in rows}


def _note_use(tokens: Iterable[tuple[int, datetime | None]], now: datetime) -> None:
    """Of tokens by their ids, each with when it was used last."""
    long_ago = [pk for pk, at in tokens if at is None or now - at >= LAST_USED_PRECISION]
    if not long_ago:
        return
    try:
        with _hardly_waiting():
            ApiToken.objects.filter(pk__in=long_ago).update(last_used_at=now)
    except OperationalError as error:
        # When tokens were last used is worth no failed request.
        logger.warning("could not note the use of %d tokens: %s", len(long_ago), error)


@contextmanager
def _hardly_waiting() -> Iterator[None]:
    """A writer that holds SQLite for long must not hold up who only reads."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {NOTED_WITHIN_MS}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {1000 * settings.LOCK_TIMEOUT_SECONDS}")


def forget_grants() -> None:
    _grants.clear()
