"""One error shape for everything under /api/, and pages in the product's look elsewhere."""

import logging
import math
import sqlite3
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.text import get_text_list
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from rest_framework import exceptions
from rest_framework.fields import Field
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from nexo.shared import clock
from nexo.shared.context import frame
from nexo.shared.exceptions import CsrfFailed, NeedsRole, PayloadTooLarge, Unavailable
from nexo.shared.instants import to_rfc3339
from nexo.shared.renderers import JSONRenderer, dump_json
from nexo.shared.turns import TurnNotCome

logger = logging.getLogger(__name__)
API_PREFIX = "/api/"
BARE_PAGE = "errors/bare.html"  # it needs no other file
RETRY_AFTER_SECONDS = 5
# PostgreSQL's, of a transaction that it has rolled back: lock_timeout is over, or each of several
# waits for the other.
LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED = "55P03", "40P01"
PRIMARY_CODE = 0xFF  # SQLite's extended codes keep the primary one there
MAY_HAVE_CHANGED = _("The service is busy or away. Check whether it was done before you try again.")
NOT_ALLOWED = _("You do not have permission to do this. Ask an administrator.")
# DRF's own words differ from those that the product's own refusals use, or help nobody further.
INSTEAD_OF_DRF = {
    exceptions.PermissionDenied: NOT_ALLOWED,
    exceptions.NotAuthenticated: _("Sign in, or send the header Authorization: Token <key>."),
    exceptions.NotAcceptable: _("Nothing that the Accept header takes is offered here."),
}
WENT_WRONG = _(
    "Something went wrong on our side, so we do not know whether a change was made. Look before"
    " you try again, and quote the request id."
)


def is_api(request: HttpRequest) -> bool:
    return f"{request.path}/".startswith(API_PREFIX)


def wants_json(request: HttpRequest) -> bool:
    # The pages' own scripts send forms to pages, and want the sentence.
    return is_api(request) or request.headers.get("Accept") == "application/json"


def error_body(
    *, error: str, code: str, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "status": "error",
        "timestamp": to_rfc3339(clock.now()),
        "error": error,
        "code": code,
        "details": details,
    }


def _step(key: str | int, path: str) -> str:
    if key in (NON_FIELD_ERRORS, api_settings.NON_FIELD_ERRORS_KEY):
        return ""  # of the whole that `path` names
    if isinstance(key, int):
        return f"[{key}]"  # DRF keys the errors of a list by the item's number
    return f".{key}" if path else key


def _flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Field errors, however nested, keyed `channel`, `[3].channel` or `weights.approvalRate`."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for key, value in detail.items():
            found.update(_flatten(value, path + _step(key, path)))
        return found
    if isinstance(detail, list) and any(isinstance(item, Mapping | list) for item in detail):
        found = {}
        for index, value in enumerate(detail):
            if value:
                found.update(_flatten(value, f"{path}[{index}]"))
        return found
    messages = detail if isinstance(detail, list) else [detail]
    return {path or "body": [_sentence(message) for message in messages]}


def _sentence(message: Any) -> str:
    # DRF says this one in English whatever the language.
    return str(Field.default_error_messages["null"] if message == "No data provided" else message)


def _validation_body(detail: Any) -> dict[str, Any]:
    details = _flatten(detail)
    first_field, messages = next(iter(details.items()), ("body", [""]))
    sentence = _("%(field)s: %(message)s") % {"field": first_field, "message": messages[0]}
    return error_body(error=str(sentence), code="validation_error", details=details)


def _known(exception: Exception) -> exceptions.APIException | None:
    """The API's own error for an exception of Django or the database; None when unforeseen."""
    match exception:
        case exceptions.Throttled():
            return _throttled(exception)
        case exceptions.APIException():
            return exception
        case Http404():
            return exceptions.NotFound()
        case PermissionDenied():
            return exceptions.PermissionDenied(NOT_ALLOWED)
        case RequestDataTooBig():
            return PayloadTooLarge()
        case OperationalError() | InterfaceError():
            return unavailable(exception)
    return None


def _throttled(exception: exceptions.Throttled) -> exceptions.Throttled:
    """In words of our own: DRF's are misspelt in Portuguese."""
    seconds = max(1, math.ceil(getattr(exception, "wait", None) or 0))
    sentence = ngettext(
        "Too many requests. Try again in %(seconds)d second.",
        "Too many requests. Try again in %(seconds)d seconds.",
        seconds,
    )
    exception.detail = exceptions.ErrorDetail(sentence % {"seconds": seconds}, "throttled")
    return exception


def unavailable(exception: Exception) -> Unavailable:
    """What waited too long for a lock changed nothing; a connection may break as it commits."""
    cause = exception.__cause__
    is_locked = getattr(cause, "sqlstate", None) in (LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED)
    code = getattr(cause, "sqlite_errorcode", 0) & PRIMARY_CODE
    is_locked |= code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    if is_locked or isinstance(exception, TurnNotCome):
        return Unavailable()
    return Unavailable(MAY_HAVE_CHANGED)


