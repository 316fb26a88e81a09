"""Addresses that no call can mean: parameters, lookups, forged cursors, paths; and the pages."""

import base64
import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
from django.apps import apps
from django.test import Client

from execution.enums import TaskStatus
from nexo.shared import clock
from nexo.shared.pagination import Listing, encode_cursor, encode_place
from tests.abuse.ground import (
    PAGES,
    READS,
    WRITES,
    Ground,
    admin_paths,
    fresh,
    name_of,
    parameters_of,
)
from tests.abuse.ordeal import READ, REFUSED, Ordeal, text_of
from tests.abuse.tally import WHOLE, Extent
from tests.envelope import INSIDES
from tests.test_bad_input import BAD_IDS, BAD_PARAMETERS, CURSORS, UNKNOWN_PARAMETERS
from tests.test_role_matrix import TASKS, Row

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
EVERY_READ = pytest.mark.parametrize("row", READS, ids=name_of)

# Of no parameter: what a database cannot hold, what is too long.
NEVER: Final = ["\x00", "a\x00", "x" * 5000, "' OR 1=1 --\x00", "\u202e" * 300, "9" * 4000]
LOOKUPS: Final = ("in", "gt", "startswith", "regex", "isnull", "contains", "exact", "range", "date")
MARK: Final = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}${7*7}"


def smuggled() -> Iterator[str]:
    """Every field of every model as a parameter, by way of what joins them, with lookups."""
    for model in apps.get_models():
        name = model._meta.model_name
        for field in model._meta.get_fields():
            yield f"{field.name}__{LOOKUPS[len(field.name) % len(LOOKUPS)]}"
            yield f"{name}__{field.name}"
            yield f"agent__{name}__{field.name}__{LOOKUPS[len(str(name)) % len(LOOKUPS)]}"


def forged_cursors() -> list[str]:
    """Real ones with bits turned over, cut, lengthened, of other lists, from the ends of time."""
    chance = random.Random(6)
    real = [encode_cursor(clock.now(), 1, of=listing) for listing in Listing]
    real += [encode_place(row_id, of=listing) for row_id in (1, 2**62) for listing in Listing]
    found = list(real)
    for cursor in real:
        kind, place = cursor[0], cursor[1:]
        bits = bytearray(base64.urlsafe_b64decode(place + "=="))
        for bit in range(len(bits) * 8):
            turned = bytearray(bits)
            turned[bit // 8] ^= 1 << bit % 8
            found.append(kind + base64.urlsafe_b64encode(turned).decode().rstrip("="))
        found += [cursor[:n] for n in range(1, len(cursor))]
        found += [cursor + mark for mark in ("=", "==", "A", "AAAA", "\n", " ", "%00", "\u200b")]
        found += [quote(cursor.swapcase()), cursor[::-1], cursor * 2, f"-{cursor}", f"{cursor},1"]
    places = [(0, 0), (2**63 - 1, 2**63 - 1), (-1, 1), (1, -1), (253402300799999999, 0)]
    found += [
        kind + base64.urlsafe_b64encode(struct.pack(">qq", *place)).decode().rstrip("=")
        for place in places
        for kind in ("", *Listing)
    ]
    found += [base64.urlsafe_b64encode(chance.randbytes(n)).decode() for n in range(64)]
    return [*found, *CURSORS]


def asking(client: Client, path: str, **values: str) -> Callable[[], Any]:
    joint = "&" if "?" in path else "?"
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in values.items())
    return lambda: client.get(f"{path}{joint}{query}")


@EVERY_READ
def test_lookups_and_unknown_parameters(ground: Ground, extent: Extent, row: Row) -> None:
    caller, path = ground.caller_of(row), ground.path_of(row)
    if not path.startswith(("/api/marketplace/",)):
        return  # the documents; drf-spectacular's own parameters choose a language
    names = sorted({*smuggled(), *UNKNOWN_PARAMETERS} - set(parameters_of(row)))
    # A refusal repeats the name; what sounds like our insides in it would be found there.
    names = [name for name in names if not INSIDES.search(name)]
    with Ordeal("queries: lookups smuggled", ground.secrets) as ordeal:
        for name in extent.of(names):
            ordeal.attempt(f"{name[:80]!a}", asking(caller, path, **{name: "1"}))


