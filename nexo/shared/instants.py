"""Instants as the API writes them: RFC 3339 in UTC with Z."""

from datetime import UTC, datetime


def to_rfc3339(instant: datetime | None) -> str | None:
    """`2026-02-24T14:35:12Z`, with microseconds only where there are any."""
    if instant is None:
        return None
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat()[:-6] + "Z"
