"""Django's middleware, without what is the same for every answer or what only pages need.

A call of the API is short: what the stock middleware looks up anew each time took as long as the
call's own work.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from axes.middleware import AxesMiddleware
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers
from simple_history.middleware import HistoryRequestMiddleware

from nexo.shared.errors import is_api

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class LanguageMiddleware(LocaleMiddleware):
    """The language of the cookie or the browser; no path of this site names one."""

    def process_request(self, request: HttpRequest) -> None:
        asks = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) or request.META.get(
            "HTTP_ACCEPT_LANGUAGE"
        )
        language = (
            translation.get_language_from_request(request) if asks else settings.LANGUAGE_CODE
        )
        translation.activate(language)
        request.LANGUAGE_CODE = language

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", translation.get_language())
        return response


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """One policy for all answers, put together once; nothing here uses nonces or exceptions."""

    @cached_property
    def _policy(self) -> str:
        return build_policy()

    def process_request(self, request: HttpRequest) -> None:
        pass

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response.headers.setdefault(HEADER, self._policy)
        return response


class _PagesOnly:
    """Not for the API, whose calls find out themselves who calls (accounts/authentication.py)."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if is_api(request):
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]  # of the middleware mixed in


class PageSessionMiddleware(_PagesOnly, SessionMiddleware):
    """`request.session`."""


class PageAuthenticationMiddleware(_PagesOnly, AuthenticationMiddleware):
    """`request.user`."""


class PageMessagesMiddleware(_PagesOnly, MessageMiddleware):
    """Messages are shown on the next page."""


class PageLockoutMiddleware(_PagesOnly, AxesMiddleware):
    """The answer to too many sign-ins."""


def page_history_middleware(get_response: GetResponse) -> GetResponse:
    """The history's rows name who changed them in the admin; services name their caller."""
    with_history = HistoryRequestMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = (get_response if is_api(request) else with_history)(request)
        return response

    return middleware
