"""CSV of any origin as records with line numbers, in constant memory.

Whatever a line holds, the reader says what is wrong with it and goes on with the next one.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from django.utils.translation import gettext as _

MAX_LINE_BYTES = 1024 * 1024
DELIMITERS = ",;\t"
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one record; `line` is where it starts."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """What cannot be taken, as a sentence; `last_line` is where reading went on after it."""

    line: int
    last_line: int
    cause: str

    def __str__(self) -> str:
        if self.last_line > self.line:
            text = _("Lines %(first)d to %(last)d: %(cause)s")
            return text % {"first": self.line, "last": self.last_line, "cause": self.cause}
        return _("Line %(line)d: %(cause)s") % {"line": self.line, "cause": self.cause}


class _LineTooLong(Exception):
    pass


class _Lines:
    """The lines of a file, decoded one by one; it goes on after a line that it refused.

    Bytes that are not UTF-8 come through as lone surrogates: only the cells that are used matter.
    """

    def __init__(self, file: BinaryIO, on_bytes: Callable[[int], None]) -> None:
        self._file = file
        self._on_bytes = on_bytes
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._read()
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = self._read()
            raise _LineTooLong
        return line.decode("utf-8", "surrogateescape")

    def _read(self) -> bytes:
        line = self._file.readline(MAX_LINE_BYTES + 1)
        self._on_bytes(len(line))
        return line


def read_records(
    file: BinaryIO, on_bytes: Callable[[int], None] = lambda count: None
) -> Iterator[Record | Problem]:
    """Every record, the header too, separated by what separates the first line; blanks are skipped.

    `on_bytes` is told the bytes read since it was last told.
    """
    lines = _Lines(file, on_bytes)
    try:
        first = next(lines, "").removeprefix(BYTE_ORDER_MARK)
    except _LineTooLong:
        # Without a header nothing that follows has a meaning.
        yield Problem(1, 1, _("The line is longer than 1 MB."))
        return
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    while True:
        start = 1 if reader.line_num == 0 else lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _LineTooLong:
            yield Problem(start, lines.number, _("The line is longer than 1 MB."))
        except csv.Error as error:
            yield Problem(start, lines.number, _("This is not CSV: %s.") % error)
        else:
            if cells:
                yield Record(start, cells)
