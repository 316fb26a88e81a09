"""What one update does to a task: new field values, new target states and the events to record.

Pure: the caller has locked the rows and writes what is planned here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.utils.translation import gettext_lazy as _

from execution import lifecycle
from execution.enums import EventKind, FailureReason, SyncState, TaskStatus
from execution.exceptions import InvalidTransition
from execution.rows import TargetRow, TaskRow, TaskState, execution_minutes, merged
from nexo.shared.exceptions import validation_error


class _Unset:
    """Marks a field that the request did not name; None means that it asked for null."""


UNSET: Final = _Unset()
SYNC_ACTOR: Final = "system:sync"
WITHDRAWABLE: Final = frozenset({SyncState.PLANNED, SyncState.QUEUED})
# States that a step back or a retry leaves as they are.
SETTLED: Final = frozenset({SyncState.SYNCED, SyncState.NOT_REQUIRED})


@dataclass(frozen=True, slots=True)
class TaskChange:
    """An update as asked for. `progress` in percent; `sync_status` maps target slugs to synced."""

    status: TaskStatus
    progress: int | None = None
    error: str | _Unset | None = UNSET
    failure_reason: FailureReason | None = None
    sync_status: Mapping[str, bool] = field(default_factory=dict)
    reason: str | None = None
    version: int | None = None
    result: Mapping[str, Any] | None = None

    @property
    def is_decision(self) -> bool:
        """Approves or rejects, and does nothing else."""
        approved = TaskChange(TaskStatus.APPROVED)
        rejected = TaskChange(TaskStatus.FAILED, failure_reason=FailureReason.REJECTED)
        return replace(self, reason=None, version=None) in (approved, rejected)


class EventDraft(NamedTuple):
    """An event without its number; agent and estimate are those of its instant."""

    kind: EventKind
    from_status: str | None
    to_status: str
    progress: int
    actor: str
    reason: str | None
    at: datetime
    agent_id: str | None
    attempt: int
    failure_reason: str | None
    estimated_minutes: float
    execution_minutes: float | None = None
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write. No event means that nothing changes."""

    fields: Mapping[str, Any]
    targets: Mapping[str, Mapping[str, Any]]
    events: Sequence[EventDraft]


def plan_change(state: TaskState, change: TaskChange, *, actor: str, now: datetime) -> Plan:
    """Plan one update of a locked task.

    Raises
    ------
    InvalidTransition: the step, or marking targets in this status, is not allowed
    ValidationError: progress outside the status's range, a marketplace that is no target,
        a failure reason without a failure
    """
    return _Planner(state, change, actor, now).plan()


