"""Reads translatable strings from the sources and the catalogue, without gettext's tools."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.utils.translation.template import templatize


class Key(NamedTuple):
    """What a translation is found by."""

    context: str | None
    text: str


@dataclass(slots=True)
class Entry:
    key: Key
    plural: str | None = None
    translations: dict[int, str] = field(default_factory=dict)
    is_fuzzy: bool = False


# -- Sources -------------------------------------------------------------------------------------

# Where each function takes its context and its text, by position.
_CALLS = {
    name: (0, 1) if name.startswith(("p", "np")) else (None, 0)
    for base in ("gettext", "ngettext", "pgettext", "npgettext")
    for name in (base, f"{base}_lazy", f"{base}_noop")
} | {"_": (None, 0)}
_TEMPLATE_CALL = re.compile(r"(?<!\w)(?:_|n?p?gettext)\(")


def keys_in_python(source: str) -> Iterator[Key]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (key := _key(node)):
            yield key


def keys_in_template(source: str) -> Iterator[Key]:
    """Django turns a template into calls between filler; each call is read by itself."""
    text = templatize(source)
    for match in _TEMPLATE_CALL.finditer(text):
        for end in (found.end() for found in re.finditer(r"\)", text[match.end() :])):
            try:
                yield from keys_in_python(text[match.start() : match.end() + end])
            except SyntaxError:
                continue  # a parenthesis inside the text; the call's own comes later
            break


def _key(call: ast.Call) -> Key | None:
    name = getattr(call.func, "id", None) or getattr(call.func, "attr", "")
    if name not in _CALLS:
        return None
    values = [getattr(argument, "value", None) for argument in call.args]
    context_at, text_at = _CALLS[name]
    if len(values) <= text_at or not isinstance(values[text_at], str):
        return None
    context = None if context_at is None else values[context_at]
    return Key(context, str(values[text_at]))


def keys_in_sources(folders: list[Path]) -> dict[Key, Path]:
    """Every key with one file that uses it."""
    found: dict[Key, Path] = {}
    for folder in folders:
        for pattern, read in (("*.py", keys_in_python), ("*.html", keys_in_template)):
            for path in sorted(folder.rglob(pattern)):
                found |= dict.fromkeys(read(path.read_text()), path)
    return found


# -- Catalogue -----------------------------------------------------------------------------------

_FIELD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d)\])? (".*")\Z')


def read_catalogue(text: str) -> list[Entry]:
    """The entries of a .po file but for its header; obsolete ones are no entries."""
    entries = [_entry(block) for block in re.split(r"\n\s*\n", text)]
    return [entry for entry in entries if entry is not None and entry.key.text]


def _entry(block: str) -> Entry | None:
    values: dict[tuple[str, int], str] = {}
    at: tuple[str, int] | None = None
    for line in block.splitlines():
        if found := _FIELD.match(line):
            at = (found[1], int(found[2] or 0))
            values[at] = ast.literal_eval(found[3])
        elif line.startswith('"') and at is not None:
            values[at] += ast.literal_eval(line)
    if ("msgid", 0) not in values:
        return None
    return Entry(
        key=Key(values.get(("msgctxt", 0)), values["msgid", 0]),
        plural=values.get(("msgid_plural", 0)),
        translations={number: text for (name, number), text in values.items() if name == "msgstr"},
        is_fuzzy=any(re.match(r"#,.*\bfuzzy\b", line) for line in block.splitlines()),
    )
