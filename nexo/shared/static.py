"""Static files: hashed by collectstatic in the image, served as they are in a checkout."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from servestatic import ServeStaticASGI

AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]
A_YEAR_SECONDS = 365 * 24 * 3600


class HashedStaticFilesStorage(ManifestStaticFilesStorage):
    # ES modules import one another by relative path; those imports need the hashed names too.
    support_js_module_import_aggregation = True


def with_static_files(application: AsgiApplication) -> AsgiApplication:
    """Serve /static/ before the application is asked, on the event loop."""
    files = _static_files(application)

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        # Looking for a file takes a thread in a checkout; a path elsewhere needs no looking.
        is_file = scope["path"].startswith(settings.STATIC_URL)
        await (files if is_file else application)(scope, receive, send)

    return serve


def _add_headers(headers: Headers, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


# No other site needs these files; by default all may read them.
_OWN_SITE_ONLY: Final[Any] = {"allow_all_origins": False, "add_headers_function": _add_headers}


def _static_files(application: AsgiApplication) -> AsgiApplication:
    if settings.HASHED_STATIC:
        return ServeStaticASGI(
            application,
            root=settings.STATIC_ROOT,
            prefix=settings.STATIC_URL,
            immutable_file_test=lambda path, url: True,
            max_age=A_YEAR_SECONDS,
            **_OWN_SITE_ONLY,
        )
    # Looked up at each request, so that an edited file is served as it now is.
    served = ServeStaticASGI(application, autorefresh=True, max_age=0, **_OWN_SITE_ONLY)
    for finder in finders.get_finders():
        for storage in finder.storages.values():  # type: ignore[attr-defined]  # both have them
            prefix = f"{settings.STATIC_URL}{getattr(storage, 'prefix', None) or ''}"
            served.add_files(storage.location, prefix=prefix)
    return served
