"""An application of its own behind the thread adapter, served by daphne and uvicorn in tests.

Four threads, short patience, and views that tell what they saw; `/state` tells what became of them.
"""

import hashlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from nexo.shared.exports import csv_file
from nexo.shared.threads import ThreadedWSGI

THREADS = 4
PART_SECONDS = 2.0
_counts: Counter[str] = Counter()
_lock = threading.Lock()


def count(event: str) -> None:
    with _lock:
        _counts[event] += 1


def ready(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ready")


def state(request: HttpRequest) -> HttpResponse:
    """What happened so far: calls of views, bytes made, generators closed."""
    return JsonResponse(_counts)


def upload(request: HttpRequest) -> HttpResponse:
    count("uploads")
    return JsonResponse(
        {
            "announced": request.META.get("CONTENT_LENGTH"),
            "length": len(request.body),
            "digest": hashlib.sha256(request.body).hexdigest(),
        }
    )


def seen(request: HttpRequest) -> HttpResponse:
    """The environment as the view sees it."""
    names = [name for name in request.META if name.startswith(("HTTP_", "SERVER_", "CONTENT_"))]
    return JsonResponse({name: request.META[name] for name in names})


def slow(request: HttpRequest) -> HttpResponse:
    count("slow")
    time.sleep(float(request.GET["seconds"]))
    return HttpResponse("slow")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """`?chunk=` bytes at a time, `?chunks=` of them or without end, `?pause=` seconds apart."""
    chunk = b"x" * int(request.GET["chunk"])
    chunks = int(request.GET.get("chunks", sys.maxsize))
    pause = float(request.GET.get("pause", "0"))

    def made() -> Iterator[bytes]:
        try:
            for _ in range(chunks):
                count("chunks")
                yield chunk
                if pause:
                    time.sleep(pause)
        finally:
            count("closed")

    return StreamingHttpResponse(made())


def export(request: HttpRequest) -> HttpResponseBase:
    """A file for `?who=`, of one line or `?without_end`."""

    def lines() -> Iterator[str]:
        while True:
            count("chunks")
            yield "x" * 65536 if "without_end" in request.GET else "x"
            if "without_end" not in request.GET:
                return

    request.META["HTTP_ACCEPT"] = "application/json"
    return csv_file(request, lines(), name="x.csv", person=request.GET["who"])


def broken_stream(request: HttpRequest) -> StreamingHttpResponse:
    def made() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise RuntimeError("broken on purpose")

    return StreamingHttpResponse(made())


urlpatterns = [
    path("readyz", ready),
    path("state", state),
    path("upload", upload),
    path("api/upload", upload),
    path("seen", seen),
    path("slow", slow),
    path("stream", stream),
    path("export", export),
    path("broken-stream", broken_stream),
]
_django = get_wsgi_application()


def _wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    if environ["PATH_INFO"] == "/api/exit":
        # Passes Django's handler, which catches Exceptions only.
        raise SystemExit("on purpose")
    return _django(environ, start_response)


application = ThreadedWSGI(_wsgi, threads=THREADS, part_seconds=PART_SECONDS)
