"""Django's middleware, without what is the same for every answer or what only pages need.

A call of the API is short: what the stock middleware looks up anew each time took as long as the
call's own work.
"""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from axes.middleware import AxesMiddleware
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject
from simple_history.middleware import HistoryRequestMiddleware

from nexo.shared.errors import is_api, method_not_allowed

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
    """One policy for all answers, put together once; nothing here uses nonces or exceptions.

    With it goes what Django has no setting for: where reports go, what scripts may ask the browser
    for, that no other site may show what is here, and that nobody keeps it.
    """

    @cached_property
    def _headers(self) -> dict[str, tuple[str, str]]:
        headers = {
            HEADER: build_policy(),
            "Reporting-Endpoints": settings.REPORTING_ENDPOINTS,
            "Permissions-Policy": settings.PERMISSIONS_POLICY,
            "Cross-Origin-Resource-Policy": "same-origin",
            # All is for whoever asks, now: nothing is for a cache on the way, nor for "back" after
            # somebody has signed out.
            "Cache-Control": "no-store",
            # Django's own, which its middleware then finds in their place.
            "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
            "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
            "X-Content-Type-Options": "nosniff",
        }
        # As Django's mapping keeps them, so that every answer takes all of them in one step.
        return {name.lower(): (name, value) for name, value in headers.items()}

    def process_request(self, request: HttpRequest) -> None:
        pass

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response.headers._store.update(self._headers)  # undocumented
        return response


class PageMiddleware(SessionMiddleware, AuthenticationMiddleware, MessageMiddleware):
    """`request.session`, `request.user`, messages, the history's author, and the lockout's answer.

    One for all of them: they are not for the API, whose calls find out themselves who calls
    (accounts/authentication.py).
    """

    # Who asks; `accounts`, which knows more of sessions than Django does, puts its own here.
    person_of: Callable[[HttpRequest], Any] = staticmethod(get_user)

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        # The history's rows name who changed them in the admin; services name their caller.
        self._answer_page = HistoryRequestMiddleware(AxesMiddleware(get_response))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api(request):
            return self.get_response(request)  # type: ignore[return-value]  # nothing here is async
        SessionMiddleware.process_request(self, request)
        AuthenticationMiddleware.process_request(self, request)
        request.user = SimpleLazyObject(partial(self.person_of, request))  # type: ignore[assignment]  # as Django does
        MessageMiddleware.process_request(self, request)
        response = self._answer_page(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            # Django's has no body, for which browsers show a page of their own.
            response = method_not_allowed(request, response["Allow"])
        response = MessageMiddleware.process_response(self, request, response)
        return SessionMiddleware.process_response(self, request, response)