class _Planner:
    """One plan in the making: `row` and `targets` are the task as it will be."""

    def __init__(self, state: TaskState, change: TaskChange, actor: str, now: datetime) -> None:
        self.before = state.row
        self.row: TaskRow = merged(state.row, {})
        self.targets = {target["marketplace_id"]: target for target in state.targets}
        self.targets_before = dict(self.targets)
        self.change = change
        self.actor = actor
        self.now = now
        self.old = TaskStatus(state.row["status"])
        self.new = change.status
        self.fields: dict[str, Any] = {}
        self.events: list[EventDraft] = []

    def plan(self) -> Plan:
        kind = self._check()
        if kind is not None:
            self._enter(self.new)
        self._mark_targets()
        self._set_progress(entered=kind is not None)
        self._set_notes()
        self._record(kind or self._update_kind())
        if self.row["status"] == TaskStatus.MARKETPLACE_SYNC and self._all_synced():
            self._complete_by_itself()
        return Plan(self.fields, self._changed_targets(), self.events)

    # -- checks ------------------------------------------------------------------------------------

    def _check(self) -> EventKind | None:
        """The transition's event kind; None for an update within the status."""
        change = self.change
        for slug in change.sync_status:
            target = self.targets.get(slug)
            if target is None or target["state"] == SyncState.NOT_REQUIRED:
                raise validation_error(f"syncStatus.{slug}", _("This is not a target of the task."))
        if change.progress is not None and not lifecycle.in_range(self.new, change.progress):
            low, high = lifecycle.PROGRESS_RANGE[self.new]
            message = _("In status %(status)s, progress must be from %(low)d to %(high)d.")
            values = {"status": self.new.value, "low": low, "high": high}
            raise validation_error("progress", message % values)
        kind = None
        if self.new != self.old:
            kind = lifecycle.transition_kind(self.old, self.new)
            if kind is None:
                raise self._invalid()
        if change.sync_status and TaskStatus.MARKETPLACE_SYNC not in (self.old, self.new):
            raise self._invalid(_("Targets can be marked only while the task is syncing."))
        self._check_failure_reason()
        return kind

    def _check_failure_reason(self) -> None:
        reason = self.change.failure_reason
        if reason is None:
            return
        if self.new != TaskStatus.FAILED:
            raise validation_error("failureReason", _("Only a failed task has a failure reason."))
        if self.old == TaskStatus.FAILED and reason != self.before["failure_reason"]:
            raise validation_error(
                "failureReason", _("The reason of a failure cannot be changed afterwards.")
            )

    def _invalid(self, detail: Any = None) -> InvalidTransition:
        allowed = [status.value for status in lifecycle.allowed_transitions(self.old)]
        return InvalidTransition(
            old=self.old.value, new=self.new.value, allowed=allowed, detail=detail
        )

    # -- steps -------------------------------------------------------------------------------------

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            if self.row[name] != value:  # type: ignore[literal-required]
                self.fields[name] = value
        self.row = merged(self.row, values)

    def _enter(self, status: TaskStatus) -> None:
        """Set what the contract says of entering a status, its entry progress included."""
        now, old = self.now, self.old
        progress_before = self.before["progress"]
        self._set(status=status.value, progress=lifecycle.ENTRY_PROGRESS[status])
        match status:
            case TaskStatus.APPROVED:
                self._set(approved_at=now)
            case TaskStatus.IN_PROGRESS if old == TaskStatus.MARKETPLACE_SYNC:
                self._replan_targets()
            case TaskStatus.IN_PROGRESS:
                # Starting a pending task approves it implicitly.
                self._set(started_at=now, approved_at=self.row["approved_at"] or now)
            case TaskStatus.MARKETPLACE_SYNC:
                self._move_targets({SyncState.PLANNED}, SyncState.QUEUED)
            case TaskStatus.COMPLETED:
                self._set(ended_at=now)
            case TaskStatus.FAILED:
                reason = self.change.failure_reason or FailureReason.ERROR
                self._set(
                    ended_at=now, failure_reason=reason.value, progress_at_failure=progress_before
                )
            case TaskStatus.PENDING:
                self._set(
                    approved_at=None,
                    started_at=None,
                    ended_at=None,
                    error=None,
                    failure_reason=None,
                    progress_at_failure=None,
                    attempt=self.before["attempt"] + 1,
                )
                self._replan_targets()

    def _replan_targets(self) -> None:
        self._move_targets(set(SyncState) - SETTLED, SyncState.PLANNED)

    def _move_targets(self, states: set[SyncState] | frozenset[SyncState], to: SyncState) -> None:
        for slug, target in self.targets.items():
            if target["state"] in states and target["state"] != to:
                self._set_target(slug, to)

    def _set_target(self, slug: str, state: SyncState) -> None:
        self.targets[slug] = {
            **self.targets[slug],
            "state": state.value,
            "error": None,
            "retryable": None,
            "synced_at": self.now if state == SyncState.SYNCED else None,
            "updated_at": self.now,
        }

    def _mark_targets(self) -> None:
        for slug, synced in self.change.sync_status.items():
            if synced != (self.targets[slug]["state"] == SyncState.SYNCED):
                self._set_target(slug, SyncState.SYNCED if synced else SyncState.QUEUED)
        if self.new == TaskStatus.IN_PROGRESS:
            # A target marked in the very step back is planned again like the others.
            self._move_targets({SyncState.QUEUED}, SyncState.PLANNED)

    def _set_progress(self, *, entered: bool) -> None:
        """An explicit progress wins; else, while syncing, it follows the targets."""
        if self.change.progress is not None:
            self._set(progress=self.change.progress)
        elif self.new == TaskStatus.MARKETPLACE_SYNC and (entered or self._changed_targets()):
            states = self._required_states()
            synced = states.count(SyncState.SYNCED)
            self._set(progress=lifecycle.sync_progress(synced, len(states)))

    def _set_notes(self) -> None:
        change = self.change
        if not isinstance(change.error, _Unset):
            self._set(error=change.error or None)
        if change.result is not None:
            self.fields["result"] = change.result

    def _complete_by_itself(self) -> None:
        self.old, self.new = TaskStatus.MARKETPLACE_SYNC, TaskStatus.COMPLETED
        self._enter(TaskStatus.COMPLETED)
        self.change = replace(self.change, reason=None, sync_status={})
        self.actor = SYNC_ACTOR
        self._record(EventKind.COMPLETED)

    # -- results -----------------------------------------------------------------------------------

    def _required_states(self) -> list[str]:
        states = [target["state"] for target in self.targets.values()]
        return [state for state in states if state != SyncState.NOT_REQUIRED]

    def _all_synced(self) -> bool:
        states = self._required_states()
        return bool(self.events) and bool(states) and set(states) == {SyncState.SYNCED.value}

    def _changed_targets(self) -> dict[str, TargetRow]:
        before = self.targets_before
        return {
            slug: target
            for slug, target in self.targets.items()
            if target["state"] != before[slug]["state"]
        }

    def _update_kind(self) -> EventKind | None:
        """The kind of an update within the status; None when nothing changes."""
        if self._changed_targets():
            return EventKind.SYNC
        for name, kind in (
            ("progress", EventKind.PROGRESS),
            ("error", EventKind.ERROR),
            ("result", EventKind.RESULT),
        ):
            if name in self.fields:
                return kind
        return None

    def _record(self, kind: EventKind | None) -> None:
        if kind is None:
            return
        row = self.row
        details: dict[str, Any] = {}
        if kind == EventKind.COMPLETED and (withdrawn := self._withdraw_open_targets()):
            details["withdrawn"] = withdrawn
        if marked := {
            slug: target["state"] == SyncState.SYNCED
            for slug, target in self._changed_targets().items()
            if slug in self.change.sync_status
        }:
            details["sync"] = marked
        if "error" in self.fields and row["error"]:
            details["error"] = row["error"]
        ended = kind in (EventKind.COMPLETED, EventKind.FAILED)
        self.events.append(
            EventDraft(
                kind=kind,
                from_status=self.old.value,
                to_status=self.new.value,
                progress=row["progress"],
                actor=self.actor,
                reason=self.change.reason,
                at=self.now,
                agent_id=row["agent_id"],
                attempt=row["attempt"],
                failure_reason=row["failure_reason"] if ended else None,
                estimated_minutes=row["estimated_minutes"],
                execution_minutes=(
                    execution_minutes(row["started_at"], row["ended_at"]) if ended else None
                ),
                details=details or None,
            )
        )

    def _withdraw_open_targets(self) -> list[str]:
        """Completed by hand with targets open: those not yet under way are no longer required."""
        open_targets = [s for s, t in self.targets.items() if t["state"] in WITHDRAWABLE]
        for slug in open_targets:
            self._set_target(slug, SyncState.NOT_REQUIRED)
        return open_targets
