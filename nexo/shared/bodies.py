"""How long a request's body may be, whatever server takes it."""

from typing import Final

LARGEST_BYTES: Final = 5 * 1024 * 1024
# So much is read and dropped, for the client to hear its 413.
DROPPED_BYTES: Final = 10 * LARGEST_BYTES
