"""One log line for every request that Django answers, with its request id."""

import logging
from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponse

logger = logging.getLogger("nexo.access")


class AccessLogMiddleware:
    """The servers' own access logs know no request id, and write paths as they came."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = self.get_response(request)
        level = logging.WARNING if response.status_code >= 500 else logging.INFO
        if logger.isEnabledFor(level):
            milliseconds = round((perf_counter() - started) * 1000, 1)
            logger.log(
                level,
                "%s %s",
                request.method,
                request.path,
                extra={"fields": {"status": response.status_code, "milliseconds": milliseconds}},
            )
        return response
