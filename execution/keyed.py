"""Views whose writes honour Idempotency-Key."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.callers import caller_of
from execution.idempotency import KeyedRequest, run_once
from nexo.shared.parsers import StrictJSONParser, checked_json
from nexo.shared.views import ApiView

Handler = Callable[..., Response]


# No docstring: the OpenAPI document would describe every call by it.
class KeyedWrites(ApiView):
    raw_body: bytes  # of a write: an idempotency key is bound to exactly these

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Before DRF reads the stream.
        if request.method not in SAFE_METHODS:
            self.raw_body = request._request.body
        super().initial(request, *args, **kwargs)

    def sent(self, request: Request) -> Any:
        """`request.data`; where JSON is called by its plain name, without DRF's long way to it."""
        meta = request.META
        is_plain = meta.get("CONTENT_TYPE") == StrictJSONParser.media_type
        if self.raw_body and is_plain and "HTTP_CONTENT_ENCODING" not in meta:
            return checked_json(self.raw_body)
        return request.data


def idempotency_key(request: Request) -> str | None:
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    return key


def keyed(handler: Handler) -> Handler:
    """Honour Idempotency-Key on a write."""

    @wraps(handler)
    def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = idempotency_key(request)
        if key is None:
            return handler(view, request, *args, **kwargs)
        keyed_request = KeyedRequest(
            caller=caller_of(request).actor,
            path=request.path.rstrip("/"),
            key=key,
            method=str(request.method),
            # A DELETE says there what is meant.
            query=request.META.get("QUERY_STRING", ""),
            body=view.raw_body,
        )
        return run_once(keyed_request, lambda: handler(view, request, *args, **kwargs))

    return wrapper
