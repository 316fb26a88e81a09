"""What one update does to a task: new field values, new target states and the events to record.

Pure: the caller has locked the rows and writes what is planned here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.utils.translation import gettext_lazy as _

from execution import lifecycle
from execution.enums import (
    EventKind,
    FailureReason,
    MarketplaceSlug,
    Priority,
    SyncState,
    TaskStatus,
)
from execution.exceptions import InvalidTransition, SyncNotOpen
from execution.rows import (
    TargetRow,
    TaskRow,
    TaskState,
    execution_minutes,
    merged,
    search_text,
)
from nexo.shared.exceptions import validation_error


class _Unset:
    """Marks a field that the request did not name; None means that it asked for null."""


UNSET: Final = _Unset()
SYNC_ACTOR: Final = "system:sync"
LEASE_ACTOR: Final = "system:leases"
# A task that came back from its agents this often in one attempt fails.
MAX_RETURNS: Final = 3
WITHDRAWABLE: Final = frozenset({SyncState.PLANNED, SyncState.QUEUED})
# States that a step back or a retry leaves as they are.
SETTLED: Final = frozenset({SyncState.SYNCED, SyncState.NOT_REQUIRED})
# What can be sent again: neither synced nor on its way.
RESENDABLE: Final = frozenset(
    {SyncState.PLANNED, SyncState.PARTIAL, SyncState.FAILED, SyncState.DRIFTED}
)
# By which an agent loses a task that may become another's.
LEASE_ENDS: Final = frozenset({EventKind.FAILED, EventKind.LEASE_EXPIRED})
# In which a task's targets can be sent again.
RESYNC_STATUSES: Final = (TaskStatus.MARKETPLACE_SYNC, TaskStatus.COMPLETED)


@dataclass(frozen=True, slots=True)
class Edits:
    """What a task is to be, where that was given; `targets` are marketplaces, each once."""

    title: str | _Unset = UNSET
    estimated_minutes: float | _Unset = UNSET
    agent_id: str | _Unset | None = UNSET
    priority: Priority | _Unset = UNSET
    targets: Sequence[str] | _Unset = UNSET


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
    edits: Edits | None = None


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


def first_event(
    *, actor: str, at: datetime, agent_id: str | None, estimated_minutes: float
) -> EventDraft:
    """That a task was created; it waits to be approved."""
    return EventDraft(
        kind=EventKind.CREATED,
        from_status=None,
        to_status=TaskStatus.PENDING.value,
        progress=lifecycle.ENTRY_PROGRESS[TaskStatus.PENDING],
        actor=actor,
        reason=None,
        at=at,
        agent_id=agent_id,
        attempt=1,
        failure_reason=None,
        estimated_minutes=estimated_minutes,
    )


def planned_target(task_pk: int, slug: str, now: datetime) -> TargetRow:
    return {
        "task_id": task_pk,
        "marketplace_id": slug,
        "state": SyncState.PLANNED.value,
        "attempts": 0,
        "error": None,
        "retryable": None,
        "synced_at": None,
        "updated_at": now,
    }


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write. No event means that nothing changes.

    `targets` are new or changed ones by marketplace, `removed` are no longer targets.
    """

    fields: Mapping[str, Any]
    targets: Mapping[str, TargetRow]
    events: Sequence[EventDraft]
    removed: Sequence[str] = ()


def plan_change(state: TaskState, change: TaskChange, *, actor: str, now: datetime) -> Plan:
    """Plan one update of a locked task.

    Raises
    ------
    InvalidTransition: the step is not allowed
    SyncNotOpen: targets are marked neither in marketplace_sync nor on entering or completing it
    ValidationError: progress outside the status's range, a marketplace that is no target,
        a failure reason without a failure
    """
    return _Planner(state, change, actor, now).plan()


def plan_return(state: TaskState, *, returns: int, error: str, now: datetime) -> Plan:
    """What the end of a lease does to its task: it waits for an agent again.

    A task that was being published comes back by way of execution. After `MAX_RETURNS` it fails
    with `error`; `returns` are those before this one, in this attempt.
    """
    change = TaskChange(TaskStatus.APPROVED)
    return _Planner(state, change, LEASE_ACTOR, now).plan_return(returns, error)


def plan_undo(
    state: TaskState, *, back_to: TaskStatus, actor: str, reason: str | None, now: datetime
) -> Plan:
    """Take a failure back: the task is where it was before, as far as it had come."""
    change = TaskChange(back_to, reason=reason)
    return _Planner(state, change, actor, now).plan_undo()


