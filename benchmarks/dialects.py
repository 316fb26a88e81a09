"""How each of the servers that are measured wants to be spoken to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from benchmarks.client import Address, request
from benchmarks.site import API, FEED

Patch = Callable[[Address, Sequence[str], str, str], bytes]


@dataclass(frozen=True, slots=True)
class Dialect:
    """`patch` makes the request that notes an error with a task: address, headers, task, note."""

    feed: str
    listing: str
    patch: Patch


def note(number: int) -> str:
    return f"n{number:07d}"


def awaited(number: int) -> bytes:
    """Where a message has the note, however its server spaces its JSON."""
    return b'"%s"' % note(number).encode()


def _product_patch(address: Address, headers: Sequence[str], task_id: str, error: str) -> bytes:
    body = {"taskId": task_id, "status": "in_progress", "error": error}
    return request(address, "PATCH", API, headers, orjson.dumps(body))


def _textbook_patch(address: Address, headers: Sequence[str], task_id: str, error: str) -> bytes:
    body = orjson.dumps({"error": error})
    return request(address, "PATCH", f"/api/tasks/{task_id}/", headers, body)


# The framework-less limit understands the product's requests.
PRODUCT = Dialect(FEED, API + "?status=completed&channel=amazon", _product_patch)
TEXTBOOK = Dialect("/ws/tasks/", "/api/tasks/?status=completed&marketplace=amazon", _textbook_patch)
TEXTBOOK_PAGE = "/"
