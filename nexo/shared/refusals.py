"""Answers given before Django is asked, or after it broke: in its words, shape and headers.

Whoever sends what is refused may do so often, so nothing here asks the database, and a page is
rendered once.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.template import engines
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from nexo.shared.context import frame, theme_of
from nexo.shared.errors import BARE_PAGE, WENT_WRONG, error_body, wants_json
from nexo.shared.exceptions import PayloadTooLarge
from nexo.shared.renderers import dump_json
from nexo.shared.requests import Utf8Request, current_request_id

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    code: str
    sentence: Any
    template: str


_REFUSALS: Final = {
    408: Refusal(
        "request_timeout", _("The request's body did not arrive in time."), "errors/400.html"
    ),
    413: Refusal(PayloadTooLarge.default_code, PayloadTooLarge.default_detail, "errors/413.html"),
    500: Refusal("server_error", WENT_WRONG, "errors/500.html"),
}
# Of the site's middleware what needs neither the database nor a session.
_TAKEN: Final = frozenset(
    {
        "nexo.shared.requests.RequestIdMiddleware",
        "nexo.shared.access.AccessLogMiddleware",
        "nexo.shared.metrics.RequestMetricsMiddleware",
        "django.middleware.security.SecurityMiddleware",
        "nexo.shared.middleware.ContentSecurityPolicyMiddleware",
        "nexo.shared.middleware.LanguageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    }
)
# Without the tools of the frame: their forms belong to a session.
_PAGE: Final = "{% extends parent %}{% block tools %}{% endblock %}"
_REQUEST_ID_PLACE: Final = "the-id-of-this-request"
_pages: dict[tuple[int, str | None, str], bytes] = {}

_Answer = Callable[[HttpRequest], HttpResponseBase]


def refuse(environ: dict[str, Any], status: int) -> HttpResponse:
    """The answer to a request whose body is not read: the API's envelope or a page."""
    # The answer's language must not stay behind.
    with translation.override(translation.get_language()):
        response = _answering(status)(Utf8Request(environ))
    assert isinstance(response, HttpResponse)  # as `_answer` made it
    return response


@cache
def _answering(status: int) -> _Answer:
    answer: _Answer = partial(_answer, status)
    for name in reversed(settings.MIDDLEWARE):
        if name in _TAKEN:
            answer = _wrapped(import_string(name), answer)
    return answer


def _wrapped(middleware: Callable[[_Answer], Any], answer: _Answer) -> _Answer:
    try:
        wrapped = middleware(answer)
    except MiddlewareNotUsed:
        return answer
    if isinstance(wrapped, SecurityMiddleware):
        # To be sent to https first would need a host that may be served.
        wrapped.redirect = False
    return wrapped


def _answer(status: int, request: HttpRequest) -> HttpResponse:
    refusal = _REFUSALS[status]
    if wants_json(request):
        body = dump_json(error_body(error=str(refusal.sentence), code=refusal.code))
        response = HttpResponse(body, status=status, content_type="application/json")
    else:
        response = HttpResponse(_page(status, request), status=status)
    response["Content-Length"] = str(len(response.content))
    response["Connection"] = "close"
    return response


def _page(status: int, request: HttpRequest) -> bytes:
    key = (status, translation.get_language(), theme_of(request))
    if key not in _pages:
        _pages[key] = _rendered(status, request)
    return _pages[key].replace(_REQUEST_ID_PLACE.encode(), current_request_id().encode())


def _rendered(status: int, request: HttpRequest) -> bytes:
    refusal = _REFUSALS[status]
    context = {
        **frame(request),
        "request_id": _REQUEST_ID_PLACE,
        "status_code": status,
        "sentence": refusal.sentence,
        "parent": refusal.template,
    }
    try:
        return engines["django"].from_string(_PAGE).render(context).encode()
    except Exception:
        # As in errors.py: what broke may be the frame itself.
        logger.exception("the error page cannot be rendered")
        return render_to_string(BARE_PAGE, context).encode()
