"""Known weaknesses, by pip-audit. Where it cannot ask, a package counts as unchecked.

pip-audit itself ends with "no known vulnerabilities" when its database does not know a package at
all, as behind a mirror that has no advisories: what it skipped is in its report only.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from auditing.findings import Result, Verdict
from auditing.requirements import Pinned, as_requirements, rounds

CHECK = "advisories"
WITHIN_SECONDS = 600
Answer = tuple[int, str, str]
"""Exit code, standard output and standard error of pip-audit."""


def check(
    packages: Iterable[Pinned], *, ask: Callable[[str], Answer] | None = None
) -> list[Result]:
    """One result for each package, whatever happens to pip-audit."""
    results = []
    for part in rounds(packages):
        results += read_answer(part, (ask or _pip_audit)(as_requirements(part)))
    return results


def read_answer(packages: Iterable[Pinned], answer: Answer) -> list[Result]:
    _code, output, errors = answer
    try:
        told: dict[str, Any] = {
            canonicalize_name(one["name"]): one for one in json.loads(output)["dependencies"]
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        last = (errors.strip().splitlines() or ["pip-audit gave no report"])[-1]
        return [Result(CHECK, str(one), Verdict.UNCHECKED, last[:200]) for one in packages]
    return [_result(one, told.get(one.name)) for one in packages]


def _result(package: Pinned, told: Any) -> Result:
    if told is None:
        return Result(CHECK, str(package), Verdict.UNCHECKED, "not in pip-audit's report")
    if told.get("skip_reason"):
        return Result(CHECK, str(package), Verdict.UNCHECKED, str(told["skip_reason"])[:200])
    if told.get("version") != package.version or not isinstance(told.get("vulns"), list):
        return Result(CHECK, str(package), Verdict.UNCHECKED, "pip-audit told of something else")
    if told["vulns"]:
        names = ", ".join(
            f"{one['id']} (fixed in {', '.join(one.get('fix_versions') or ['none'])})"
            for one in told["vulns"]
        )
        return Result(CHECK, str(package), Verdict.FINDING, names)
    return Result(CHECK, str(package), Verdict.CLEAN)


def _pip_audit(requirements: str) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(requirements)
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(file)]
        command += ["--require-hashes", "--disable-pip", "--progress-spinner", "off"]
        command += ["--format", "json", "--timeout", "15"]
        try:
            done = subprocess.run(  # noqa: S603  # ours, with a file of ours
                command, capture_output=True, text=True, check=False, timeout=WITHIN_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return 1, "", str(error)
    return done.returncode, done.stdout, done.stderr
