"""NEXO's own code in a process beside the test, on a database and an engine of its own.

Reads one JSON text of Python per line and answers with the JSON of what it left in `found`.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.servers import PROJECT


class Console:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, code: str) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def console(environment: Mapping[str, str]) -> Iterator[Console]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.orchestration.console"],
        env={**environment, "DJANGO_SETTINGS_MODULE": "nexo.settings"},
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Console(process)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    import django

    django.setup()
    names: dict[str, Any] = {}
    for line in sys.stdin:
        names["found"] = None
        with contextlib.redirect_stdout(sys.stderr):
            exec(json.loads(line), names)
        sys.stdout.write(json.dumps(names["found"]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
