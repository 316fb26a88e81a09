"""What the log has of a task's way, for its page."""

from typing import Final

from execution.enums import REPORT_KINDS, EventKind, TaskStatus
from execution.models import TaskEvent
from execution.task_story import Turn

# Those that change the status.
TURNING: Final = [kind for kind in EventKind if kind not in (*REPORT_KINDS, EventKind.EDITED)]


def turns_of(task_pk: int, *, attempt: int) -> list[Turn]:
    """The changes of status of one attempt, in their order."""
    events = TaskEvent.objects.filter(task_id=task_pk, attempt=attempt, kind__in=TURNING)
    rows = events.order_by("sequence").values_list("kind", "to_status", "at")
    return [Turn(EventKind(kind), TaskStatus(status), at) for kind, status, at in rows]
