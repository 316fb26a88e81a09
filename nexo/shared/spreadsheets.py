"""CSV for people who open it in a spreadsheet."""

import csv
import io
from collections.abc import Generator, Iterable, Sequence
from datetime import date, datetime
from typing import Final

from django.utils.formats import get_format
from django.utils.translation import get_language

from nexo.shared.clock import BUSINESS_ZONE

# A spreadsheet takes what begins with one of these for a formula and carries it out.
# Some take the wide forms, which Japanese keyboards write, for the narrow ones.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
# Without it Excel reads the bytes in the machine's old code page: "ação" becomes "aÃ§Ã£o".
_BYTE_ORDER_MARK: Final = "\ufeff"


def harmless(cell: str) -> str:
    """The cell as text, whatever it begins with."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Generator[str]:
    """Each line as it goes out, the first with the mark that says UTF-8.

    Where decimals have a comma in the language of whoever asks now, spreadsheets split cells at
    semicolons.
    """
    return _lines(header, rows, ";" if get_format("DECIMAL_SEPARATOR") == "," else ",")


def _lines(header: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str) -> Generator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    buffer.write(_BYTE_ORDER_MARK)
    writer.writerow(header)
    yield _taken(buffer)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def day_text(day: date) -> str:
    """`27/11/2026` in Portuguese, `2026-11-27` in English, as spreadsheets read them."""
    return f"{day:%d/%m/%Y}" if _is_portuguese() else f"{day:%Y-%m-%d}"


def instant_text(instant: datetime) -> str:
    """The day and `14:30:25`, business time."""
    local = instant.astimezone(BUSINESS_ZONE)
    return f"{day_text(local)} {local:%H:%M:%S}"


def minute_text(instant: datetime) -> str:
    """The day and `14:30`, business time."""
    local = instant.astimezone(BUSINESS_ZONE)
    return f"{day_text(local)} {local:%H:%M}"


def _is_portuguese() -> bool:
    return (get_language() or "").startswith("pt")
