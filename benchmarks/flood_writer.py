"""Changes tasks as fast as it can when it is told to. Runs where Django is set up."""

import sys
from collections.abc import Sequence

from accounts.callers import Caller
from benchmarks.dialects import note
from execution import services
from execution.changes import TaskChange
from execution.enums import TaskStatus

OPERATOR = Caller(actor="user:head", is_superuser=True)


def main(task_ids: Sequence[str]) -> None:
    """For each line, the number of the last note and how many are to follow it."""
    for line in sys.stdin:
        last, updates = map(int, line.split())
        for number in range(last + 1, last + updates + 1):
            change = TaskChange(TaskStatus.IN_PROGRESS, error=note(number))
            services.update_task(task_ids[number % len(task_ids)], change, caller=OPERATOR)