def plan_resync(
    state: TaskState,
    marketplaces: Collection[str] | None,
    *,
    actor: str,
    reason: str | None,
    now: datetime,
) -> Plan:
    """Queue targets that are not synced again: those named, or all that are still required.

    Raises
    ------
    InvalidTransition: the task is neither being published nor completed
    ValidationError: a marketplace that is no target
    """
    change = TaskChange(TaskStatus(state.row["status"]), reason=reason)
    return _Planner(state, change, actor, now).plan_resync(marketplaces)


class _Planner:
    """One plan in the making: `row` and `targets` are the task as it will be."""

    def __init__(self, state: TaskState, change: TaskChange, actor: str, now: datetime) -> None:
        self.before = state.row
        self.lease = state.lease
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
        self.edited: dict[str, list[Any]] = {}
        self.marked: dict[str, bool] = {}

    def plan(self) -> Plan:
        kind = self._check()
        if kind is not None:
            self._enter(self.new)
        self._mark_targets()
        self._set_progress(entered=kind is not None)
        self._set_notes()
        if self.change.edits is not None:
            self._edit(self.change.edits)
        self._record(kind or self._update_kind())
        if self.row["status"] == TaskStatus.MARKETPLACE_SYNC and self._all_synced():
            self._complete_by_itself()
        return self._planned()

    def plan_return(self, returns: int, error: str) -> Plan:
        if self.old == TaskStatus.MARKETPLACE_SYNC:
            self._step(TaskStatus.IN_PROGRESS, EventKind.RETURNED)
        self._step(TaskStatus.APPROVED, EventKind.LEASE_EXPIRED)
        if returns + 1 >= MAX_RETURNS:
            self.change = replace(self.change, failure_reason=FailureReason.TIMEOUT)
            self._set(error=error)
            self._step(TaskStatus.FAILED, EventKind.FAILED)
        return self._planned()

    def plan_undo(self) -> Plan:
        progress = self.before["progress_at_failure"]
        self._set(
            status=self.new.value,
            progress=lifecycle.ENTRY_PROGRESS[self.new] if progress is None else progress,
            ended_at=None,
            failure_reason=None,
            progress_at_failure=None,
        )
        self._record(EventKind.UNDONE)
        return self._planned()

    def plan_resync(self, marketplaces: Collection[str] | None) -> Plan:
        if self.old not in RESYNC_STATUSES:
            raise self._invalid(_("Targets can be sent only once the task is “Syncing”."))
        for slug in marketplaces or ():
            if slug not in self.targets:
                raise validation_error("channels", _("This is not a target of the task."))
        for slug, target in self.targets.items():
            # What is not required is sent only when it is named.
            wanted = slug in marketplaces if marketplaces else target["state"] in RESENDABLE
            if wanted and target["state"] in RESENDABLE | {SyncState.NOT_REQUIRED}:
                self._set_target(slug, SyncState.QUEUED)
        if self._changed_targets():
            self._set_progress(entered=False)
            self._record(EventKind.SYNC)
        return self._planned()

    def _planned(self) -> Plan:
        removed = [slug for slug in self.targets_before if slug not in self.targets]
        return Plan(self.fields, self._changed_targets(), self.events, removed)

    def _step(self, status: TaskStatus, kind: EventKind) -> None:
        """One of several steps of the system's own."""
        self.new = status
        self._enter(status)
        self._record(kind)
        self.old = status

    # -- checks ------------------------------------------------------------------------------------

    def _check(self) -> EventKind | None:
        """The transition's event kind; None for an update within the status."""
        change = self.change
        for slug in change.sync_status:
            if slug not in self.targets:
                raise validation_error(f"syncStatus.{slug}", _("This is not a target of the task."))
        if change.progress is not None and not lifecycle.in_range(self.new, change.progress):
            low, high = lifecycle.PROGRESS_RANGE[self.new]
            message = (
                _("In status “%(status)s”, progress must be %(low)d.")
                if low == high
                else _("In status “%(status)s”, progress must be from %(low)d to %(high)d.")
            )
            values = {"status": self.new.label, "low": low, "high": high}
            raise validation_error("progress", message % values)
        kind = None
        if self.new != self.old:
            kind = lifecycle.transition_kind(self.old, self.new)
            if kind is None:
                raise self._invalid()
        if change.sync_status and not lifecycle.may_mark_targets(self.old, self.new):
            raise SyncNotOpen
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
            if self.row[name] != value:  # type: ignore[literal-required]  # its keys
                self.fields[name] = value
        self.row = merged(self.row, values)

    def _enter(self, status: TaskStatus) -> None:
        """Set what the contract says of entering a status, its entry progress included."""
        now, old = self.now, self.old
        progress_before = self.row["progress"]
        self._set(status=status.value, progress=lifecycle.ENTRY_PROGRESS[status])
        match status:
            case TaskStatus.APPROVED if old == TaskStatus.PENDING:
                self._set(approved_at=now)
            case TaskStatus.APPROVED:
                # Back from the agent that had it.
                self._set(started_at=None)
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
                self.marked[slug] = synced

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

    def _edit(self, edits: Edits) -> None:
        """Set what was given; the event tells the old and the new values."""
        if self.old not in (TaskStatus.PENDING, TaskStatus.APPROVED):
            raise self._invalid(_("A task can be edited only before the work on it begins."))
        before = self.row
        given = {
            name: value
            for name, value in (
                ("title", edits.title),
                ("estimated_minutes", edits.estimated_minutes),
                ("agent_id", edits.agent_id),
                ("priority", edits.priority),
            )
            if not isinstance(value, _Unset) and value != before[name]  # type: ignore[literal-required]  # its keys
        }
        self.edited = {name: [before[name], value] for name, value in given.items()}  # type: ignore[literal-required]  # its keys
        self._set(**given)
        if "title" in given:
            self.fields["search_text"] = search_text(
                self.row["title"], self.row["task_id"], self.row["external_id"]
            )
        if "estimated_minutes" in given:
            estimate = timedelta(minutes=self.row["estimated_minutes"])
            self._set(due_at=self.row["created_at"] + estimate)
        if not isinstance(edits.targets, _Unset):
            self._edit_targets(edits.targets)

    def _edit_targets(self, wanted: Sequence[str]) -> None:
        old = [slug for slug, t in self.targets.items() if t["state"] != SyncState.NOT_REQUIRED]
        if set(old) == set(wanted):
            return
        for slug in set(self.targets) - set(wanted):
            if self.targets[slug]["state"] == SyncState.SYNCED:
                raise validation_error("targets", _("What is synced already stays a target."))
            del self.targets[slug]
        for slug in wanted:
            if slug not in self.targets:
                self.targets[slug] = planned_target(self.before["id"], slug, self.now)
            elif self.targets[slug]["state"] == SyncState.NOT_REQUIRED:
                self._set_target(slug, SyncState.PLANNED)
        order = [slug.value for slug in MarketplaceSlug]
        self.edited["targets"] = [old, sorted(wanted, key=order.index)]

    def _complete_by_itself(self) -> None:
        self.old, self.new = TaskStatus.MARKETPLACE_SYNC, TaskStatus.COMPLETED
        self._enter(TaskStatus.COMPLETED)
        self.change, self.marked = replace(self.change, reason=None), {}
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
            if slug not in before or target["state"] != before[slug]["state"]
        }

    def _update_kind(self) -> EventKind | None:
        """The kind of an update within the status; None when nothing changes."""
        if self._changed_targets() and not self.edited:
            return EventKind.SYNC
        for name, kind in (
            ("progress", EventKind.PROGRESS),
            ("error", EventKind.ERROR),
            ("result", EventKind.RESULT),
        ):
            if name in self.fields:
                return kind
        return EventKind.EDITED if self.edited else None

    def _record(self, kind: EventKind | None) -> None:
        if kind is None:
            return
        row = self.row
        details: dict[str, Any] = {}
        if kind == EventKind.COMPLETED and (withdrawn := self._withdraw_open_targets()):
            details["withdrawn"] = withdrawn
        if self.marked:
            details["sync"] = self.marked
        if kind == EventKind.SYNC and (queued := self._queued_again()):
            details["queued"] = queued
        if self.edited:
            details["edits"] = self.edited
        if self.lease is not None and (kind in LEASE_ENDS or "agent_id" in self.edited):
            # Its holder hears that the lease is lost; whoever takes a failure back gives it again.
            details["lease"] = self.lease["lease_id"]
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

    def _queued_again(self) -> list[str]:
        """Sent again without having been marked."""
        return [
            slug
            for slug, target in self._changed_targets().items()
            if slug not in self.marked and target["state"] == SyncState.QUEUED
        ]

    def _withdraw_open_targets(self) -> list[str]:
        """Completed by hand with targets open: those not yet under way are no longer required."""
        open_targets = [s for s, t in self.targets.items() if t["state"] in WITHDRAWABLE]
        for slug in open_targets:
            self._set_target(slug, SyncState.NOT_REQUIRED)
        return open_targets
