"""The services against a small model of the life cycle, by any sequence of steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import hypothesis
import pytest
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from rest_framework.exceptions import APIException

from accounts.callers import Caller, caller_for_agent
from accounts.permissions import APPROVE_TASKS, OPERATE_TASKS
from execution import queries, services
from execution.changes import TaskChange
from execution.claiming import claim_tasks, end_lapsed_leases, renew_leases
from execution.commands import Command
from execution.consistency import differences
from execution.enums import FailureReason, SyncState, TaskStatus
from execution.models import Lease, Task, TaskEvent
from execution.services import NewTask
from nexo.shared import clock
from tests.abuse.tally import Extent, count
from tests.factories import make_agent

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
P, A, R, S, C, F = (
    TaskStatus.PENDING,
    TaskStatus.APPROVED,
    TaskStatus.IN_PROGRESS,
    TaskStatus.MARKETPLACE_SYNC,
    TaskStatus.COMPLETED,
    TaskStatus.FAILED,
)
# CONTRACT 2, written down a second time.
NEXT: Final = {P: {A, R, F}, A: {R, F}, R: {S, C, F}, S: {C, R, F}, C: set(), F: {P}}
ENTRY: Final = {P: 0, A: 25, R: 50, S: 75, C: 100, F: 0}
RANGE: Final = {P: (0, 0), A: (25, 49), R: (50, 74), S: (75, 99), C: (100, 100), F: (0, 0)}
AGENTS_OWN: Final = {(A, R), (R, S), (R, C), (R, F), (S, C), (S, R), (S, F), (R, R), (S, S)}
LEADS_TO: Final = {
    Command.APPROVE: (A, None),
    Command.REJECT: (F, FailureReason.REJECTED),
    Command.RETRY: (P, None),
    Command.CANCEL: (F, FailureReason.CANCELLED),
}
SLUGS: Final = ("amazon", "shopee", "shein")
HEAD: Final = Caller(actor="user:head", permissions=frozenset({OPERATE_TASKS, APPROVE_TASKS}))
QUALITY: Final = Caller(actor="user:qa", permissions=frozenset({APPROVE_TASKS}))
NOBODY: Final = Caller(actor="user:nobody", permissions=frozenset())
AGENT: Final = caller_for_agent("alex")
OTHER: Final = caller_for_agent("marina")


class Refused(Exception):
    """By the model: the service must refuse too, whatever it says."""


@dataclass
class Known:
    """One task as the contract says it is."""

    task_id: str
    synced: dict[str, str]
    status: TaskStatus = P
    progress: int = 0
    attempt: int = 1
    version: int = 1
    failure: FailureReason | None = None
    at_failure: int | None = None
    lease: str | None = None
    returns: int = 0
    events: int = 1

    def targets_required(self) -> list[str]:
        return [state for state in self.synced.values() if state != "not_required"]

    # -- steps -------------------------------------------------------------------------------------

    def enter(self, new: TaskStatus, reason: FailureReason | None = None) -> None:
        old, self.status = self.status, new
        before, self.progress = self.progress, ENTRY[new]
        if new == S:
            self.move({"planned"}, "queued")
        elif (new == R and old == S) or new == P:
            self.move(set(SyncState.values) - {"synced", "not_required"}, "planned")
        if new == C:
            self.move({"planned", "queued"}, "not_required")
        if new == F:
            self.failure, self.at_failure = reason or FailureReason.ERROR, before
        if new == P:
            self.failure = self.at_failure = None
            self.attempt += 1
            self.returns = 0
        if new in (C, F):
            self.lease = None

    def move(self, states: set[str], to: str) -> None:
        for slug, state in self.synced.items():
            if state in states:
                self.synced[slug] = to

    def change(self, change: TaskChange) -> None:
        """What one update makes of it; raises where it must be refused."""
        new, marks = change.status, change.sync_status
        if change.version not in (None, self.version):
            raise Refused
        if any(self.synced.get(slug, "not_required") == "not_required" for slug in marks):
            raise Refused
        if change.progress is not None and not RANGE[new][0] <= change.progress <= RANGE[new][1]:
            raise Refused
        if new != self.status and new not in NEXT[self.status]:
            raise Refused
        if marks and S not in (self.status, new):
            raise Refused
        if change.failure_reason is not None:
            kept = self.failure if self.status == F else change.failure_reason
            if new != F or change.failure_reason != kept:
                raise Refused
        entered = new != self.status
        before = (self.progress, dict(self.synced))
        self._apply(change, entered=entered)
        if entered or before != (self.progress, self.synced):
            self.events += 1
            self.version += 1
            if self.status == S and set(self.targets_required()) == {"synced"}:
                self.enter(C)
                self.events += 1

    def _apply(self, change: TaskChange, *, entered: bool) -> None:
        new, kept = change.status, dict(self.synced)
        if entered:
            # Marked before what is open is withdrawn or planned again.
            completes = new == C
            if completes:
                self.status, self.progress = new, 100
                self.lease = None
            else:
                self.enter(new, change.failure_reason)
        for slug, is_synced in change.sync_status.items():
            if is_synced != (self.synced[slug] == "synced"):
                self.synced[slug] = "synced" if is_synced else "queued"
        if new == R:
            self.move({"queued"}, "planned")
        if new == C and entered:
            self.move({"planned", "queued"}, "not_required")
        if change.progress is not None:
            self.progress = change.progress
        elif new == S and (entered or kept != self.synced):
            required = self.targets_required()
            share = 25 * required.count("synced") // len(required) if required else 0
            self.progress = min(99, 75 + share)


def may(caller: Caller, known: Known, change: TaskChange, lease_id: str | None) -> None:
    """Who may make this update at all."""
    if caller is HEAD:
        return
    if caller in (NOBODY, QUALITY):
        raise Refused
    if caller is OTHER or lease_id is None or lease_id != known.lease:
        raise Refused
    if change.failure_reason not in (None, FailureReason.ERROR, FailureReason.TIMEOUT):
        raise Refused
    legal = change.status == known.status or change.status in NEXT[known.status]
    if legal and (known.status, change.status) not in AGENTS_OWN:
        raise Refused


class LifeCycle(RuleBasedStateMachine):
    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.atom = transaction.atomic()
        self.atom.__enter__()
        make_agent("alex", *SLUGS)
        make_agent("marina", *SLUGS)
        self.known: list[Known] = []
        self.first = queries.stream_position().sequence

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atom.__exit__(None, None, None)

    @contextmanager
    def asked(self, known: Known, wanted: bool) -> Iterator[None]:
        """The service says no where the model does, and then nothing has changed."""
        count("life cycle: steps")
        before = (queries.stream_position(), Task.objects.values().get(task_id=known.task_id))
        try:
            with transaction.atomic():
                yield
            done = True
        except APIException as error:
            assert 400 <= error.status_code < 500
            done = False
            after = (queries.stream_position(), Task.objects.values().get(task_id=known.task_id))
            assert after == before
        assert done == wanted, f"{known}: the service {'did' if done else 'refused'}"

    @rule(
        target=tasks,
        slugs=st.lists(st.sampled_from(SLUGS), min_size=1, max_size=3, unique=True),
        number=st.integers(1, 3),
    )
    def create(self, slugs: list[str], number: int) -> Any:
        new = NewTask("photo", "Foto", slugs[0], 60.0, agent_id="alex", targets=slugs)
        states = services.create_tasks([new] * number, caller=HEAD)
        made = [Known(state.row["task_id"], dict.fromkeys(slugs, "planned")) for state in states]
        self.known += made
        count("life cycle: steps")
        return multiple(*made)

    @rule(
        known=tasks,
        caller=st.sampled_from([HEAD, HEAD, HEAD, AGENT, AGENT, OTHER, QUALITY, NOBODY]),
        status=st.sampled_from(TaskStatus),
        progress=st.none() | st.integers(-1, 101),
        failure=st.none() | st.sampled_from(FailureReason),
        marks=st.just({}) | st.dictionaries(st.sampled_from(SLUGS), st.booleans(), max_size=3),
        version=st.none() | st.integers(0, 2),
        stale=st.booleans(),
    )
    def update(
        self,
        known: Known,
        caller: Caller,
        status: TaskStatus,
        progress: int | None,
        failure: FailureReason | None,
        marks: dict[str, bool],
        version: int | None,
        stale: bool,
    ) -> None:
        if version is not None:
            version = known.version + version - 1
        change = TaskChange(
            status, progress=progress, failure_reason=failure, sync_status=marks, version=version
        )
        lease_id = "lease-of-nobody" if stale else known.lease
        self._try(known, change, caller, lease_id if caller in (AGENT, OTHER) else None)

    @rule(known=tasks, data=st.data())
    def step_on(self, known: Known, data: st.DataObject) -> None:
        """A legal step, so that tasks get far."""
        status = data.draw(st.sampled_from([known.status, *sorted(NEXT[known.status])]))
        self._try(known, TaskChange(status), HEAD, None)

    @rule(known=tasks, slug=st.sampled_from(SLUGS), is_synced=st.booleans())
    def mark(self, known: Known, slug: str, is_synced: bool) -> None:
        change = TaskChange(known.status, sync_status={slug: is_synced})
        self._try(known, change, HEAD, None)

    def _try(self, known: Known, change: TaskChange, caller: Caller, lease_id: str | None) -> None:
        try:
            may(caller, known, change, lease_id)
            will = Known(**{**vars(known), "synced": dict(known.synced)})
            will.change(change)
        except Refused:
            will = None
        with self.asked(known, will is not None):
            services.update_task(known.task_id, change, caller=caller, lease_id=lease_id)
        if will is not None:
            vars(known).update(vars(will))

    @rule(
        known=tasks,
        command=st.sampled_from([*LEADS_TO]),
        caller=st.sampled_from([HEAD, QUALITY, NOBODY]),
    )
    def command(self, known: Known, command: Command, caller: Caller) -> None:
        decides = command in (Command.APPROVE, Command.REJECT)
        wanted = caller is not NOBODY and (caller is HEAD or decides)
        old = known.status
        if command == Command.RETRY:
            wanted = wanted and old == F
        elif command == Command.CANCEL:
            wanted = wanted and old in (P, A, R, S)
        elif command == Command.REJECT:
            wanted = wanted and old == P
        else:
            # The head made every task here: nobody approves their own.
            wanted = wanted and old == P and caller is not HEAD
        with self.asked(known, wanted):
            services.command_task(known.task_id, command, caller=caller, reason="porque sim")
        if wanted:
            known.enter(*LEADS_TO[command])
            known.events += 1
            known.version += 1

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        count("life cycle: steps")
        free = {known.task_id for known in self.known if known.status == A and not known.lease}
        claimed = claim_tasks("alex", caller=AGENT, limit=limit)
        assert {one.state.row["task_id"] for one in claimed} <= free
        assert len(claimed) == min(limit, len(free))
        for one in claimed:
            self._of(one.state.row["task_id"]).lease = one.lease_id

    def _of(self, task_id: str) -> Known:
        return next(known for known in self.known if known.task_id == task_id)

    @rule()
    def heartbeat(self) -> None:
        count("life cycle: steps")
        held = {one.lease_id for one in renew_leases("alex", caller=AGENT)}
        assert held == {known.lease for known in self.known if known.lease}

    @rule(known=tasks)
    def fall_silent(self, known: Known) -> None:
        """Its lease runs out: back to approved, the third time failed."""
        if known.lease is None:
            return
        count("life cycle: steps")
        past = clock.now() - timedelta(seconds=1)
        Lease.objects.filter(lease_id=known.lease).update(expires_at=past)
        assert end_lapsed_leases() == 1
        known.lease = None
        known.events += 2 if known.status == S else 1
        if known.status == S:
            known.enter(R)
        known.status, known.progress = A, 25
        known.returns += 1
        known.version += 1
        if known.returns >= 3:
            known.enter(F, FailureReason.TIMEOUT)
            known.events += 1

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        rows = {row["task_id"]: row for row in Task.objects.values()}
        for known in self.known:
            row = rows[known.task_id]
            told = (row["status"], row["progress"], row["attempt"], row["version"])
            assert told == (known.status, known.progress, known.attempt, known.version), known
            ending = (row["failure_reason"], row["progress_at_failure"])
            assert ending == (known.failure, known.at_failure), known
            state = queries.targets_of([row["id"]])[row["id"]]
            assert {one["marketplace_id"]: one["state"] for one in state} == known.synced, known
        held = set(Lease.objects.values_list("lease_id", flat=True))
        assert held == {known.lease for known in self.known if known.lease}
        self._check_log()

    def _check_log(self) -> None:
        numbers = list(TaskEvent.objects.order_by("sequence").values_list("sequence", flat=True))
        assert numbers == list(range(self.first + 1, self.first + len(numbers) + 1))
        assert len(numbers) == sum(known.events for known in self.known)
        assert queries.stream_position().sequence == self.first + len(numbers)
        assert list(differences()) == []


def test_the_services_and_the_model_agree(db: None, extent: Extent) -> None:
    run_state_machine_as_test(
        LifeCycle,
        settings=hypothesis.settings(
            deadline=None,
            max_examples=extent.examples,
            stateful_step_count=30,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
