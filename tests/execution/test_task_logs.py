"""Lines of one task are numbered in the order in which they are committed."""

from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from django.db import connection, transaction

from execution.enums import LogLevel, TaskStatus
from execution.models import TaskLog
from execution.task_logs import LogLine, append_logs
from tests.factories import OPERATOR, make_task_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def write(task_id: str, message: str) -> None:
    append_logs(task_id, [LogLine(LogLevel.INFO, message)], caller=OPERATOR)


def test_who_writes_waits_for_who_has_written_and_not_yet_committed() -> None:
    task_id = make_task_in(TaskStatus.IN_PROGRESS).row["task_id"]

    def second() -> None:
        try:
            write(task_id, "second")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            write(task_id, "first")
            writing = threads.submit(second)
            # Who reads on after the second line would never see the first.
            assert wait([writing], timeout=0.5).not_done
        writing.result()
    assert list(TaskLog.objects.order_by("id").values_list("message", flat=True)) == [
        *("first", "second"),
    ]
