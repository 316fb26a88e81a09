"""A worker to be killed: carries out queued jobs, and says on a line each chunk it has done.

python -m tests.orchestration.bulk.worker SECONDS_OF_LEASE
"""

import sys
import threading
import time
from datetime import timedelta

import django

django.setup()

from django.core.management import call_command  # noqa: E402  # after setup

from orchestration.bulk import services  # noqa: E402

do_chunk = services._do_chunk


def tell(*arguments: str) -> bool:
    more = do_chunk(*arguments)
    sys.stdout.write("chunk\n")
    sys.stdout.flush()
    return more


def reap() -> None:
    while True:
        services.resume_overdue_jobs()
        time.sleep(0.2)


services._do_chunk = tell
services.LEASE = timedelta(seconds=float(sys.argv[1]))  # type: ignore[misc]
threading.Thread(target=reap, daemon=True).start()
call_command("db_worker", interval=0.1, startup_delay=False, reload=False, verbosity=0)
