"""/csp-report: what browsers tell of pages that broke the content security policy.

Anybody may send anything here: it is bounded, counted and logged, and nothing is kept. Both forms
are taken, that of `report-uri` (application/csp-report) and that of the Reporting API
(application/reports+json).
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from nexo.shared.parsers import parse_json
from nexo.shared.throttling import RateThrottle, place_of

logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 32 * 1024
MAX_REPORTS: Final = 20
MAX_TEXT: Final = 200
PER_ADDRESS: Final = "60/min"
FROM_ALL: Final = "600/min"
OLD_FORM: Final = "application/csp-report"
NEW_FORM: Final = "application/reports+json"
VIOLATION: Final = "csp-violation"

REPORTS = Counter(
    "nexo_csp_reports", "Violations of the content security policy, as told.", ["directive"]
)
REFUSED = Counter("nexo_csp_reports_refused", "Reports that could not be taken.", ["reason"])
# A label is kept for ever; whoever sends reports may make up directives.
DIRECTIVES: Final = frozenset(
    {
        *("default-src", "script-src", "script-src-elem", "script-src-attr", "style-src"),
        *("style-src-elem", "style-src-attr", "img-src", "font-src", "connect-src", "media-src"),
        *("object-src", "frame-src", "child-src", "worker-src", "manifest-src", "base-uri"),
        *("form-action", "frame-ancestors"),
    }
)


class AddressRate(RateThrottle):
    """Reports per address: a page that breaks the policy over and over says it often enough."""

    rate = PER_ADDRESS
    scope = "csp"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"csp:{place_of(request)}"


class WholeRate(AddressRate):
    """Of all addresses together: who has many must not fill the log either."""

    rate = FROM_ALL

    def get_cache_key(self, request: Any, view: Any) -> str:
        return "csp:all"


@dataclass(frozen=True, slots=True)
class Violation:
    """What is worth a line: no query of an address, for it may hold what somebody typed."""

    directive: str
    blocked: str
    page: str
    source: str
    line: int
    disposition: str


class NotAReport(ValueError):
    """The body is no report in either form."""


@csrf_exempt  # browsers send these by themselves, without a page's token; nothing is changed
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    if not _is_allowed(request):
        return _refuse("throttled", HTTPStatus.TOO_MANY_REQUESTS)
    if request.content_type not in {OLD_FORM, NEW_FORM}:
        return _refuse("content_type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        return _refuse("too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        violations = list(read_reports(body, is_list=request.content_type == NEW_FORM))
    except (ValueError, RecursionError):
        return _refuse("malformed", HTTPStatus.BAD_REQUEST)
    for violation in violations:
        _note(violation)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _is_allowed(request: HttpRequest) -> bool:
    return all(rate().allow_request(request, None) for rate in (AddressRate, WholeRate))


def _refuse(reason: str, status: HTTPStatus) -> HttpResponse:
    REFUSED.labels(reason).inc()
    response = HttpResponse(status=status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        response["Retry-After"] = "60"
    return response


def _note(violation: Violation) -> None:
    directive = violation.directive if violation.directive in DIRECTIVES else "other"
    REPORTS.labels(directive).inc()
    fields = {name: getattr(violation, name) for name in Violation.__slots__}
    logger.warning("content security policy violated", extra={"fields": {"csp": fields}})


# -- Reading -------------------------------------------------------------------------------------


def read_reports(body: bytes, *, is_list: bool) -> Iterator[Violation]:
    """The violations that a body tells of; reports of other kinds are passed over.

    Raises
    ------
    NotAReport: it is no report in the form that was said, or there are over `MAX_REPORTS`
    ValueError: it is no strict JSON
    """
    value = parse_json(body)
    if not is_list:
        yield _old(_mapping(_mapping(value).get("csp-report")))
        return
    if not isinstance(value, list) or len(value) > MAX_REPORTS:
        raise NotAReport
    # All are looked at before the first is told: a body counts as a whole or not at all.
    reports = [_mapping(report) for report in value]
    for report in reports:
        if report.get("type") == VIOLATION:
            yield _new(_mapping(report.get("body")))


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NotAReport
    return value


def _old(report: Mapping[str, Any]) -> Violation:
    directive = report.get("effective-directive") or report.get("violated-directive")
    return Violation(
        directive=_word(directive),
        blocked=_address(report.get("blocked-uri")),
        page=_address(report.get("document-uri")),
        source=_address(report.get("source-file")),
        line=_number(report.get("line-number")),
        disposition=_word(report.get("disposition")),
    )


def _new(report: Mapping[str, Any]) -> Violation:
    return Violation(
        directive=_word(report.get("effectiveDirective")),
        blocked=_address(report.get("blockedURL")),
        page=_address(report.get("documentURL")),
        source=_address(report.get("sourceFile")),
        line=_number(report.get("lineNumber")),
        disposition=_word(report.get("disposition")),
    )


def _word(value: Any) -> str:
    """The first word: an old browser gives the whole directive with its sources."""
    words = value.split(maxsplit=1) if isinstance(value, str) else []
    return words[0][:MAX_TEXT] if words else ""


def _address(value: Any) -> str:
    """Scheme, host and path; a word such as `inline` as it is."""
    if not isinstance(value, str):
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return "(unreadable)"
    if parts.scheme in {"http", "https", "ws", "wss"}:
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}"[:MAX_TEXT]
    # Of data: and blob: the scheme says enough, and the rest may be anything.
    return (parts.scheme or parts.path)[:MAX_TEXT]


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
