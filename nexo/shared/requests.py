"""For every request: an id for its log lines and answers, its origin, UTF-8, no NUL, and an end."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from os import urandom

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch

from nexo.shared.origin import working_for

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def current_request_id() -> str:
    return _request_id.get()


class RequestIdMiddleware:
    """Take the proxy's X-Request-ID when it is harmless, else make one; send it back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        offered = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = offered if _ACCEPTABLE.fullmatch(offered) else urandom(16).hex()
        # Kept for who answers when this breaks off (refusals.py).
        request.META["HTTP_X_REQUEST_ID"] = request_id
        token = _request_id.set(request_id)
        try:
            # A proxy's header, where one is trusted, may say anything at any length.
            with working_for(request.META.get("REMOTE_ADDR")):
                response = self.get_response(request)
        finally:
            _request_id.reset(token)
        response["X-Request-ID"] = request_id
        return response


class NoNulMiddleware:
    """No page has a NUL in its path, and PostgreSQL refuses to look for a row with one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path:
            raise Http404
        return self.get_response(request)


# Under a wildcard there may be more, which are looked at each time.
MOST_HOSTS = 64
_allowed_hosts: set[str] = set()


class Utf8Request(WSGIRequest):
    """UTF-8 throughout, whatever charset the Content-Type names.

    Django reads the query with that charset before any middleware runs, and Python knows codecs
    that are no charsets: "charset=hex" would be an error that nobody catches.
    """

    def get_host(self) -> str:
        # Asked for by several: who may be served, whether a form comes from this site.
        host: str = self._get_raw_host()  # type: ignore[attr-defined]  # undocumented
        if host not in _allowed_hosts:
            super().get_host()
            if len(_allowed_hosts) < MOST_HOSTS:
                _allowed_hosts.add(host)
        return host

    @property
    def encoding(self) -> None:
        return None

    @encoding.setter
    def encoding(self, charset: str | None) -> None:
        pass


class NexoHandler(WSGIHandler):
    request_class = Utf8Request

    def __init__(self) -> None:
        super().__init__()
        self._matches: dict[str, ResolverMatch] = {}

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """A path without a task or a page number in it leads to the same view each time."""
        match = self._matches.get(request.path_info)
        if match is None:
            match = super().resolve_request(request)
            if not match.args and not match.kwargs:
                self._matches[request.path_info] = match
        request.resolver_match = match
        return match

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        response = super().get_response(request)
        _untie(response)
        return response


def _untie(response: HttpResponseBase) -> None:
    """Let a call's objects end with the call.

    DRF's view holds itself, by a method for each verb, and with it request, answer and body: fifty
    objects. They would wait for the garbage collector, which then stood everything still for 15 ms.
    """
    context = getattr(response, "renderer_context", None)
    if context:
        vars(context["view"]).clear()
        context["request"].parser_context.clear()
        context.clear()


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id()
        return True
