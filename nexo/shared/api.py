"""What every call under /api/ shares: the envelope, strict query parameters, one limit rule."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from nexo.shared import clock
from nexo.shared.exceptions import validation_error
from nexo.shared.instants import to_rfc3339

FORMAT_PARAMETER = "format"
# What Django reads where it cannot read; but a title may hold one, and be looked for by it.
REPLACEMENT: Final = "\ufffd"


def success(body: dict[str, Any], *, status: int = 200) -> Response:
    """The success envelope around `body`."""
    envelope = {"status": "success", "timestamp": to_rfc3339(clock.now()), **body}
    return Response(envelope, status=status)


def check_parameters(request: Request, known: Collection[str]) -> None:
    """Refuse what is unknown, repeated, no UTF-8, with NUL or, but for `q`, empty.

    Raises
    ------
    ValidationError: naming each of them
    """
    query = request.META.get("QUERY_STRING")
    if not query:
        return
    errors: dict[str, list[Any]] = {}
    for name, values in request.query_params.lists():
        if name not in known and name != FORMAT_PARAMETER:
            errors[name[:100]] = [_("Unknown parameter.")]
        elif fault := parameter_fault(name, values):
            errors[name] = [fault]
        elif REPLACEMENT in values[0] and name in _not_utf8(query):
            errors[name] = [_("It is not UTF-8.")]
    if errors:
        raise ValidationError(errors)


def _not_utf8(query: str) -> set[str]:
    """The names of those parameters whose percent-encoded bytes nobody can read."""
    names = set()
    for part in query.split("&"):
        name, _equals, value = part.partition("=")
        try:
            unquote(value, errors="strict")
        except UnicodeDecodeError:
            names.add(unquote_plus(name))
    return names


def parameter_fault(name: str, values: Sequence[str]) -> Any:
    """Why a known parameter cannot be taken as it was given; None where it can."""
    if len(values) > 1:
        return _("Give this parameter once.")
    if not values[0].strip() and name != "q":
        return _("This parameter must not be empty.")
    if "\x00" in values[0]:  # PostgreSQL looks for no text with one
        return ProhibitNullCharactersValidator.message
    return None


def limit_parameter(request: Request, *, default: int = 50, largest: int = 500) -> int:
    text = request.query_params.get("limit")
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= largest):
        message = _("Must be a whole number from 1 to %(largest)d.") % {"largest": largest}
        raise validation_error("limit", message)
    return int(text)


def required_parameter(request: Request, name: str) -> str:
    text = request.query_params.get(name)
    if text is None:
        raise validation_error(name, _("This parameter is required."))
    return text
