"""What a call may end in."""

from typing import Any


class NexoError(Exception):
    pass


class Away(NexoError):
    """The server cannot answer now; `retry_after` in seconds when it said so."""

    def __init__(self, cause: str, retry_after: float | None = None) -> None:
        super().__init__(cause)
        self.retry_after = retry_after


class Refused(NexoError):
    """The server does not want this call; `code` is the API's own, and stable."""

    def __init__(self, code: str, sentence: str, details: Any = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.details = details


class LeaseLost(Refused):
    """Somebody else may have the task by now: stop working on it."""


class TokenRefused(NexoError):
    """The token is unknown, has expired or was revoked."""


class Moved(NexoError):
    """NEXO is served elsewhere, at `address`: from http, a site in production sends to https."""

    def __init__(self, address: str) -> None:
        super().__init__(f"The server sends this call on to {address}: give that as the URL.")
        self.address = address
