"""What a text shows where it is one line, on pages and in logs."""

import unicodedata
from typing import Final

# Controls and the two separators of lines and paragraphs.
_BREAKS: Final = frozenset({"Cc", "Zl", "Zp"})
# They reorder the text around them: "exe.png" reads as "gnp.exe".
_REORDERING: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
# Letters, marks and a sign that are drawn as nothing: what Unicode calls ignorable by default
# beyond its controls and formats, and the Braille pattern without dots.
_UNSEEN: Final = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)


def breaks_a_line(text: str) -> bool:
    """Whether it ends the line, drives what shows it, or shows in another order than it has."""
    if text.isprintable():
        return False
    return any(
        character in _REORDERING or unicodedata.category(character) in _BREAKS for character in text
    )


def shows_nothing(text: str) -> bool:
    """Whether nobody would see that there is a text."""
    return all(
        character in _UNSEEN or unicodedata.category(character)[0] in "CZ" for character in text
    )
