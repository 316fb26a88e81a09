"""Order, carry out and undo bulk jobs.

Each chunk is one transaction: the job's row locked, the tasks changed, their outcomes noted. Killed
anywhere, what was committed has its outcome and the rest is still pending; whoever goes on repeats
nothing.
"""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_tasks import task
from rest_framework.exceptions import APIException, ValidationError

from accounts import audit
from accounts.callers import Caller, caller_for_user
from execution.changes import Edits
from execution.commands import Command
from execution.exceptions import NotAllowed
from execution.queries import lock_counters
from execution.rows import TaskState
from execution.services import command_task, resync_task, undo_failure
from nexo.shared import clock
from nexo.shared.origin import current_origin, working_for
from orchestration.bulk import queries, rules
from orchestration.bulk.enums import UNDOABLE, BulkAction, JobState, Outcome
from orchestration.bulk.exceptions import JobNotFound, NothingToSync, UndoUnavailable
from orchestration.bulk.models import BulkItem, BulkJob
from orchestration.bulk.orders import Order, check_may_order, shown_selection, within_limit
from orchestration.queueing import enqueue

logger = logging.getLogger(__name__)

CHUNK: Final = 25
# Renewed with each chunk, which takes far less; the job's row is locked meanwhile in any case.
LEASE: Final = timedelta(seconds=15)
# How long a queued job may wait for a worker before it is queued once more.
QUEUED_WITHIN: Final = timedelta(minutes=1)
# The same where it is known that no worker has heard of it.
LOST_AGAIN_AFTER: Final = timedelta(seconds=5)
# Then other jobs have their turn.
TURN_SECONDS: Final = 20.0
# Writers who wait for SQLite's lock look for it every so often only.
LONGEST_PAUSE_SECONDS: Final = 0.05
ATTEMPTS: Final = 4


# -- Orders --------------------------------------------------------------------------------------


def start_job(order: Order, *, caller: Caller) -> BulkJob:
    """Freeze the selection and carry the order out, here up to 500 tasks, else in a worker.

    Raises
    ------
    NotAllowed; ValidationError: more tasks than one job may have, a selection not kept
    """
    check_may_order(order, caller)
    shown = None if order.selection_id is None else shown_selection(order, caller)
    selection = {"filter": shown.filters} if shown else order.selection
    with transaction.atomic():
        job = _new_job(order.action, caller, reason=order.reason, selection=selection)
        job.agent_id = order.agent_id or ""
        if shown is not None:
            job.total = queries.freeze_selection(job, shown)
        elif order.task_ids is not None:
            job.total = queries.freeze_named(job, order.task_ids)
        else:
            selected = queries.matching(order.values)
            total = queries.freeze_matching(job, selected, limit=rules.MAX_TASKS + 1)
            job.total = within_limit(total)
        _begin(job, caller, agentId=job.agent_id or None)
    return _carried_out(job)


def undo_job(job_id: str, *, caller: Caller, reason: str = "") -> BulkJob:
    """Take back a job that cancelled or rejected, where the tasks have not moved on; a job too.

    Raises
    ------
    JobNotFound, NotAllowed; UndoUnavailable: not of its kind, not finished, too late or done before
    """
    with transaction.atomic():
        job = (
            queries.visible_jobs(caller)
            .select_for_update(of=("self",), no_key=True)
            .filter(job_id=job_id)
        )
        undone = job.first()
        if undone is None:
            raise JobNotFound
        _check_undoable(undone, caller)
        undo = _new_job(
            BulkAction.UNDO, caller, reason=reason, selection=undone.selection, undo_of=undone
        )
        undo.total = queries.freeze_undo(undo, undone)
        _begin(undo, caller, undoOf=undone.job_id)
    return _carried_out(undo)


def undo_until(job: BulkJob) -> Any:
    """Until when a finished job can be undone; None when it cannot, or has been."""
    if not job.can_be_undone or job.finished_at is None or hasattr(job, "undone_by"):
        return None
    return job.finished_at + rules.UNDO_WITHIN


def still_may(job: BulkJob, caller: Caller) -> bool:
    """Whether the caller may do this to these tasks; and what one may do, one may take back."""
    by_ids = "taskIds" in job.selection and job.total <= rules.DIRECT_LIMIT
    return rules.may_order(BulkAction(job.action), caller, decides_by_ids=by_ids)


