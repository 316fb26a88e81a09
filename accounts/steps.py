"""Between the password and the second factor: who is half signed in, kept in the session alone."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.guarded import SECOND_FACTOR_MARK
from nexo.shared import clock

PENDING: Final = "pending_sign_in"
ENROLLING: Final = "second_factor_key"
"""In a session that is about to enrol: who, and the secret that its page shows."""
GIVEN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody whose password was right."""

    user: User
    backend: str
    next_page: str


def begin(request: HttpRequest, user: User, next_page: str) -> None:
    """Keep who it is until they show the second factor."""
    session = request.session
    # As at a sign-in: whoever planted the session's key must not be half signed in with it.
    session.cycle_key()
    session.pop(ENROLLING, None)
    session[PENDING] = {
        "user": user.pk,
        "backend": user.backend,
        "hash": user.get_session_auth_hash(),
        "until": (clock.now() + GIVEN).timestamp(),
        "next": next_page,
    }


def pending(request: HttpRequest) -> Pending | None:
    """Who has shown their password in this session lately, and may still sign in with it."""
    kept: dict[str, Any] | None = request.session.get(PENDING)
    if kept is None or clock.now().timestamp() > kept["until"]:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or not constant_time_compare(kept["hash"], user.get_session_auth_hash()):
        return None
    return Pending(user, kept["backend"], kept["next"])


def complete(request: HttpRequest, who: Pending) -> None:
    """Sign in, with the mark that a second factor was shown."""
    if auth.SESSION_KEY in request.session:
        # Somebody signed in meanwhile, or one who lacks what they now have: Django would empty it
        # after the mark was set, or keep it under its old key.
        request.session.flush()
    forget(request)
    request.session[SECOND_FACTOR_MARK] = True
    auth.login(request, who.user, who.backend)


def forget(request: HttpRequest) -> None:
    for name in (PENDING, ENROLLING):
        request.session.pop(name, None)


def count_failure(request: HttpRequest, user: User) -> None:
    """A wrong code counts at the account as a wrong password does (django-axes hears this)."""
    user_login_failed.send(
        sender=__name__, credentials={"username": user.get_username()}, request=request
    )


def is_locked(request: HttpRequest, user: User) -> bool:
    """Whether the account has had too many failures, of passwords and codes together."""
    if not settings.AXES_ENABLED:
        return False
    # Reads its own settings when it is loaded, which must not be before Django's.
    from axes.handlers.proxy import AxesProxyHandler

    credentials = {"username": user.get_username()}
    return not AxesProxyHandler.is_allowed(request, credentials)
