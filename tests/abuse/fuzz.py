"""Parsers under coverage-guided fuzzing: `python -m tests.abuse.fuzz TARGET RUNS`.

A parser may refuse with its own error and do nothing else. With atheris, which follows what the
bytes reach; where it has no wheel, tests/abuse/test_fuzz.py drives the same targets by Hypothesis.
"""

import io
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexo.settings")

Target = Callable[[bytes], object]


def targets() -> Mapping[str, Target]:
    """Each reads any bytes; made after Django is set up, with what it reads by instrumented."""
    from django.http import QueryDict
    from rest_framework.exceptions import APIException

    from execution.enums import MarketplaceSlug
    from execution.feed.conduct import is_pong
    from execution.feed.handshake import read_cookie, read_line_number, read_offer, read_place
    from execution.filters import filter_values
    from execution.importing import options
    from execution.importing.options import BadOption
    from execution.importing.records import Problem, read_records
    from execution.importing.rows import BadRow, RowReader
    from execution.serializers import NewTaskSerializer, TaskUpdateSerializer
    from nexo.shared.instants import parse_instant
    from nexo.shared.pagination import Listing, decode_cursor, decode_place
    from nexo.shared.parsers import parse_json

    def text(data: bytes) -> str:
        return data.decode("utf-8", "replace")

    def body(data: bytes) -> None:
        try:
            value = parse_json(data)
        except (ValueError, RecursionError):
            return
        for serializer in (NewTaskSerializer, TaskUpdateSerializer):
            serializer(data=value).is_valid()

    def filters(data: bytes) -> None:
        with suppress(APIException):
            filter_values(QueryDict(data).dict())

    def cursor(data: bytes) -> None:
        for read in (decode_cursor, decode_place):
            with suppress(APIException):
                read(text(data), of=Listing.TASKS)

    def instant(data: bytes) -> None:
        with suppress(ValueError):
            parse_instant(text(data))

    names = list(options.COLUMNS)

    def log(data: bytes) -> None:
        """Below a header that is right, so that every cell is read."""
        file = io.BytesIO(",".join(names).encode() + b"\n" + data)
        positions = options.column_positions(names, {})
        reader = RowReader(
            positions, {slug.value: slug.value for slug in MarketplaceSlug}, width=len(names)
        )
        for record in list(read_records(file))[1:]:
            if isinstance(record, Problem):
                str(record)
                continue
            try:
                reader.read(record.line, record.cells)
            except BadRow as cause:
                str(cause)

    def header(data: bytes) -> None:
        for record in read_records(io.BytesIO(data)):
            if not isinstance(record, Problem):
                try:
                    options.column_positions(record.cells, {})
                except BadOption as cause:
                    str(cause)
            return

    def handshake(data: bytes) -> None:
        read_place(data)
        read_line_number(data)
        read_offer([word for word, _value in parse_qsl(text(data)[:1000])])
        read_cookie([(b"cookie", data)], "sessionid")
        is_pong({"text": text(data)})
        is_pong({"bytes": data})

    return {
        "body": body,
        "cursor": cursor,
        "filters": filters,
        "handshake": handshake,
        "header": header,
        "instant": instant,
        "log": log,
    }


NAMES: Final = ("body", "cursor", "filters", "handshake", "header", "instant", "log")
# Where to begin: what each takes.
SEEDS: Final[Mapping[str, list[bytes]]] = {
    "body": [
        b'{"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}',
        b'{"taskId": "task-x", "status": "completed", "syncStatus": {"amazon": true}}',
        b'{"taskId": "task-x", "status": "failed", "result": {"a": [1.5e3, null]}}',
    ],
    "cursor": [b"tAAYQ6cYyAAAAAAAAAAAAAQ"],
    "filters": [b"status=pending,failed&createdAfter=2026-01-01T00:00:00Z&overdue=true&q=x"],
    "handshake": [
        b"since=1&epoch=937da82e-788a-40a9-8d8c-7800c57cb0af",
        b'{"type": "pong"}',
        b"after=3",
    ],
    "header": [b"external_id,task_type,channel,status\n", b'"a;b";c\n'],
    "instant": [b"2026-02-24T14:35:12Z", b"2026-02-24 14:35:12+0200", b"2026-02-24"],
    "log": [b"a1,photo,amazon,alex,Foto,completed,,2026-01-01T00:00:00Z,,,2026-01-02 10:00,60\n"],
}


def main(name: str, runs: int) -> None:
    import atheris

    packages = ["execution", "nexo.shared", "json", "csv"]
    with atheris.instrument_imports(include=packages):
        import django

        django.setup()
        target = targets()[name]
    options = [sys.argv[0], f"-runs={runs}", "-max_len=4096", "-rss_limit_mb=2048", "-timeout=10"]
    atheris.Setup([*options, "-print_final_stats=1", *sys.argv[3:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
