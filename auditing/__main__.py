"""python -m auditing: exit code 0 all clean, 1 something was found, 2 something was not checked."""

import sys
from pathlib import Path

from auditing import advisories, licences
from auditing.findings import exit_code, report
from auditing.requirements import Pinned, read_pinned

PROJECT = Path(__file__).resolve().parent.parent
# Weaknesses count in tools too; a tool's licence binds nobody who runs the product.
SHIPPED = ("requirements.txt", "requirements-sentry.txt", "requirements-celery.txt")
INSTALLED = (*SHIPPED, "requirements-dev.txt")


def packages_of(files: tuple[str, ...]) -> list[Pinned]:
    found = [one for name in files for one in read_pinned((PROJECT / name).read_text())]
    return list({str(one): one for one in found}.values())


def main() -> int:
    results = advisories.check(packages_of(INSTALLED))
    results += licences.check(packages_of(SHIPPED), licences.read_list())
    sys.stdout.write("\n".join((*report(results), "")))
    return exit_code(results)


if __name__ == "__main__":
    sys.exit(main())
