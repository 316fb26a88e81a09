"""The only code that changes a task.

Each change is one transaction, in this order: lock the task, check, plan, counters, targets, the
event number last of the shared rows because every write wants it, task, event, commit, doorbell.
On PostgreSQL most updates lock the task only in the statement that writes all of this, and are made
again in that order where it has changed since it was read.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from django.utils.translation import gettext

from accounts.callers import Caller
from accounts.permissions import APPROVE_TASKS, OPERATE_TASKS
from execution import assignment, leases, queries
from execution.changes import (
    Edits,
    EventDraft,
    TaskChange,
    first_event,
    plan_change,
    plan_resync,
    plan_return,
    plan_undo,
)
from execution.commands import RULES, Command, may_command
from execution.enums import (
    ENDED_STATUSES,
    EventKind,
    FailureReason,
    Priority,
    TaskStatus,
    marketplace_place,
)
from execution.exceptions import (
    Duplicate,
    InvalidTransition,
    LeaseLost,
    MovedOn,
    NotAllowed,
    OwnTask,
    TaskNotFound,
    VersionConflict,
    not_from,
)
from execution.feed.frames import MAX_EVENTS_BEHIND
from execution.lifecycle import AGENT_STEPS, ENTRY_PROGRESS, allowed_transitions
from execution.models import Task, TaskTarget
from execution.representations import task_json
from execution.rows import TASK_COLUMNS, TaskState, search_text
from execution.writing import (
    CountChanges,
    NeedsLock,
    insert_events,
    next_sequence,
    tell_when_committed,
    write_change,
    write_if_unchanged,
)
from nexo.shared import clock
from nexo.shared.pipelines import Writer, bare_statements, this_connection

# Looking through so many events holds SQLite's one write lock for some milliseconds.
PRUNED_AT_ONCE = 2_000
# Before anything is deleted, so that no gap is ever above it.
NOTE_PRUNED = "UPDATE execution_stream SET pruned_through = %s WHERE pruned_through < %s"
# A task that has ended keeps its newest event: that is its end or what people did since.
DELETE_PROGRESS = """
    DELETE FROM execution_taskevent
    WHERE sequence > %s AND sequence <= %s AND kind = 'progress' AND actor LIKE 'agent:%%'
      AND EXISTS (
        SELECT 1 FROM execution_task AS task
        WHERE task.id = execution_taskevent.task_id
          AND task.ended_at < %s
      )
