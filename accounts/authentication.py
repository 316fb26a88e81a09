"""How API callers prove who they are: a session with CSRF, or `Authorization: Token <key>`."""

from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from rest_framework import authentication, permissions
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts import access
from accounts.callers import AgentPrincipal, SignedIn
from accounts.tokens import Grant, find_grant
from nexo.shared.exceptions import CsrfFailed

SCHEME = "Token"


class TokenAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Grant] | None:
        scheme, _space, key = request._request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        grant = find_grant(key.strip())
        if grant is None:
            raise AuthenticationFailed(_("The token is unknown, expired or revoked."))
        if request.method not in SAFE_METHODS and not grant.may_write:
            raise PermissionDenied(_("This token may only read."))
        return grant.user or AgentPrincipal(str(grant.caller.agent_id)), grant

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


# Keeps nothing of a request. DRF makes one for each, and has it read what the middleware has read.
_csrf = authentication.CSRFCheck(lambda request: HttpResponse())


class SessionAuthentication(authentication.SessionAuthentication):
    """The person is `request.auth.caller`; `request.user` is read only where somebody asks."""

    def authenticate(self, request: Request) -> tuple[Any, SignedIn] | None:
        key = request._request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        caller = access.caller_of_session(key) if key else None
        if caller is None:
            return None
        # Django's own request: DRF's finds each attribute by failing to have it first. No view,
        # for the check asks it only whether it is exempt, and none of the API is.
        if _csrf.process_view(request._request, None, (), {}):  # type: ignore[arg-type]  # no view
            raise CsrfFailed
        return SimpleLazyObject(partial(_person, caller.user_id)), SignedIn(caller)

    def authenticate_header(self, request: Request) -> str:
        # Without it DRF answers 403 to those who have not signed in.
        return SCHEME


def _person(user_id: int | None) -> User:
    return User.objects.get(pk=user_id)  # type: ignore[misc]  # who has a session has a number


class IsAuthenticated(permissions.IsAuthenticated):
    def has_permission(self, request: Request, view: Any) -> bool:
        # What authenticated the request says so; asking `request.user` would read the person.
        return request.auth is not None or super().has_permission(request, view)
