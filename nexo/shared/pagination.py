"""Keyset cursors: the place of the last row read, opaque to clients and strict on the way in."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from nexo.shared.exceptions import validation_error

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE = struct.Struct(">qq")  # microseconds since the epoch, row id
_MICROSECOND = timedelta(microseconds=1)
# Logs from before 1970 can be imported. A day later than Python's first, so that it can be told in
# every zone.
_EARLIEST = (datetime(1, 1, 2, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


class Listing(StrEnum):
    """Whose places they are, the first letter of a cursor: another list would take it for a place
    of its own, most likely at its end."""

    TASKS = "t"
    EVENTS = "e"
    LOGS = "l"
    AGENTS = "a"
    WEIGHTS = "w"
    BULK_RESULTS = "b"
    AUDIT = "u"
    FACTS = "f"


def encode_cursor(created_at: datetime, row_id: int, *, of: Listing) -> str:
    """A place in a list ordered by (created_at, id)."""
    return of + _encode((created_at - _EPOCH) // _MICROSECOND, row_id)


def decode_cursor(cursor: str, *, of: Listing) -> tuple[datetime, int]:
    """The (created_at, id) behind a cursor.

    Raises
    ------
    ValidationError: it is not a cursor that this program gave, or not of this list
    """
    microseconds, row_id = _decode(_place(cursor, of))
    if not _EARLIEST <= microseconds <= _LATEST:
        raise _invalid()
    return _EPOCH + timedelta(microseconds=microseconds), row_id


def encode_place(row_id: int, *, of: Listing) -> str:
    """A place in a list ordered by id alone."""
    return of + _encode(0, row_id)


def decode_place(cursor: str, *, of: Listing) -> int:
    """The id behind a cursor.

    Raises
    ------
    ValidationError: it is not a cursor that this program gave, or not of this list
    """
    nothing, row_id = _decode(_place(cursor, of))
    if nothing:
        raise _invalid()
    return row_id


def _place(cursor: str, of: Listing) -> str:
    if not cursor.startswith(of):
        raise _invalid()
    return cursor.removeprefix(of)


def _encode(*numbers: int) -> str:
    return base64.urlsafe_b64encode(_PLACE.pack(*numbers)).decode().rstrip("=")


def _decode(cursor: str) -> tuple[int, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        first, second = _PLACE.unpack(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, struct.error, ValueError) as error:
        raise _invalid() from error
    if second < 0:
        raise _invalid()
    return first, second


def _invalid() -> ValidationError:
    return validation_error("cursor", _("This is not a valid cursor."))
