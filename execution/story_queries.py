"""What the log has of a task's way, for its page."""

from typing import Final

from execution.enums import EventKind, TaskStatus
from execution.models import TaskEvent
from execution.task_story import Turn

# Those that change the status.
TURNING: Final = (
    EventKind.CREATED,
    EventKind.APPROVED,
    EventKind.STARTED,
    EventKind.SYNCING,
    EventKind.COMPLETED,
    EventKind.FAILED,
    EventKind.RETURNED,
    EventKind.RETRIED,
    EventKind.LEASE_EXPIRED,
    EventKind.UNDONE,
)


def turns_of(task_pk: int, *, attempt: int) -> list[Turn]:
    """The changes of status of one attempt, in their order."""
    events = TaskEvent.objects.filter(task_id=task_pk, attempt=attempt, kind__in=TURNING)
    rows = events.order_by("sequence").values_list("kind", "to_status", "at")
    return [Turn(EventKind(kind), TaskStatus(status), at) for kind, status, at in rows]