@pytest.mark.parametrize("row", WRITES, ids=name_of)
def test_lookups_on_writes(ground: Ground, extent: Extent, row: Row) -> None:
    caller, path = ground.caller_of(row), ground.path_of(row)
    joint = "&" if "?" in path else "?"
    body = ground.body_of(row)
    with Ordeal("queries: lookups smuggled", ground.secrets) as ordeal:
        for name in extent.of(UNKNOWN_PARAMETERS):
            address = f"{path}{joint}{quote(name)}=1"
            ordeal.attempt(
                f"{name[:80]!a}",
                lambda address=address: caller.generic(
                    row.method, address, _json(body), content_type="application/json"
                ),
            )


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


@EVERY_READ
def test_bad_values(ground: Ground, extent: Extent, row: Row) -> None:
    caller, path = ground.caller_of(row), ground.path_of(row).partition("?")[0]
    cases = [
        (name, value)
        for name in parameters_of(row)
        for value in [*NEVER, *(BAD_PARAMETERS.get(name, ()) if row.path == TASKS else ())]
    ]
    with Ordeal("queries: bad values", ground.secrets) as ordeal:
        for name, value in extent.of(cases):
            ordeal.attempt(f"{name}={value[:40]!a}", asking(caller, path, **{name: value}))
        for name in extent.of(parameters_of(row)):
            address = f"{path}?{name}=1&{name}=1"
            ordeal.attempt(f"{name} twice", lambda address=address: caller.get(address))


@EVERY_READ
def test_forged_cursors(ground: Ground, extent: Extent, row: Row) -> None:
    if "cursor" not in parameters_of(row):
        return
    path = ground.path_of(row)
    agents = {"agent": ground.program("agent"), "head": ground.program()}
    with Ordeal("queries: forged cursors", ground.secrets) as ordeal:
        for cursor in extent.of(forged_cursors()):
            for name, caller in agents.items():
                answer = ordeal.attempt(
                    f"{cursor[:60]!a}", asking(caller, path, cursor=cursor), allowed=READ
                )
                if name == "agent" and answer is not None and "Segredo" in text_of(answer):
                    ordeal.faults.append(f"{cursor!a}: shows another agent's task")


def test_paths(ground: Ground, extent: Extent) -> None:
    with Ordeal("queries: ids and paths", ground.secrets) as ordeal:
        for row in (*READS, *PAGES):
            if "{" not in row.path:
                continue
            caller = ground.program() if row in READS else ground.browser()
            for text in extent.of(BAD_IDS):
                path = row.path.format(task=text, agent=text, job=text)
                ordeal.attempt(
                    path[:120],
                    lambda path=path, caller=caller: caller.get(path),
                    allowed=(404, 405),
                )
        writer = ground.program()
        for row in WRITES:
            if "{" not in row.path:
                continue
            for text in extent.of(BAD_IDS):
                path = row.path.format(task=text, agent=text, job=text)
                ordeal.attempt(
                    path[:120],
                    lambda path=path, row=row: writer.generic(
                        row.method,
                        path,
                        _json(ground.body_of(row)),
                        content_type="application/json",
                    ),
                    allowed=REFUSED,
                )


# -- Pages and the administration ----------------------------------------------------------------


def hostile_queries() -> list[str]:
    names = [
        "q",
        "status",
        "agent",
        "cursor",
        "channel",
        "taskType",
        "period",
        "p",
        "o",
        "all",
        "e",
    ]
    names += [
        "next",
        "tab",
        "task",
        "view",
        "createdAfter",
        "_popup",
        "_to_field",
        "_changelist_filters",
    ]
    values = [
        MARK,
        "\x00",
        "x" * 5000,
        "\u202e",
        "%",
        "9" * 400,
        "-1",
        "../../etc/passwd",
        "[]",
        "1e400",
    ]
    found = [f"{quote(name)}={quote(value)}" for name in names for value in values]
    found += [f"{name}=%FF%FE" for name in names] + [f"{name}=1&{name}=2" for name in names]
    found += [f"{quote(name)}=1" for name in UNKNOWN_PARAMETERS]
    return [*found, "&" * 999, "=" * 999, "%00=%00", "?" * 100, ";a=1;b=2", "a=1&" * 1001]