"""
# For the restore command, which gives a database another random id than any that has been; its log
# may end before events that clients have seen.
NEW_EPOCH = "UPDATE execution_stream SET epoch = '{epoch}' WHERE id = 1"

# Those in which an agent may hold a task, and so tell how it gets on.
REPORTED_STATUSES = frozenset(
    {TaskStatus.APPROVED, TaskStatus.IN_PROGRESS, TaskStatus.MARKETPLACE_SYNC}
)
AGENT_FAILURES = frozenset({None, FailureReason.ERROR, FailureReason.TIMEOUT})


# -- One task ------------------------------------------------------------------------------------


def _lock_task(task_id: str, *, with_lease: bool = False) -> TaskState:
    state = queries.task_to_change(task_id, with_lease=with_lease)
    if state is None:
        raise TaskNotFound
    return state


def refuse_missing(task_id: str, lease_id: str | None) -> NoReturn:
    """A task that is not, or no longer, the caller's; a lease's id proves that it was."""
    if lease_id is not None and queries.was_leased(task_id, lease_id):
        raise LeaseLost
    raise TaskNotFound


def visible_tasks(caller: Caller) -> Any:
    """Every task for a person, its own for an agent."""
    if caller.agent_id is not None:
        return Task.objects.filter(agent_id=caller.agent_id)
    return Task.objects.all()


def _check_permission(caller: Caller, state: TaskState, change: TaskChange) -> None:
    """People need a permission; an agent may work on its own task but decides nothing.

    Who may only approve and reject does so by `command_task`, which asks whose task it is.
    """
    if caller.agent_id is None:
        if not caller.may(OPERATE_TASKS):
            raise NotAllowed
        return
    if change.failure_reason not in AGENT_FAILURES:
        raise NotAllowed
    old = TaskStatus(state.row["status"])
    if change.status in (old, *allowed_transitions(old)):
        reports = old == change.status and old in REPORTED_STATUSES
        if not reports and (old, change.status) not in AGENT_STEPS:
            raise NotAllowed


def update_task(
    task_id: str, change: TaskChange, *, caller: Caller, lease_id: str | None = None
) -> TaskState:
    """Carry out one update and return the task as it then is.

    Raises
    ------
    TaskNotFound, NotAllowed, LeaseLost, VersionConflict, InvalidTransition, SyncNotOpen,
    ValidationError
    """
    if _may_go_unlocked(change):
        with suppress(NeedsLock), bare_statements():
            return _update(task_id, change, caller, lease_id, lock=False)
    with transaction.atomic(), bare_statements():
        return _update(task_id, change, caller, lease_id, lock=True)


def _may_go_unlocked(change: TaskChange) -> bool:
    """Whether the change can be written to the task as it was read, if that is still so.

    Not within a transaction that may be taken back, nor what ends a lease: claims make leases, and
    they do not change their tasks.
    """
    connection = this_connection()
    may_end_lease = change.status in ENDED_STATUSES or change.edits is not None
    is_alone = connection.vendor == "postgresql" and not connection.in_atomic_block
    return is_alone and not may_end_lease


def _update(
    task_id: str, change: TaskChange, caller: Caller, lease_id: str | None, *, lock: bool
) -> TaskState:
    agent_id = caller.agent_id
    # Whoever held a task that a person ends is told so later: the event keeps the lease.
    with_lease = agent_id is not None or change.status in ENDED_STATUSES
    state = queries.task_to_change(task_id, agent_id=agent_id, with_lease=with_lease, lock=lock)
    if state is None:
        refuse_missing(task_id, lease_id)
    # After the lock, so that instants follow the order of the events.
    now = clock.now()
    if lease_id is not None:
        # Who lost it hears of that, whatever has become of the task meanwhile.
        leases.check_held(state.lease, lease_id, now=now)
    _check_permission(caller, state, change)
    if agent_id is not None and lease_id is None:
        raise LeaseLost
    if change.result is not None and queries.has_result(state.row["id"], change.result):
        change = replace(change, result=None)
    return _carry_out(state, change, caller, now, lock=lock)


def _carry_out(
    state: TaskState, change: TaskChange, caller: Caller, now: datetime, *, lock: bool = True
) -> TaskState:
    """Plan and write a change that may be made, to a task that is locked, or else unchanged."""
    if change.version is not None and change.version != state.row["version"]:
        raise VersionConflict(task_json(state.row, state.targets, now=now))
    plan = plan_change(state, change, actor=caller.actor, now=now)
    if plan.events:
        return (write_change if lock else write_if_unchanged)(state, plan, now)
    if state.lease is not None and caller.agent_id is not None:
        if not lock:
            raise NeedsLock
        Writer().execute(*leases.renew(state.row["id"], now=now))
    return state


# -- Commands ------------------------------------------------------------------------------------


def command_task(
    task_id: str,
    command: Command,
    *,
    caller: Caller,
    reason: str | None = None,
    edits: Edits | None = None,
    version: int | None = None,
) -> TaskState:
    """Give one command; `edits` with an approval, or the agent that a task is assigned to.

    Assigning to the agent that has the task already changes nothing. Joins the transaction that is
    open, so that whoever gives many commands can note the outcome of each in the same one.

    Raises
    ------
    TaskNotFound, NotAllowed, OwnTask, VersionConflict, InvalidTransition, ValidationError
    """
    if not may_command(command, caller):
        raise NotAllowed
    rule = RULES[command]
    with transaction.atomic(), bare_statements():
        state = _lock_task(task_id, with_lease=True)
        now = clock.now()
        old = TaskStatus(state.row["status"])
        if old not in rule.sources:
            new = rule.status or old
            # Another way may lead there, this one does not.
            allowed = [status.value for status in allowed_transitions(old) if status != new]
            why = None if new == old else not_from(old, rule.sources)
            raise InvalidTransition(old=old.value, new=new.value, allowed=allowed, detail=why)
        if command == Command.APPROVE and queries.is_touched_by(state.row["id"], caller.actor):
            raise OwnTask
        change = TaskChange(
            rule.status or old,
            failure_reason=rule.failure_reason,
            reason=reason,
            version=version,
            edits=edits,
        )
        return _carry_out(state, change, caller, now)


@dataclass(frozen=True, slots=True)
class Resync:
    """The task as it then is, and the targets that were queued: those that could be."""

    state: TaskState
    queued: list[str]


def resync_task(
    task_id: str,
    marketplaces: Collection[str] | None = None,
    *,
    caller: Caller,
    reason: str | None = None,
) -> Resync:
    """Queue the targets that are not synced again: those named, or all that are required.

    Raises
    ------
    TaskNotFound, NotAllowed, InvalidTransition, ValidationError
    """
    if caller.agent_id is not None or not caller.may(OPERATE_TASKS):
        raise NotAllowed
    with transaction.atomic(), bare_statements():
        state = _lock_task(task_id)
        now = clock.now()
        plan = plan_resync(state, marketplaces, actor=caller.actor, reason=reason, now=now)
        queued = sorted(plan.targets, key=marketplace_place)
        return Resync(write_change(state, plan, now) if plan.events else state, queued)


def undo_failure(
    task_id: str, *, sequence: int, caller: Caller, reason: str | None = None
) -> TaskState:
    """Take back the failure with this event number, if it is the last that happened to the task.

    Who approves and rejects takes back rejections.

    Raises
    ------
    TaskNotFound, NotAllowed; MovedOn: something has happened to the task since
    """
    if caller.agent_id is not None or not (caller.may(OPERATE_TASKS) or caller.may(APPROVE_TASKS)):
        raise NotAllowed
    with transaction.atomic(), bare_statements():
        state = _lock_task(task_id)
        failure = queries.failure_of(state.row["id"], sequence=sequence)
        if failure is None or state.row["sequence"] != sequence:
            raise MovedOn
        is_rejection = failure["failure_reason"] == FailureReason.REJECTED
        if not caller.may(APPROVE_TASKS if is_rejection else OPERATE_TASKS):
            raise NotAllowed
        now = clock.now()
        back_to = TaskStatus(failure["from_status"])
        plan = plan_undo(state, back_to=back_to, actor=caller.actor, reason=reason, now=now)
        lease_id = (failure["details"] or {}).get("lease")
        if lease_id and failure["agent_id"]:
            # Whoever is still there goes on; else the task soon comes back.
            leases.begin(Writer(), {state.row["id"]: lease_id}, failure["agent_id"], now=now)
        return write_change(state, plan, now)


# -- Leases --------------------------------------------------------------------------------------


def end_lease(task_id: str, lease_id: str) -> bool:
    """Return a task whose lease has run out; whether it still had."""
    with transaction.atomic(), bare_statements():
        state = queries.task_to_change(task_id, with_lease=True)
        now = clock.now()
        lease = state.lease if state else None
        if state is None or lease is None or lease["lease_id"] != lease_id:
            return False
        if lease["expires_at"] > now:
            return False
        returns = queries.returns_of(state.row["id"], attempt=state.row["attempt"])
        with translation.override(settings.LANGUAGE_CODE):
            error = gettext("The agent fell silent three times while it had this task.")
        write_change(state, plan_return(state, returns=returns, error=error, now=now), now)
        return True


# -- Tasks without an agent ----------------------------------------------------------------------


def give_agent(
    task_id: str, chosen: assignment.Assignment, *, actor: str, approver: str | None = None
) -> bool:
    """Give a task that has no agent to the one chosen; whether it still had none and waits.

    `approver` then approves it, if it is pending.
    """
    with transaction.atomic(), bare_statements():
        state = queries.task_to_change(task_id)
        if state is None or state.row["agent_id"] is not None:
            return False
        old = TaskStatus(state.row["status"])
        if old not in (TaskStatus.PENDING, TaskStatus.APPROVED):
            return False
        if approver is not None:
            queries.lock_counters()
        now = clock.now()
        given = TaskChange(old, edits=Edits(agent_id=chosen.agent_id))
        plan = plan_change(state, given, actor=actor, now=now)
        fields = {**plan.fields, "assignment": chosen.explanation}
        state = write_change(state, replace(plan, fields=fields), now)
        if approver is not None and old == TaskStatus.PENDING:
            approval = TaskChange(TaskStatus.APPROVED)
            write_change(state, plan_change(state, approval, actor=approver, now=now), now)
        return True


# -- New tasks -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task as asked for; without an agent one is assigned. `estimated_minutes` over 0.

    `is_approved`: from its first instant, by whoever made it, once it has an agent; only the system
    asks for that.
    """

    task_type: str
    title: str
    marketplace_id: str
    estimated_minutes: float
    agent_id: str | None = None
    targets: Sequence[str] = ()
    priority: Priority = Priority.NORMAL
    external_id: str | None = None
    is_approved: bool = False


