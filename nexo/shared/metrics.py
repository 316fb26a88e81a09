"""How many requests and how long each took, by view, method and status.

One histogram of prometheus_client rather than a package's whole set of counters: it costs a few
microseconds per request, and nothing at all while /metrics is off.
"""

from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from prometheus_client import Histogram

# A client may send any word as its method; each new label would be kept for ever.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUEST_SECONDS = Histogram(
    "nexo_http_request_seconds",
    "Time from a request's first middleware to its answer.",
    ["view", "method", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


class RequestMetricsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = self.get_response(request)
        REQUEST_SECONDS.labels(
            view_of(request),
            request.method if request.method in METHODS else "other",
            response.status_code,
        ).observe(perf_counter() - started)
        return response


def view_of(request: HttpRequest) -> str:
    """The name of the path that matched, such as `admin:login`; empty when none did."""
    match = request.resolver_match
    return match.view_name if match else ""
