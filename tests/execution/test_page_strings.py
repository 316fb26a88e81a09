"""Every sentence that is sent with a page is said by a script."""

import re

import pytest

from execution.page_strings import list_strings, shared_strings
from tests.servers import PROJECT

pytestmark = pytest.mark.unit
SCRIPTS = [path for path in (PROJECT / "static").rglob("*.js") if "vendor" not in path.parts]


def told_keys() -> re.Pattern[str]:
    """What scripts ask for: "row.late", `failure.${key}.next`, and either form of a plural."""
    text = "\n".join(path.read_text() for path in SCRIPTS)
    found = re.findall(r'"([\w.]+)"|`([\w.]+\.(?:\$\{[^}`]+\}[\w.]*)+)`', text)
    keys = {re.escape(plain) or _pattern(made) for plain, made in found}
    return re.compile(rf"({'|'.join(sorted(keys))})(\.one|\.other)?")


def _pattern(made: str) -> str:
    return r"\w+".join(map(re.escape, re.split(r"\$\{[^}]+\}", made)))


def test_scripts_say_every_sentence_that_pages_send() -> None:
    told = told_keys()
    sent = {**shared_strings(), **list_strings()}
    assert [key for key in sent if not told.fullmatch(key)] == []