def _check_undoable(job: BulkJob, caller: Caller) -> None:
    if job.action not in UNDOABLE:
        raise UndoUnavailable(_("Only a bulk cancel or reject can be undone."))
    if not still_may(job, caller):
        raise NotAllowed
    if not job.is_done:
        raise UndoUnavailable(_("The job is still running."))
    if hasattr(job, "undone_by"):
        raise UndoUnavailable(_("This job has been undone already."))
    until = undo_until(job)
    if until is None:
        raise UndoUnavailable(_("This job changed nothing."))
    if clock.now() > until:
        raise UndoUnavailable(_("A job can be undone for ten minutes after it finished."))


def _new_job(action: BulkAction, caller: Caller, **fields: Any) -> BulkJob:
    return BulkJob.objects.create(
        job_id=f"bulk-{uuid.uuid4()}",
        action=action,
        actor=caller.actor,
        user_id=caller.user_id,
        origin=current_origin(),
        created_at=clock.now(),
        state=JobState.QUEUED,
        **fields,
    )


def _begin(job: BulkJob, caller: Caller, **details: Any) -> None:
    """Give a frozen job to this process, or to a worker in the same transaction."""
    now = clock.now()
    if job.total <= rules.DIRECT_LIMIT:
        job.state, job.worker, job.lease_until = JobState.RUNNING, _new_worker(), now + LEASE
        job.wake_at = job.lease_until
    else:
        job.wake_at = now + QUEUED_WITHIN
        _ring(job.job_id)
    job.save()
    audit.record(
        f"bulk_{job.action}",
        actor=caller.actor,
        object_kind="bulk",
        object_id=job.job_id,
        reason=job.reason,
        details={"total": job.total, **job.selection, **{k: v for k, v in details.items() if v}},
    )


def _new_worker() -> str:
    return uuid.uuid4().hex


def _carried_out(job: BulkJob) -> BulkJob:
    """The job after as much of it as this process does. What it cannot finish, a worker does."""
    if job.worker:
        try:
            if connection.in_atomic_block:
                # An idempotency key's transaction holds all chunks: all of its locks come first.
                queries.sequences_locked(list(job.items.values_list("task_id", flat=True)))
                lock_counters()
            _work(job.job_id, job.worker)
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block:
                raise
            logger.warning("%s is left to a worker: %s", job.job_id, error)
    return BulkJob.objects.select_related("undo_of", "undone_by").get(pk=job.pk)


# -- Carrying out --------------------------------------------------------------------------------


@task()
def run_bulk_job(job_id: str) -> None:
    run_job(job_id)


def _ring(job_id: str) -> None:
    enqueue(run_bulk_job, job_id, lost=partial(_look_again_soon, job_id))


def _look_again_soon(job_id: str) -> None:
    unfinished = BulkJob.objects.filter(~Q(state=JobState.DONE), job_id=job_id)
    unfinished.update(wake_at=clock.now() + LOST_AGAIN_AFTER)


def run_job(job_id: str) -> None:
    """Carry a job on, unless somebody else is at it; after a while others have their turn."""
    worker = _new_worker()
    now = clock.now()
    lease_until = now + LEASE
    taken = (
        queries.waiting_jobs(now)
        .filter(job_id=job_id)
        .update(state=JobState.RUNNING, worker=worker, lease_until=lease_until, wake_at=lease_until)
    )
    if taken and _work(job_id, worker, seconds=TURN_SECONDS):
        with transaction.atomic():
            mine = BulkJob.objects.filter(job_id=job_id, worker=worker)
            now = clock.now()
            if mine.update(lease_until=now, wake_at=now + QUEUED_WITHIN):
                _ring(job_id)


def resume_overdue_jobs() -> int:
    """Queue the jobs again that nobody is at, such as those of killed workers; how many."""
    now = clock.now()
    overdue = BulkJob.objects.filter(~Q(state=JobState.DONE), wake_at__lt=now)
    resumed = 0
    for pk, job_id in list(overdue.order_by("wake_at").values_list("pk", "job_id")[:100]):
        with transaction.atomic():
            # The row count decides which of several reapers queues it.
            if overdue.filter(pk=pk).update(wake_at=now + QUEUED_WITHIN):
                _ring(job_id)
                resumed += 1
    return resumed


