"""What the environment says, each value checked.

One that cannot be meant stops the start with a sentence. What is not set, or empty, is each
setting's default.
"""

import re
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from nexo.shared.libpq import CONNECTION_OPTIONS

_env = environ.Env()


def text(name: str, default: str = "") -> str:
    return str(_env.str(name, default="")) or default


def switch(name: str) -> bool:
    """Off unless set; a word that is neither yes nor no stops the start."""
    value = text(name, "0").strip().lower()
    if value not in {"", "0", "1", "no", "yes", "off", "on", "false", "true"}:
        raise ImproperlyConfigured(f"{name} must be 0 or 1, not {value!r}.")
    return value in {"1", "yes", "on", "true"}


def whole(name: str, default: int, least: int, most: int) -> int:
    value = text(name, str(default))
    # Of many digits Python makes no number at all.
    written = value.isascii() and value.isdigit() and len(value) <= 9
    if not (written and least <= int(value) <= most):
        raise ImproperlyConfigured(
            f"{name} must be a whole number from {least} to {most}, not {value[:60]!r}."
        )
    return int(value)


def log_level(name: str) -> str:
    value = text(name, "INFO").upper()
    if value not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
        raise ImproperlyConfigured(f"{name} must be DEBUG, INFO, WARNING or ERROR, not {value!r}.")
    return value


def choice(name: str, default: str, *others: str) -> str:
    value = text(name, default)
    if value not in {default, *others}:
        known = ", ".join(sorted({default, *others}))
        raise ImproperlyConfigured(f"{name} must be one of {known}, not {value!r}.")
    return value


def rate(name: str, default: str) -> str:
    """A throttle such as 6000/min; anything else stops the start."""
    value = text(name, default)
    if not re.fullmatch("0*[1-9][0-9]{0,8}/(s|sec|min|hour|day)", value):
        raise ImproperlyConfigured(f"{name} must look like {default}, not {value!r}.")
    return value


def _listed(name: str) -> list[str]:
    return [part for part in text(name).split(",") if part.strip()]


# A name, an address, or an IPv6 address, maybe of one interface of this machine.
_HOST = r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?\]"


def origins(name: str) -> list[str]:
    """Exact origins (scheme://host[:port]) that a browser's page may come from."""
    found = [origin.strip().lower() for origin in _listed(name)]
    for origin in found:
        parts = re.fullmatch(f"https?://({_HOST})(:(?P<port>[0-9]{{1,5}}))?", origin)
        if parts is None or not 1 <= int(parts["port"] or 80) <= 65_535:
            raise ImproperlyConfigured(
                f"{name} holds {origin!r}; each must be scheme://host[:port]."
            )
    return found


def hosts(name: str, default: list[str]) -> list[str]:
    """Names and addresses, whole domains (.example.com), or all there are (*)."""
    found = [host.strip() for host in _listed(name)] or default
    for host in found:
        if host != "*" and not re.fullmatch(_HOST, host.removeprefix(".")):
            raise ImproperlyConfigured(
                f"{name} holds {host!r}; each must be a name or an address alone, such as "
                "nexo.example or [::1], without scheme, port and path."
            )
    return found


def database_url(name: str) -> dict[str, Any]:
    """What Django is to know of a database. No sentence shows the value: it may hold a password."""
    kind, _mark, _rest = text(name).partition("://")
    found: dict[str, Any] = {}
    with suppress(ValueError):  # of a port
        if kind in {"sqlite", "postgres", "postgresql", "psql", "pgsql"}:
            found = _env.db(name)
    # In memory each process, and each thread, would have a database of its own.
    if found.get("NAME", "") in {"", ":memory:"}:
        raise ImproperlyConfigured(
            f"{name} must look like sqlite:////path/file.sqlite3 or "
            "postgres://user:password@host:5432/name."
        )
    known = () if kind == "sqlite" else CONNECTION_OPTIONS
    for option, _value in parse_qsl(urlsplit(text(name)).query, keep_blank_values=True):
        if option not in known:
            raise ImproperlyConfigured(
                f"{name} says {option[:60]!r} after its question mark; what it may say there is "
                f"{', '.join(CONNECTION_OPTIONS)}, of PostgreSQL."
            )
    return found


def redis_url(name: str) -> str:
    """The sentence leaves the value out here too."""
    value = text(name)
    if not value:
        return ""
    from redis.connection import parse_url  # what needs no Redis does without loading its library

    place: dict[str, Any] = {}
    with suppress(ValueError):
        place = parse_url(value)
        # What is no number of a database, the library passes over.
        if not value.startswith("unix:") and not re.fullmatch("/?[0-9]{0,5}", urlsplit(value).path):
            place = {}
    if not (place.get("host") or place.get("path")):
        raise ImproperlyConfigured(
            f"{name} must look like redis://host:6379/0, rediss://host:6379/0 or "
            "unix:///path/redis.sock."
        )
    return value


def header_value(name: str) -> str:
    """What a header can say; the sentence leaves it out."""
    value = text(name)
    if not (value.isascii() and value == value.strip() and value.isprintable()):
        raise ImproperlyConfigured(
            f"{name} must be made of letters, digits and signs of ASCII, with no space around it: "
            "a header can say nothing else."
        )
    return value
