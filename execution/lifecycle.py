"""The life cycle of a task: which status may follow which, and the progress each allows.

Pure: values in, values out. The table is docs/reference/lifecycle.md.
"""

from typing import Final

from execution.enums import EventKind, TaskStatus

PENDING, APPROVED, RUNNING, SYNCING, COMPLETED, FAILED = (
    TaskStatus.PENDING,
    TaskStatus.APPROVED,
    TaskStatus.IN_PROGRESS,
    TaskStatus.MARKETPLACE_SYNC,
    TaskStatus.COMPLETED,
    TaskStatus.FAILED,
)

ENTRY_PROGRESS: Final = {
    PENDING: 0,
    APPROVED: 25,
    RUNNING: 50,
    SYNCING: 75,
    COMPLETED: 100,
    FAILED: 0,
}
"""Progress, percent, on entering a status."""

PROGRESS_RANGE: Final = {
    PENDING: (0, 0),
    APPROVED: (25, 49),
    RUNNING: (50, 74),
    SYNCING: (75, 99),
    COMPLETED: (100, 100),
    FAILED: (0, 0),
}
"""Lowest and highest progress, percent, that may be reported in a status; both inclusive."""

# Every legal step with the kind of event it leaves. A missing pair is a 409.
_STEPS: Final[dict[tuple[TaskStatus, TaskStatus], EventKind]] = {
    (PENDING, APPROVED): EventKind.APPROVED,
    (PENDING, RUNNING): EventKind.STARTED,
    (PENDING, FAILED): EventKind.FAILED,
    (APPROVED, RUNNING): EventKind.STARTED,
    (APPROVED, FAILED): EventKind.FAILED,
    (RUNNING, SYNCING): EventKind.SYNCING,
    (RUNNING, COMPLETED): EventKind.COMPLETED,
    (RUNNING, FAILED): EventKind.FAILED,
    (SYNCING, COMPLETED): EventKind.COMPLETED,
    (SYNCING, RUNNING): EventKind.RETURNED,
    (SYNCING, FAILED): EventKind.FAILED,
    (FAILED, PENDING): EventKind.RETRIED,
}

# What an agent may do with its own task: working, not deciding.
AGENT_STEPS: Final = frozenset(
    {
        (APPROVED, RUNNING),
        (APPROVED, FAILED),
        (RUNNING, SYNCING),
        (RUNNING, COMPLETED),
        (RUNNING, FAILED),
        (SYNCING, COMPLETED),
        (SYNCING, RUNNING),
        (SYNCING, FAILED),
    }
)


def allowed_transitions(status: TaskStatus) -> list[TaskStatus]:
    """The statuses a person may move a task to from `status`, in the order of the life cycle."""
    return [new for new in TaskStatus if (status, new) in _STEPS]


def transition_kind(old: TaskStatus, new: TaskStatus) -> EventKind | None:
    """The kind of event that the step leaves; None when the step is not allowed."""
    return _STEPS.get((old, new))


def may_mark_targets(old: TaskStatus, new: TaskStatus) -> bool:
    """Whether the step may mark targets: one that leaves them behind unfinished may not."""
    return new == SYNCING or (old, new) == (SYNCING, COMPLETED)


def in_range(status: TaskStatus, progress: int) -> bool:
    low, high = PROGRESS_RANGE[status]
    return low <= progress <= high


def sync_progress(synced: int, targets: int) -> int:
    """Progress, percent, of a task in marketplace_sync: 75 + floor(25 x synced / targets), max 99.

    Three of six targets give 87. No target at all gives the status's entry value.
    """
    if targets == 0:
        return ENTRY_PROGRESS[SYNCING]
    return min(PROGRESS_RANGE[SYNCING][1], ENTRY_PROGRESS[SYNCING] + 25 * synced // targets)
