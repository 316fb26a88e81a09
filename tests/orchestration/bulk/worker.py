"""The product's worker, to be killed: it says on a line each chunk that it has done.

python -m tests.orchestration.bulk.worker SECONDS_OF_LEASE
"""

import sys
from datetime import timedelta

import django

django.setup()

from orchestration import worker  # noqa: E402  # after setup
from orchestration.bulk import services  # noqa: E402  # after the settings

do_chunk = services._do_chunk


def tell(*arguments: str) -> bool:
    more = do_chunk(*arguments)
    sys.stdout.write("chunk\n")
    sys.stdout.flush()
    return more


if __name__ == "__main__":
    services._do_chunk = tell
    services.LEASE = timedelta(seconds=float(sys.argv[1]))  # type: ignore[misc]  # final elsewhere
    worker.work()
