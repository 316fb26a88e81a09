"""Files for spreadsheets that are made while they are sent.

Each holds a thread until its reader has taken all of it. With one at a time for a person and two in
a process, the other threads go on answering everybody.
"""

import threading
import weakref
from collections.abc import Generator, Iterator
from typing import Any, Final

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _

from nexo.shared.errors import too_many_requests

PER_PROCESS: Final = 2
RETRY_AFTER_SECONDS: Final = 10
OWN = _("The file that you asked for before is still being sent.")
OTHERS = _("Files of other people are being sent just now.")

_lock = threading.Lock()
_people: set[Any] = set()


def csv_file(
    request: HttpRequest, lines: Generator[str], *, name: str, person: Any
) -> HttpResponseBase:
    """`lines` as a file; 429 while `person` or too many others are being sent one."""
    with _lock:
        refusal = OWN if person in _people else OTHERS if len(_people) >= PER_PROCESS else None
        if refusal is None:
            _people.add(person)
    if refusal is not None:
        return too_many_requests(request, refusal, retry_after=RETRY_AFTER_SECONDS)
    response = StreamingHttpResponse(_Sent(lines, person), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


class _Sent(Iterator[str]):
    """Lines on their way to a person, whose turn ends when the answer is closed."""

    def __init__(self, lines: Generator[str], person: Any) -> None:
        self._lines = lines
        # Also when nobody closes it: a turn that is never given back would be lost for good.
        self._end = weakref.finalize(self, _people.discard, person)

    def __next__(self) -> str:
        return next(self._lines)

    def close(self) -> None:
        self._lines.close()
        self._end()


def forget() -> None:
    """As in a process that has just begun."""
    _people.clear()
