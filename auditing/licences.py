"""Licences, as the installed packages state them, against the project's list. Pure but for reading.

What a package says is read in the order of its certainty: the SPDX expression of its metadata
(PEP 639), its classifiers, its short licence field. What says nothing that is understood, or is
not installed here, counts as unchecked unless the list names it by hand.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Protocol

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from auditing.findings import Result, Verdict
from auditing.requirements import Pinned

CHECK = "licences"
LIST = Path(__file__).parent / "licences.toml"


class Stated(Protocol):
    """What is asked of a package's metadata."""

    def get(self, name: str, /) -> str | None: ...
    def get_all(self, name: str, /) -> list[str] | None: ...


@dataclass(frozen=True, slots=True)
class Allowed:
    """`licences` are SPDX names; `by_hand` gives an expression for packages that state none;
    `only_for` allows a licence for the packages it names and no other."""

    licences: frozenset[str]
    by_hand: Mapping[str, str]
    words: Mapping[str, str]
    only_for: Mapping[str, frozenset[str]]


def read_list(path: Path = LIST) -> Allowed:
    content = tomllib.loads(path.read_text())
    return Allowed(
        licences=frozenset(content["allowed"]),
        by_hand=content["by_hand"],
        words={word.lower(): name for word, name in content["words"].items()},
        only_for={name: frozenset(packages) for name, packages in content["only_for"].items()},
    )


def check(packages: Iterable[Pinned], allowed: Allowed) -> list[Result]:
    return [judge(one, _stated(one), allowed) for one in dict.fromkeys(packages)]


def judge(package: Pinned, stated: Stated | None, allowed: Allowed) -> Result:
    """`stated` is the metadata of this very version; None where that is not installed."""
    expressions = expressions_of(stated, allowed) if stated is not None else []
    if not expressions and package.name in allowed.by_hand:
        expressions = [allowed.by_hand[package.name]]
    if not expressions:
        why = "not installed here" if stated is None else "states no licence that is understood"
        return Result(CHECK, str(package), Verdict.UNCHECKED, why)
    names = allowed.licences | {
        name for name, packages in allowed.only_for.items() if package.name in packages
    }
    refused = [expression for expression in expressions if not is_allowed(expression, names)]
    if refused:
        return Result(CHECK, str(package), Verdict.FINDING, f"not allowed: {', '.join(refused)}")
    return Result(CHECK, str(package), Verdict.CLEAN)


def expressions_of(stated: Stated, allowed: Allowed) -> list[str]:
    """What the metadata says, each part as an SPDX expression; all of them have to be allowed."""
    if expression := stated.get("License-Expression"):
        return [expression]
    prefix = "License :: OSI Approved :: "
    classifiers = [
        text.removeprefix(prefix)
        for text in stated.get_all("Classifier") or []
        if text.startswith(prefix)
    ]
    # A classifier names the whole or each of several; which, nobody can tell: all must do.
    words = classifiers or [stated.get("License") or ""]
    names = [_named(word, allowed) for word in words]
    return [name for name in names if name] if all(names) else []


def _named(word: str, allowed: Allowed) -> str:
    """The SPDX expression that somebody's own words mean; empty when nobody can tell."""
    known = allowed.words.get(word.strip().lower())
    if known:
        return known
    try:
        return canonicalize_license_expression(word.strip()) if len(word) < 100 else ""
    except InvalidLicenseExpression:
        return ""


def is_allowed(expression: str, names: frozenset[str]) -> bool:
    """Whether one of the ways that the expression leaves open needs allowed licences only.

    `OR` leaves a choice, `AND` binds closer and asks for both, parentheses group.
    """
    tokens = expression.replace("(", " ( ").replace(")", " ) ").split()
    value, rest = _either(tokens, names)
    return value and not rest


def _either(tokens: list[str], names: frozenset[str]) -> tuple[bool, list[str]]:
    value, rest = _both(tokens, names)
    while rest and rest[0].upper() == "OR":
        other, rest = _both(rest[1:], names)
        value = value or other
    return value, rest


def _both(tokens: list[str], names: frozenset[str]) -> tuple[bool, list[str]]:
    value, rest = _one(tokens, names)
    while rest and rest[0].upper() == "AND":
        other, rest = _one(rest[1:], names)
        value = value and other
    return value, rest


def _one(tokens: list[str], names: frozenset[str]) -> tuple[bool, list[str]]:
    if not tokens:
        return False, ["?"]
    if tokens[0] == "(":
        value, rest = _either(tokens[1:], names)
        return (value, rest[1:]) if rest[:1] == [")"] else (False, ["?"])
    if tokens[1:2] and tokens[1].upper() == "WITH":
        # An exception gives more than the licence does, but is a name of its own on the list.
        return " ".join([tokens[0], "WITH", *tokens[2:3]]) in names, tokens[3:]
    return tokens[0] in names, tokens[1:]


def _stated(package: Pinned) -> Stated | None:
    try:
        found = metadata(package.name)
    except PackageNotFoundError:
        return None
    return found if found["Version"] == package.version else None  # type: ignore[return-value]  # a message is a mapping