def create_tasks_of_system(new_tasks: Sequence[NewTask], *, actor: str) -> list[TaskState]:
    """Create tasks that no person asked for one by one, in the caller's transaction."""
    return _create(new_tasks, _assigned(new_tasks), actor=actor, now=clock.now())


def create_tasks(
    new_tasks: Sequence[NewTask], *, caller: Caller, is_list: bool = True
) -> list[TaskState]:
    """Create all of them or none, one event each; errors of a list name its places.

    Raises
    ------
    NotAllowed; Duplicate: an external id that a task has already, or given twice
    """
    if not caller.may(OPERATE_TASKS):
        raise NotAllowed
    _check_external_ids(new_tasks, is_list=is_list)
    # First, for it reads much; and outside the transaction, unless the request has one for its
    # idempotency key, because it counts events under a lock that readers want too.
    assigned = _assigned(new_tasks)
    try:
        with transaction.atomic():
            return _create(new_tasks, assigned, actor=caller.actor, now=clock.now())
    except IntegrityError as error:
        # Another request took the external id between the check and the insert.
        if queries.known_external_ids([task.external_id for task in new_tasks if task.external_id]):
            raise Duplicate from error
        raise


def _check_external_ids(new_tasks: Sequence[NewTask], *, is_list: bool) -> None:
    """Name each offending task of a list by its place."""
    given = [task.external_id for task in new_tasks if task.external_id]
    repeated = {external_id for external_id, times in Counter(given).items() if times > 1}
    taken = queries.known_external_ids(given) | repeated if given else set()
    if taken:
        raise Duplicate(
            details={
                f"[{index}].externalId" if is_list else "externalId": [
                    str(Duplicate.default_detail)
                ]
                for index, task in enumerate(new_tasks)
                if task.external_id in taken
            }
        )


