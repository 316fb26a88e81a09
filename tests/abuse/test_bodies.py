"""Bodies that no call can mean: broken, bombs, other types, depths, numbers, Unicode and keys."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.abuse.ground import FORMS, JSON, WRITES, Ground, fields_of, fresh, name_of
from tests.abuse.ordeal import Ordeal
from tests.abuse.tally import Extent
from tests.test_bad_input import BROKEN_BODIES, CONTENT_TYPES
from tests.test_role_matrix import Row

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
EVERY_WRITE = pytest.mark.parametrize("row", WRITES, ids=name_of)
EVERY_FORM = pytest.mark.parametrize("row", FORMS, ids=name_of)

_DEEP: Any = 1
for _ in range(33):
    _DEEP = [_DEEP]

# As they stand in the body: Python's own writer would not write them.
NUMBERS: Final = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e999",
    "0x10",
    "010",
    "+1",
    ".5",
    "1.",
]
NUMBERS += ["1e", "--1", "9" * 5000, f"-{'9' * 400}", "18446744073709551616", "1_000", "1e+", "∞"]
TEXTS: Final = [
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\uDBFF x"',
    '"\x00"',
]
TEXTS += ['"a\nb"', '"\\x41"', '"\\u00g0"', '"unclosed', "'single'", "undefined", "True", "nil"]
# JSON, but of no field's type: objects with operators, lists in lists, what is far too long.
VALUES: Final[list[Any]] = [{"$ne": None}, {"$gt": ""}, {"__proto__": {"x": 1}}, {"__class__": "x"}]
VALUES += [[[]], [[[{}]]], [None], [{"$where": "1"}], _DEEP, {"constructor": {"prototype": {}}}]
VALUES += [-(2**63), 2**63 - 1, 1e308, -1e-308, -0.5, "x" * 70_000, ["x" * 70_000], [1] * 501]
UNKNOWN: Final = ["__proto__", "constructor", "id", "pk", "actor", "createdAt", "is_superuser"]
UNKNOWN += [
    "task__agent__slug",
    "status__in",
    "sequence",
    "$where",
    "approvedAt",
    "",
    " ",
    "\u200b",
]
UNKNOWN += ["csrfmiddlewaretoken", "_method", "agent__api_tokens__key_hash", "attempt", "\u202ex"]


def _bomb(megabytes: int) -> bytes:
    return b'{"title": "' + b"x" * (megabytes * 1024 * 1024) + b'"}'


def _coded(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Bodies that say they are compressed; nothing here unpacks any."""
    yield "gzip", gzip.compress(body)
    yield "gzip", body
    yield "deflate", zlib.compress(body)
    yield "gzip, gzip", gzip.compress(gzip.compress(body))
    yield "gzip", gzip.compress(_bomb(20))
    yield "gzip", gzip.compress(gzip.compress(_bomb(20)))
    yield "x-gzip", gzip.compress(body)[:-4]
    for name in (
        "br",
        "zstd",
        "compress",
        "bzip2",
        "aws-chunked",
        "é",
        "identity, gzip",
        "x" * 900,
    ):
        yield name, body


def _impostors(name: str) -> list[str]:
    """Keys that look like a field's, or that some reader might take for it."""
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isascii() else letter for letter in name)
    found = [
        name.upper(),
        f"{name} ",
        f" {name}",
        f"{name}\u200b",
        f"\ufeff{name}",
        wide,
        f"{name}[]",
    ]
    found += [f"{name}__in", f"{name}.x", f"{name}\u0301", name.replace("a", "а").replace("o", "о")]
    return [key for key in found if key != name]


@EVERY_WRITE
def test_what_is_no_json(ground: Ground, extent: Extent, row: Row) -> None:
    caller, path = ground.caller_of(row), ground.path_of(row)
    with Ordeal("bodies: no JSON", ground.secrets) as ordeal:
        for name, body in extent.of(list(BROKEN_BODIES.items())):
            ordeal.attempt(
                name, lambda body=body: caller.generic(row.method, path, body, content_type=JSON)
            )


@EVERY_WRITE
def test_numbers_and_texts_that_are_none(ground: Ground, extent: Extent, row: Row) -> None:
    caller, path = ground.caller_of(row), ground.path_of(row)
    cases = [(field, text) for field in fields_of(row) for text in (*NUMBERS, *TEXTS)]
    with Ordeal("bodies: number and text tricks", ground.secrets) as ordeal:
        for field, text in extent.of(cases):
            rest = {key: value for key, value in ground.body_of(row).items() if key != field}
            whole = json.dumps({**rest, field: "HERE"}).replace('"HERE"', text)
            ordeal.attempt(
                f"{field}={text[:40]!a}",
                lambda whole=whole: caller.generic(
                    row.method, path, whole.encode("utf-8", "surrogatepass"), content_type=JSON
                ),
            )


