"""Write down what happens to a task, one step after another."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from execution.changes import TaskChange
from execution.demo.catalogue import Cause
from execution.demo.roster import HEAD, PLAYBOOK, QA
from execution.enums import FailureReason, SyncState, TaskStatus
from execution.histories import Step, tell
from execution.services import NewTask, TaskHistory


@dataclass(slots=True)
class Story:
    """A task and its steps so far; `at` is where its time stands."""

    new: NewTask
    created_at: datetime
    at: datetime = field(init=False)
    steps: list[Step] = field(init=False, default_factory=list)
    failed_target: tuple[str, Cause] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.at = self.created_at

    @property
    def targets(self) -> Sequence[str]:
        return self.new.targets or (self.new.marketplace_id,)

    def wait(self, minutes: float) -> "Story":
        self.at += timedelta(minutes=minutes)
        return self

    def approve(self, *, by: str = QA) -> None:
        self._change(TaskChange(TaskStatus.APPROVED), by)

    def reject(self, reason: str) -> None:
        self._end_by_a_person(FailureReason.REJECTED, reason, QA)

    def cancel(self, reason: str) -> None:
        self._end_by_a_person(FailureReason.CANCELLED, reason, HEAD)

    def start(self) -> None:
        self._change(TaskChange(TaskStatus.IN_PROGRESS))

    def report(self, progress: int) -> None:
        self._change(TaskChange(TaskStatus.IN_PROGRESS, progress=progress))

    def publish(self) -> None:
        self._change(TaskChange(TaskStatus.MARKETPLACE_SYNC))

    def mark_synced(self, slug: str) -> None:
        """The last target completes the task by itself."""
        self._change(TaskChange(TaskStatus.MARKETPLACE_SYNC, sync_status={slug: True}))

    def complete(self) -> None:
        self._change(TaskChange(TaskStatus.COMPLETED))

    def fail(self, cause: Cause, *, target: str | None = None) -> None:
        """`target` is the marketplace where it went wrong."""
        if target is not None:
            self.failed_target = (target, cause)
        change = TaskChange(
            TaskStatus.FAILED, error=cause.message, failure_reason=FailureReason(cause.reason)
        )
        self._change(change)

    def retry(self) -> None:
        self.failed_target = None
        self._change(TaskChange(TaskStatus.PENDING), HEAD)

    def _end_by_a_person(self, failure_reason: FailureReason, reason: str, by: str) -> None:
        change = TaskChange(TaskStatus.FAILED, failure_reason=failure_reason, reason=reason)
        self._change(change, by)

    def _change(self, change: TaskChange, by: str | None = None) -> None:
        self.steps.append(Step(change, by or f"agent:{self.new.agent_id}", self.at))

    def told(self) -> TaskHistory:
        history = tell(self.new, self.steps, created_at=self.created_at, actor=PLAYBOOK)
        if self.failed_target is not None:
            slug, cause = self.failed_target
            trouble(history, slug, SyncState.FAILED, cause)
        return history


def trouble(
    history: TaskHistory, slug: str, state: SyncState, cause: Cause | None = None, *, tries: int = 1
) -> None:
    """Put a target into a state that only publishing itself can reach."""
    for target in history.targets:
        if target.marketplace_id == slug:
            target.state = state
            target.synced_at = None
            target.attempts = tries
            target.error = cause.message if cause else None
            target.retryable = cause.retryable if cause else None
            target.updated_at = history.task.updated_at
