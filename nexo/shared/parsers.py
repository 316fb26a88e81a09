"""JSON bodies parsed strictly: what Python's parser would let through is refused here."""

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from nexo.shared.exceptions import PayloadTooLarge

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(_("%(name)s is not JSON") % {"name": name})


def _finite_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(_("%(number)s is out of range") % {"number": text[:40]})
    return value


def _int64(text: str) -> int:
    """At most 64 bits: no column or reader of our answers takes more."""
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise ValueError(_("a whole number is out of range"))
    return int(text)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated key: two readers of one body must not see different values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(_("a key is given twice"))
    return found


def _check_text(value: Any) -> None:
    """Refuse what no database column can hold: NUL and lone surrogates."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "\x00" in item:
                raise ValueError(_("text holds a NUL character"))
            item.encode("utf-8")
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside strings, at most one over the limit."""
    deepest = depth = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                return deepest
        elif character in "]}":
            depth -= 1
    return deepest


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant,
    parse_float=_finite_float,
    parse_int=_int64,
    object_pairs_hook=_unique_keys,
)


def parse_json(body: bytes) -> Any:
    """Read one JSON document.

    Raises
    ------
    ValueError: broken UTF-8 or JSON, NaN, infinities, repeated keys, deep nesting, NUL characters
    """
    text = body.decode("utf-8")
    # Cheap first: most bodies cannot be nested too deeply.
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise ValueError(_("nested deeper than %(depth)d levels") % {"depth": MAX_DEPTH})
    value = _DECODER.decode(text)
    _check_text(value)
    return value


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        _refuse_coded((parser_context or {}).get("request"))
        return checked_json(stream.read(MAX_BODY_BYTES + 1))


def _refuse_coded(request: Any) -> None:
    """What a proxy would unpack and we would not, two readers would read differently.

    Raises
    ------
    UnsupportedMediaType
    """
    coding = request.META.get("HTTP_CONTENT_ENCODING", "") if request is not None else ""
    if coding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(
            coding, _("A body must not be compressed: there is no Content-Encoding here.")
        )


def checked_json(body: bytes) -> Any:
    """The JSON of a request's body.

    Raises
    ------
    PayloadTooLarge, ParseError
    """
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge
    try:
        return parse_json(body)
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno}
        cause = _("look at line %(line)d, column %(column)d") % place
        raise _not_json(cause) from error
    except UnicodeDecodeError as error:
        raise _not_json(_("it is not UTF-8")) from error
    except UnicodeEncodeError as error:
        raise _not_json(_("a text has half of a character in it, a lone surrogate")) from error
    except (ValueError, RecursionError) as error:
        raise _not_json(str(error)[:120]) from error


def _not_json(cause: str) -> ParseError:
    return ParseError(_("The body is not valid JSON: %(cause)s.") % {"cause": cause})