@EVERY_WRITE
def test_values_of_another_type(ground: Ground, extent: Extent, row: Row) -> None:
    caller, path = ground.caller_of(row), ground.path_of(row)
    cases = [(field, value) for field in fields_of(row) for value in VALUES]
    # An agent's result is whatever object it likes, but for what the parser refuses.
    cases = [(f, v) for f, v in cases if not (f == "result" and isinstance(v, dict))]
    with Ordeal("bodies: types and depths", ground.secrets) as ordeal:
        for field, value in extent.of(cases):
            body = {**ground.body_of(row), field: value}
            ordeal.attempt(
                f"{field}={value!a:.40}",
                lambda body=body: caller.generic(
                    row.method, path, json.dumps(body).encode(), content_type=JSON
                ),
            )


@EVERY_WRITE
def test_keys_that_are_no_field(ground: Ground, extent: Extent, row: Row) -> None:
    caller, path = ground.caller_of(row), ground.path_of(row)
    keys = [*UNKNOWN, *(key for name in fields_of(row) for key in _impostors(name))]
    with Ordeal("bodies: keys that are none", ground.secrets) as ordeal:
        for key in extent.of(keys):
            body = {**ground.body_of(row), key: "x"}
            ordeal.attempt(
                f"{key!a}",
                lambda body=body: caller.generic(
                    row.method, path, json.dumps(body).encode(), content_type=JSON
                ),
            )
        for field in extent.of(fields_of(row)):
            twice = f'{{"{field}": 1, {json.dumps(ground.body_of(row))[1:]}'
            if field in row.body:
                ordeal.attempt(
                    f"{field} twice",
                    lambda twice=twice: caller.generic(
                        row.method, path, twice.encode(), content_type=JSON
                    ),
                )


@EVERY_WRITE
def test_compressed_bodies_and_other_types_of_content(
    ground: Ground, extent: Extent, row: Row
) -> None:
    caller, path = ground.caller_of(row), ground.path_of(row)
    good = json.dumps(ground.body_of(row)).encode()
    with Ordeal("bodies: compressed, bombs", ground.secrets) as ordeal:
        for coding, body in extent.of(list(_coded(good))):
            ordeal.attempt(
                f"Content-Encoding: {coding[:40]}",
                lambda coding=coding, body=body: caller.generic(
                    row.method,
                    path,
                    body,
                    content_type=JSON,
                    headers={"Content-Encoding": coding},
                ),
            )
    if row.method == "DELETE":
        return  # nobody reads its body
    with Ordeal("bodies: other types of content", ground.secrets) as ordeal:
        for kind in extent.of(CONTENT_TYPES):
            ordeal.attempt(
                kind,
                lambda kind=kind: caller.generic(row.method, path, good, content_type=kind),
            )


@EVERY_WRITE
def test_oversize(ground: Ground, extent: Extent, row: Row) -> None:
    caller, path = ground.caller_of(row), ground.path_of(row)
    many = json.dumps({f"f{number}": 1 for number in range(100_000)}).encode()
    nested = b'{"a":' * 500_000 + b"1" + b"}" * 500_000
    cases = [_bomb(4), b"[" * 4_000_000, nested, many, b" " * 4_500_000, b'{"":' * 900_000]
    with Ordeal("bodies: oversize", ground.secrets) as ordeal:
        for body in extent.of(cases):
            answer = ordeal.attempt(
                f"{body[:20]!r} x {len(body)}",
                lambda body=body: caller.generic(row.method, path, body, content_type=JSON),
            )
            if answer is not None and len(answer.content) > 10_000:
                ordeal.faults.append(f"{body[:20]!r}: a long answer, {len(answer.content)} bytes")


# -- Forms of pages ------------------------------------------------------------------------------

FORM_VALUES: Final = ["\x00", "a\x00b", "x" * 100_000, "\ufffd" * 5000, "{'$ne': 1}" * 900]


@EVERY_FORM
def test_forms(ground: Ground, extent: Extent, row: Row) -> None:
    path = ground.path_of(row)
    good = ground.body_of(row)
    if path in ("/accounts/logout/", "/csp-report") or good.get("do") == "end_others":
        return  # they take nothing; tests/test_csp_reports.py has the reports
    cases = [({**good, field: value}, field) for field in good for value in FORM_VALUES]
    cases += [
        ({key: value for key, value in good.items() if key != field}, f"no {field}")
        for field in good
    ]
    cases += [({f"{field}[]": good[field]}, f"{field}[]") for field in good]
    with Ordeal("forms: values that none takes", ground.secrets) as ordeal:
        for values, told in extent.of(cases):
            browser = fresh(ground.browser())
            ordeal.attempt(
                f"{told}: {values!a:.80}",
                lambda browser=browser, values=values: browser.post(path, values),
                allowed=(200, 204, 302, *range(400, 500)),
            )