def _work(job_id: str, worker: str, *, seconds: float | None = None) -> bool:
    """Do chunk after chunk; whether there are more when the time is over."""
    began = time.monotonic()
    while True:
        chunk_began = time.monotonic()
        if not _patiently(job_id, worker):
            return False
        now = time.monotonic()
        if seconds is not None and now - began > seconds:
            return True
        if not connection.in_atomic_block:
            time.sleep(min((now - chunk_began) / 2, LONGEST_PAUSE_SECONDS))


def _patiently(job_id: str, worker: str) -> bool:
    """One chunk; one that met a deadlock or waited too long for a lock is begun anew."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _do_chunk(job_id, worker)
        except OperationalError:
            if attempt == ATTEMPTS or connection.in_atomic_block:
                raise
            time.sleep(LONGEST_PAUSE_SECONDS * attempt)
    raise AssertionError


def _do_chunk(job_id: str, worker: str) -> bool:
    """Change the next tasks and note their outcomes, all or none; whether there are more."""
    with transaction.atomic():
        mine = BulkJob.objects.filter(job_id=job_id, worker=worker, state=JobState.RUNNING)
        job = mine.select_for_update(of=("self",), no_key=True).first()
        if job is None:
            # Somebody else took it over, and may have finished it.
            return False
        items = queries.pending_items(job, limit=CHUNK)
        with working_for(job.origin):
            _settle(job, items)
        BulkItem.objects.bulk_update(items, ["outcome", "code", "sequence"])
        refusals = Counter(item.code for item in items if item.outcome == Outcome.REFUSED)
        job.refusals = dict(Counter(job.refusals) + refusals)
        job.done += len(items) - refusals.total()
        now = clock.now()
        job.lease_until = job.wake_at = now + LEASE
        if job.done + job.refused >= job.total:
            job.state, job.finished_at = JobState.DONE, now
            job.worker, job.lease_until, job.wake_at = "", None, None
        job.save()
        return not job.is_done


def _settle(job: BulkJob, items: Sequence[BulkItem]) -> None:
    before = queries.sequences_locked([item.task_id for item in items])
    lock_counters()
    caller = _present_caller(job)
    for item in items:
        try:
            if caller is None:
                raise NotAllowed
            state = _act(job, item, caller)
        except APIException as error:
            item.outcome, item.code = Outcome.REFUSED, _code(error)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # One task that cannot be written must not stop the others for ever.
            logger.exception("%s: %s", job.job_id, item.task_id)
            item.outcome, item.code = Outcome.REFUSED, "server_error"
        else:
            item.outcome = Outcome.DONE
            sequence = state.row["sequence"]
            item.sequence = sequence if sequence != before.get(item.task_id) else None


def _act(job: BulkJob, item: BulkItem, caller: Caller) -> TaskState:
    reason = job.reason or None
    match BulkAction(job.action):
        case BulkAction.SYNC:
            found = resync_task(item.task_id, caller=caller, reason=reason)
            if not found.queued:
                raise NothingToSync
            return found.state
        case BulkAction.UNDO:
            sequence = item.undoes or 0
            return undo_failure(item.task_id, sequence=sequence, caller=caller, reason=reason)
        case action:
            edits = Edits(agent_id=job.agent_id) if action == BulkAction.ASSIGN else None
            command = Command(action.value)
            return command_task(item.task_id, command, caller=caller, reason=reason, edits=edits)


def _present_caller(job: BulkJob) -> Caller | None:
    """Who ordered it, with the permissions they hold now; None when those no longer suffice."""
    user = User.objects.filter(pk=job.user_id or 0, is_active=True).first()
    if user is None:
        return None
    caller = caller_for_user(user)
    ordered = job.undo_of or job
    return caller if still_may(ordered, caller) else None


def _code(error: APIException) -> str:
    if isinstance(error, ValidationError):
        return "validation_error"
    return str(error.default_code)


def read_job(job_id: str, *, caller: Caller) -> BulkJob:
    """A job that the caller may see.

    Raises
    ------
    JobNotFound
    """
    jobs = queries.visible_jobs(caller).select_related("undo_of", "undone_by")
    job = jobs.filter(job_id=job_id).first()
    if job is None:
        raise JobNotFound
    return job
