"""How API callers prove who they are: a session with CSRF, or `Authorization: Token <key>`."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.callers import AgentPrincipal
from accounts.tokens import Grant, find_grant

SCHEME = "Token"


class TokenAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Grant] | None:
        scheme, _space, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        grant = find_grant(key.strip())
        if grant is None:
            raise AuthenticationFailed(_("The token is unknown, expired or revoked."))
        if request.method not in SAFE_METHODS and not grant.may_write:
            raise PermissionDenied(_("This token may only read."))
        return grant.user or AgentPrincipal(str(grant.agent_id)), grant

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class SessionAuthentication(authentication.SessionAuthentication):
    def authenticate_header(self, request: Request) -> str:
        # Without it DRF answers 403 to those who have not signed in.
        return SCHEME
