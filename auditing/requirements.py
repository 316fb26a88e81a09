"""The locked requirements as they are written: each package with its version and hashes. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import canonicalize_name

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=(\S+)")


@dataclass(frozen=True, slots=True)
class Pinned:
    """One package that some Python on some system installs; markers are left out on purpose."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def read_pinned(text: str) -> list[Pinned]:
    """What a file of uv's holds.

    Raises
    ------
    ValueError: a line is no pinned package, or one has no hash
    """
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if not line or line.startswith(("#", "-r ", "-c ")):
            continue
        match = _PINNED.match(line)
        hashes = tuple(_HASH.findall(line))
        if match is None or not hashes:
            raise ValueError(f"not a pinned package with hashes: {line[:80]}")
        found.append(Pinned(canonicalize_name(match["name"]), match["version"], hashes))
    return found


def rounds(packages: Iterable[Pinned]) -> list[list[Pinned]]:
    """The packages in lists that name each only once: pip-audit takes no two versions together."""
    parts: list[dict[str, Pinned]] = []
    for package in dict.fromkeys(packages):
        part = next((part for part in parts if package.name not in part), None)
        if part is None:
            part = {}
            parts.append(part)
        part[package.name] = package
    return [list(part.values()) for part in parts]


def as_requirements(packages: Iterable[Pinned]) -> str:
    """A file for pip-audit, for every Python and system at once."""
    lines = (
        " ".join([str(package), *(f"--hash={digest}" for digest in package.hashes)])
        for package in packages
    )
    return "\n".join(lines) + "\n"