@pytest.mark.parametrize("row", PAGES, ids=name_of)
def test_pages(ground: Ground, extent: Extent, row: Row) -> None:
    path = ground.path_of(row)
    browser = ground.browser("admin" if row.path.startswith("/admin") else "head")
    joint = "&" if "?" in path else "?"
    with Ordeal("pages: hostile queries", ground.secrets) as ordeal:
        for query in extent.of(hostile_queries()):
            here = fresh(browser)
            answer = ordeal.attempt(
                query[:80],
                lambda here=here, query=query: here.get(f"{path}{joint}{query}"),
                allowed=READ,
            )
            if answer is not None:
                check_no_markup(ordeal, query, answer)


def check_no_markup(ordeal: Ordeal, query: str, answer: Any) -> None:
    text = text_of(answer)
    is_page = answer.get("Content-Type", "").startswith("text/html")
    if is_page and ("<script>alert" in text or "<img src=x" in text):
        ordeal.faults.append(f"{query[:80]}: markup comes through")
    location = answer.get("Location", "")
    if urlsplit(location).scheme or urlsplit(location).netloc or location.startswith("/\\"):
        ordeal.faults.append(f"{query[:80]}: sent to {answer['Location'][:80]}")


def test_administration(ground: Ground, extent: Extent) -> None:
    fields = sorted(name for name in smuggled() if name.count("__") == 1)[::10]
    secrets = ["password__startswith", "user__password__regex", "key_hash__startswith", "user__key"]
    secrets += [
        "api_tokens__key_hash__startswith",
        "totpdevice__key__startswith",
        "session__contains",
    ]
    cases = [*(f"{quote(name)}=p" for name in (*secrets, *fields)), *hostile_queries()]
    with Ordeal("administration: hostile queries", ground.secrets) as ordeal:
        paths = list(admin_paths())
        for number, path in enumerate(paths if extent is WHOLE else paths[:6]):
            # In the lists, where they are looked at, every second; elsewhere some of them.
            mine = cases[number % 2 :: 2] if path.count("/") == 4 else cases[number % 60 :: 60]
            for query in extent.of(mine):
                here = ground.browser("admin")
                answer = ordeal.attempt(
                    f"{path}?{query[:80]}",
                    lambda here=here, path=path, query=query: here.get(f"{path}?{query}"),
                    allowed=READ,
                )
                if answer is not None:
                    check_no_markup(ordeal, query, answer)
                    is_list = path.count("/") == 4
                    if is_list and query.startswith(tuple(secrets)) and answer.status_code == 200:
                        ordeal.faults.append(f"{path}?{query}: a lookup of secrets is answered")


def test_administration_is_for_administrators(ground: Ground, extent: Extent) -> None:
    paths = list(admin_paths())
    with Ordeal("administration: who may not", ground.secrets) as ordeal:
        for path in extent.of(paths):
            for caller in (ground.browser(), ground.browser("user"), ground.program(), Client()):
                for method in ("GET", "POST"):
                    ordeal.attempt(
                        f"{method} {path}",
                        lambda caller=caller, method=method, path=path: fresh(caller).generic(
                            method, path
                        ),
                        allowed=(302, 403, 404),
                    )


def test_a_status_in_the_path_of_another(ground: Ground) -> None:
    """The agent sees its own tasks alone, whatever it asks for."""
    caller = ground.program("agent")
    with Ordeal("queries: another's rows", ground.secrets) as ordeal:
        for query in ("agent=marina", "q=segredo", "agent=marina&status=in_progress", "limit=500"):
            for status in TaskStatus:
                path = f"{TASKS}?{query}" + ("" if "status" in query else f"&status={status}")
                answer = ordeal.attempt(path, lambda path=path: caller.get(path), allowed=(200,))
                if answer is not None and "Segredo" in text_of(answer):
                    ordeal.faults.append(f"{path}: shows another agent's task")