def _assigned(new_tasks: Sequence[NewTask]) -> list[assignment.Assignment | None]:
    """For each of them who is to do it; None where that is said."""
    without = [task for task in new_tasks if task.agent_id is None]
    needs = [assignment.Need(task.task_type, task.marketplace_id) for task in without]
    chosen = iter(assignment.assign(needs))
    return [next(chosen) if task.agent_id is None else None for task in new_tasks]


def _create(
    new_tasks: Sequence[NewTask],
    assigned: Sequence[assignment.Assignment | None],
    *,
    actor: str,
    now: datetime,
) -> list[TaskState]:
    histories = [
        _history(new, chosen, actor=actor, now=now)
        for new, chosen in zip(new_tasks, assigned, strict=True)
    ]
    record_histories(histories)
    tasks = [history.task for history in histories]
    targets_of = queries.targets_of([task.pk for task in tasks])
    return [
        TaskState({name: getattr(task, name) for name in TASK_COLUMNS}, targets_of[task.pk])  # type: ignore[arg-type]  # names of its keys
        for task in tasks
    ]


def _history(
    new: NewTask, chosen: assignment.Assignment | None, *, actor: str, now: datetime
) -> "TaskHistory":
    """A task's first moment; `chosen` is the agent that was assigned to it.

    Without anybody to begin it, it waits to be approved too.
    """
    agent_id = chosen.agent_id if chosen else new.agent_id
    is_approved = new.is_approved and agent_id is not None
    status = TaskStatus.APPROVED if is_approved else TaskStatus.PENDING
    task = Task(
        task_id=new_task_id(),
        external_id=new.external_id,
        title=new.title,
        task_type=new.task_type,
        marketplace_id=new.marketplace_id,
        agent_id=agent_id,
        status=status.value,
        progress=ENTRY_PROGRESS[status],
        priority=new.priority.value,
        estimated_minutes=new.estimated_minutes,
        created_at=now,
        approved_at=now if is_approved else None,
        updated_at=now,
        assignment=chosen.explanation if chosen else None,
    )
    minutes = new.estimated_minutes
    created = first_event(actor=actor, at=now, agent_id=agent_id, estimated_minutes=minutes)
    events = [created]
    if is_approved:
        approved = created._replace(
            kind=EventKind.APPROVED,
            from_status=TaskStatus.PENDING.value,
            to_status=status.value,
            progress=ENTRY_PROGRESS[status],
        )
        events.append(approved)
    slugs = new.targets or [new.marketplace_id]
    targets = [TaskTarget(marketplace_id=slug, updated_at=now) for slug in slugs]
    return TaskHistory(task, targets, events)


