"""What a client asks for when it opens a socket: origin, subprotocol, token and place.

Pure: no database, no settings.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from django.http.cookie import parse_cookie

PROTOCOL = "nexo.v1"
TOKEN_PREFIX = "token."  # noqa: S105  # the prefix, not a token
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Offer:
    """The token that the subprotocols carry, and the one to answer with."""

    token: str | None
    answer: str | None


def read_offer(subprotocols: Sequence[str]) -> Offer:
    """`nexo.v1, token.<key>` is answered with `nexo.v1`; `token.<key>` alone is echoed."""
    carried = next((p for p in subprotocols if p.startswith(TOKEN_PREFIX)), None)
    token = carried.removeprefix(TOKEN_PREFIX) if carried else None
    return Offer(token, PROTOCOL if PROTOCOL in subprotocols else carried)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client stopped; `since` is None when what it says is no place."""

    since: int | None
    epoch: str | None


def read_place(query_string: bytes) -> Place | None:
    """The place to resume from; None when the client asks for none."""
    query = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    if "since" not in query:
        return None
    since = query["since"][-1]
    epoch = query.get("epoch", [None])[-1]
    return Place(int(since) if _NUMBER.fullmatch(since) else None, epoch)


def read_line_number(query_string: bytes) -> int | None:
    """The log line after which to begin: 0 when none is named, None when it is no number."""
    query = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    after = query.get("after", ["0"])[-1]
    return int(after) if _NUMBER.fullmatch(after) else None


def read_headers(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]


def read_cookie(headers: Sequence[tuple[bytes, bytes]], name: str) -> str | None:
    """As a request's cookies are read: one that is no cookie does not hide the others."""
    return parse_cookie("; ".join(read_headers(headers, b"cookie"))).get(name)


def is_allowed_origin(origins: Sequence[str], allowed: Collection[str]) -> bool:
    """Exactly one Origin header, and exactly one of the allowed: scheme, host and port."""
    return len(origins) == 1 and origins[0].lower() in {origin.lower() for origin in allowed}
