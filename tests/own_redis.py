"""A Redis of its own for each of pytest's processes: none empties another's, or hears it.

A plugin, for it has to come before Django reads its settings.
"""

import atexit
import os
from contextlib import ExitStack

from tests.services import own_folder, redis

if "PYTEST_XDIST_WORKER" in os.environ:
    stack = ExitStack()
    os.environ["REDIS_URL"] = stack.enter_context(redis(own_folder()))
    atexit.register(stack.close)
