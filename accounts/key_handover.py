"""A new token's key on its way from the form that issues it to the page that shows it, once.

Between the two nothing may hold the key: a session is a row of the database, which its backups
keep, and a browser writes its cookies to a file. So each has one half, of which neither tells
anything without the other; the page takes both away.
"""

import secrets
from datetime import timedelta
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.sessions import SessionStore

COOKIE = "nexo_issued"
LIFETIME = timedelta(minutes=5)


def hand_over(request: HttpRequest, response: HttpResponse, key: str, *, page: str) -> None:
    """Keep the key's halves for `page`, the address that `response` leads to."""
    pad = secrets.token_bytes(len(key.encode()))
    request.session[_name(page)] = _joined(key.encode(), pad).hex()
    response.set_cookie(
        COOKIE,
        pad.hex(),
        max_age=LIFETIME,
        path=page,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def take(request: HttpRequest) -> str | None:
    """The key that this page is to show; None where it has been shown, or to somebody else."""
    name = _name(request.path)
    # The half was put there a moment ago, maybe by another process than this one.
    kept = cast("SessionStore", request.session).load_anew().get(name)
    pad = request.COOKIES.get(COOKIE)
    if kept is None or pad is None:
        return None
    # Also of a session read before: what is saved then holds the half no more.
    request.session.pop(name, None)
    request.session.modified = True
    try:
        return _joined(bytes.fromhex(kept), bytes.fromhex(pad)).decode()
    except ValueError:  # a cookie of somebody's own making
        return None


def forget(request: HttpRequest, response: HttpResponse) -> None:
    """Take the browser's half away."""
    response.delete_cookie(COOKIE, path=request.path, samesite="Strict")


def _name(page: str) -> str:
    return f"issued:{page}"


def _joined(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