def new_task_id() -> str:
    return f"task-{uuid.uuid4()}"


# -- Whole histories -----------------------------------------------------------------------------


@dataclass(slots=True)
class TaskHistory:
    """A task not yet saved with its targets and every event that led to its present state.

    `is_held`: its agent is at it now, under a lease that begins when this is recorded.
    """

    task: Task
    targets: list[TaskTarget]
    events: list[EventDraft]
    is_held: bool = False


def record_histories(histories: Sequence[TaskHistory]) -> None:
    """Insert tasks with their past: rows, targets, counters and numbered events, all or none.

    Used where work already happened (imports, the demo) and by `create_tasks`, whose tasks have
    a past of one event.
    """
    with transaction.atomic():
        counts = CountChanges()
        for history in histories:
            task = history.task
            task.due_at = task.created_at + timedelta(minutes=task.estimated_minutes)
            task.search_text = search_text(task.title, task.task_id, task.external_id)
            counts.add(task.__dict__, +1)  # type: ignore[arg-type]  # has its columns
        writer = Writer()
        for statement in counts.updates():
            writer.execute(*statement)
            if not writer.rows_changed:
                status, slug = statement[1][2:]
                raise RuntimeError(f"The roll-up has no row for {status}/{slug}.")
        sequence = next_sequence(sum(len(history.events) for history in histories))
        for history in histories:
            sequence += len(history.events)
            history.task.sequence = sequence - 1
        Task.objects.bulk_create(history.task for history in histories)
        for history in histories:
            for target in history.targets:
                target.task_id = history.task.pk
        TaskTarget.objects.bulk_create(
            target for history in histories for target in history.targets
        )
        insert_events(_numbered_events(histories))
        _begin_leases(history.task for history in histories if history.is_held)
        tell_when_committed()


def _begin_leases(tasks: Iterable[Task]) -> None:
    lease_ids: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for task in tasks:
        assert task.agent_id
        lease_ids[task.agent_id][task.pk] = leases.new_lease_id()
    for agent_id, ids in lease_ids.items():
        leases.begin(Writer(), ids, agent_id, now=clock.now())


def _numbered_events(histories: Sequence[TaskHistory]) -> Iterator[tuple[int, int, EventDraft]]:
    """The events of saved tasks; a task has the number of its last."""
    for history in histories:
        first = history.task.sequence - len(history.events) + 1
        for sequence, draft in enumerate(history.events, first):
            yield sequence, history.task.pk, draft


# -- Retention -----------------------------------------------------------------------------------


def prune_progress(before: datetime) -> int:
    """Forget what agents reported on the way of tasks that ended before an instant; how many.

    Every step, decision and deed of people stays, and so do all events that facts are counted
    from. Events that a client may still resume from are not touched.
    """
    last = queries.stream_position().sequence - MAX_EVENTS_BEHIND
    if last <= 0:
        return 0
    deleted = 0
    with connection.cursor() as cursor:
        cursor.execute(NOTE_PRUNED, [last, last])
        # Each statement commits by itself, so that writers come in between.
        for after in range(0, last, PRUNED_AT_ONCE):
            until = min(after + PRUNED_AT_ONCE, last)
            cursor.execute(
                DELETE_PROGRESS, [after, until, connection.ops.adapt_datetimefield_value(before)]
            )
            deleted += cursor.rowcount
    return deleted
