"""Errors to Sentry, where SENTRY_DSN says so: what broke and where, and nothing about anybody.

An error is sent with its type, its stack without the values in it, the request's method and path,
and the request id that the error page shows. No message, user, address, header, cookie, query,
body, local variable, log line or SQL leaves the house.
"""

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from nexo.shared.requests import current_request_id

KEPT: Final = frozenset(
    {
        *("event_id", "timestamp", "platform", "level", "logger", "release", "environment"),
        *("exception", "transaction", "sdk", "fingerprint"),
    }
)
KEPT_OF_A_FRAME: Final = frozenset(
    {"filename", "abs_path", "module", "function", "lineno", "context_line", "in_app"}
)


def start(dsn: str) -> None:
    """Begin to send.

    Raises
    ------
    ImproperlyConfigured: the library is not installed, or the DSN is none
    """
    try:
        import sentry_sdk
        from sentry_sdk.integrations.atexit import AtexitIntegration
        from sentry_sdk.integrations.django import DjangoIntegration
        from sentry_sdk.integrations.excepthook import ExcepthookIntegration
        from sentry_sdk.integrations.logging import LoggingIntegration
        from sentry_sdk.utils import BadDsn
    except ImportError as error:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but sentry-sdk is not installed: "
            "bin/install requirements-sentry.txt"
        ) from error
    try:
        sentry_sdk.init(
            dsn=dsn,
            before_send=scrubbed,
            before_breadcrumb=lambda crumb, hint: None,
            max_breadcrumbs=0,
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            auto_session_tracking=False,
            traces_sample_rate=None,
            server_name="",
            # Only what is named: others would wrap the database, Redis and httpx.
            auto_enabling_integrations=False,
            default_integrations=False,
            integrations=[
                DjangoIntegration(middleware_spans=False, signals_spans=False, cache_spans=False),
                # What a thread or the worker logs as an exception; lines of text are not sent.
                LoggingIntegration(level=None),
                # What ends a command, which then waits two seconds at most until it is sent; its
                # own callback would write of that to the terminal.
                ExcepthookIntegration(),
                AtexitIntegration(callback=lambda pending, timeout: None),
            ],
        )
    except BadDsn as error:
        raise ImproperlyConfigured(f"SENTRY_DSN cannot be used: {error}") from error


def scrubbed(event: Any, hint: Any) -> Any:
    """The event with what is named here and nothing else; None for one without an exception."""
    if not event.get("exception"):
        return None
    kept = {name: value for name, value in event.items() if name in KEPT}
    kept["exception"] = {"values": [_error(value) for value in event["exception"]["values"]]}
    request = event.get("request") or {}
    if request:
        path = str(request.get("url", "")).split("?")[0]
        kept["request"] = {"method": request.get("method", ""), "url": path}
    if request_id := current_request_id():
        kept["tags"] = {"request_id": request_id}
    return kept


def _error(value: dict[str, Any]) -> dict[str, Any]:
    """Without its message: it often quotes what somebody sent."""
    error: dict[str, Any] = {name: value[name] for name in ("type", "module") if name in value}
    error["mechanism"] = {
        name: value["mechanism"][name]
        for name in ("type", "handled")
        if name in (value.get("mechanism") or {})
    }
    frames = (value.get("stacktrace") or {}).get("frames", [])
    error["stacktrace"] = {
        "frames": [
            {name: part for name, part in frame.items() if name in KEPT_OF_A_FRAME}
            for frame in frames
        ]
    }
    return error