def exception_handler(
    exception: Exception, context: Mapping[str, Any]
) -> Response | HttpResponse | None:
    known = _known(exception)
    if known is None:
        return None
    set_rollback()
    known = _of_wrong_verb(known, context) or known
    if isinstance(exception, DatabaseError | InterfaceError):
        logger.warning("database unavailable: %s", exception)
    response = error_response(known)
    if any(issubclass(renderer, JSONRenderer) for renderer in context["view"].renderer_classes):
        return response
    # The API's documents have renderers of their own, which would dress an error as a document.
    return HttpResponse(
        dump_json(response.data),
        status=response.status_code,
        headers={**response.headers, "Content-Type": JSONRenderer.media_type},
    )


def _of_wrong_verb(
    known: exceptions.APIException, context: Mapping[str, Any]
) -> exceptions.APIException | None:
    """A verb that a path does not know is that for everyone, whatever else they may not.

    DRF asks for permission first. Looked at here, it costs the calls that succeed nothing.
    """
    view, request = context["view"], context["request"]
    if known.status_code not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) or request is None:
        return None
    if request.method in view.allowed_methods:
        return None
    return exceptions.MethodNotAllowed(str(request.method))


def error_response(exception: exceptions.APIException) -> Response:
    headers: dict[str, str] = {}
    if header := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(exception, "wait", None):
        headers["Retry-After"] = str(max(1, round(wait)))
    if isinstance(exception, Unavailable):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(exception, exceptions.ValidationError):
        body = _validation_body(exception.detail)
    else:
        body = error_body(
            error=_told(exception),
            code=_code(exception),
            details=getattr(exception, "details", None),
        )
    return Response(body, status=exception.status_code, headers=headers)


def _told(exception: exceptions.APIException) -> str:
    ours = INSTEAD_OF_DRF.get(type(exception))
    is_stock = ours is not None and exception.detail == exception.default_detail
    return str(ours if is_stock else exception.detail)


def _code(exception: exceptions.APIException) -> str:
    match exception:
        case exceptions.AuthenticationFailed():
            return "not_authenticated"
        case exceptions.UnsupportedMediaType():
            return "unsupported_media_type"
    code = exception.get_codes()
    return code if isinstance(code, str) else str(exception.default_code)


# -- Answers outside DRF: Django's handlers ------------------------------------------------------


def _error_page(
    request: HttpRequest,
    status: HTTPStatus,
    sentence: Any,
    *,
    code: str,
    template: str = "",
    roles: Sequence[str] = (),
    may_sign_out: bool = False,
) -> HttpResponse:
    context = {"status_code": int(status), "code": code, "sentence": sentence, "roles": roles}
    context["may_sign_out"] = may_sign_out
    context["role_names"] = get_text_list(list(roles))
    template = template or f"errors/{int(status)}.html"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return render(request, template, context, status=status)
    # Without the request's context: who is signed in may be what cannot be read.
    context |= frame(request)
    try:
        page = render_to_string(template, context)
    except Exception:
        # What broke the page that was asked for may be in this one's frame too, such as a static
        # file that was never collected.
        logger.exception("the error page cannot be rendered")
        page = render_to_string(BARE_PAGE, context)
    return HttpResponse(page, status=status)


def _answer(
    request: HttpRequest, status: HTTPStatus, code: str, sentence: Any, **page: Any
) -> HttpResponse:
    if wants_json(request):
        body = dump_json(error_body(error=str(sentence), code=code))
        response = HttpResponse(body, status=status, content_type="application/json")
    else:
        response = _error_page(request, status, sentence, code=code, **page)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    sentence = _("The request could not be understood.")
    if isinstance(exception, RequestDataTooBig):
        return _answer(
            request,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "payload_too_large",
            PayloadTooLarge.default_detail,
        )
    return _answer(request, HTTPStatus.BAD_REQUEST, "parse_error", sentence)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    sentence = NOT_ALLOWED
    roles = exception.roles if isinstance(exception, NeedsRole) else ()
    return _answer(request, HTTPStatus.FORBIDDEN, "permission_denied", sentence, roles=roles)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    sentence = _(
        "The form was not sent from this site, or its page is too old. Reload and try again."
    )
    return _answer(
        request,
        HTTPStatus.FORBIDDEN,
        CsrfFailed.default_code,
        sentence,
        template="errors/csrf.html",
    )


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, HTTPStatus.NOT_FOUND, "not_found", exceptions.NotFound.default_detail)


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """Also for who types the address of a button, such as the one that signs out."""
    sentence = _("This address does not take requests of this kind.")
    match, user = request.resolver_match, getattr(request, "user", None)
    is_sign_out = match is not None and match.url_name == "logout"
    response = _answer(
        request,
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method_not_allowed",
        sentence,
        may_sign_out=is_sign_out and user is not None and user.is_authenticated,
    )
    response["Allow"] = allowed
    return response


def too_many_requests(request: HttpRequest, sentence: Any, *, retry_after: int) -> HttpResponse:
    response = _answer(request, HTTPStatus.TOO_MANY_REQUESTS, "throttled", sentence)
    response["Retry-After"] = str(retry_after)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "server_error", WENT_WRONG)


class DatabaseUnavailableMiddleware:
    """A database that is away or locked too long: 503 with Retry-After, on pages as in the API."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        logger.warning("database unavailable: %s", exception)
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return _answer(request, status, "unavailable", unavailable(exception).detail)
