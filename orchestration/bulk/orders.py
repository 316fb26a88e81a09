"""What a bulk action is asked to do, and what it would do now."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.callers import Caller
from execution.enums import TaskStatus
from execution.exceptions import NotAllowed
from execution.texts import number_text
from nexo.shared import clock
from nexo.shared.exceptions import validation_error
from orchestration.bulk import queries, rules
from orchestration.bulk.enums import BulkAction
from orchestration.bulk.models import BulkSelection


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: `task_ids`, the list's filters as given and as parsed, or the id of what
    a dry run over a filter showed."""

    action: BulkAction
    reason: str = ""
    agent_id: str | None = None
    task_ids: Sequence[str] | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    selection_id: str | None = None

    @property
    def decides_by_ids(self) -> bool:
        return self.task_ids is not None and len(self.task_ids) <= rules.DIRECT_LIMIT

    @property
    def selection(self) -> dict[str, Any]:
        if self.task_ids is not None:
            return {"taskIds": len(self.task_ids)}
        return {"filter": dict(self.filters)}


@dataclass(slots=True)
class Preview:
    """What an order would do now. `results` only up to 500 tasks: (task id, code or None)."""

    total: int = 0
    done: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    results: list[tuple[str, str | None]] = field(default_factory=list)
    selection_id: str | None = None


# What some tasks are refused with whatever their status.
APART: Final = {BulkAction.APPROVE: "own_task", BulkAction.SYNC: "nothing_to_sync"}
# How long, and how many of one person's, what a dry run showed is kept.
KEPT_FOR: Final = timedelta(hours=1)
MOST_KEPT: Final = 10


def check_may_order(order: Order, caller: Caller) -> None:
    if not rules.may_order(order.action, caller, decides_by_ids=order.decides_by_ids):
        raise NotAllowed


def preview(order: Order, *, caller: Caller) -> Preview:
    """What the order would do now, by status and by who touched the tasks; no task is locked.

    What a filter matched is kept for an hour under an id, for the order that follows.

    Raises
    ------
    NotAllowed; ValidationError: more tasks than one job may have
    """
    check_may_order(order, caller)
    if order.task_ids is None:
        selections = [queries.matching(order.values)]
        # One statement: what is counted is what is kept.
        known = queries.statuses_in_order(selections[0], limit=rules.MAX_TASKS + 1)
        within_limit(len(known))
        task_ids: Sequence[str] = list(known)
    else:
        selections = list(queries.named(order.task_ids))
        known = {}
        for selected in selections:
            known.update(selected.values_list("task_id", "status"))
        task_ids = order.task_ids
    apart: set[str] = set()
    if code := APART.get(order.action):
        for selected in selections:
            found_apart = (
                queries.own_tasks(selected, caller.actor)
                if order.action == BulkAction.APPROVE
                else queries.without_resendable(selected)
            )
            apart.update(found_apart.values_list("task_id", flat=True))
    expected = [
        (
            task_id,
            _expected(order.action, known.get(task_id)) or (code if task_id in apart else None),
        )
        for task_id in task_ids
    ]
    refusals = Counter(code for _task_id, code in expected if code)
    found = Preview(len(expected), len(expected) - refusals.total(), refusals)
    if found.total <= rules.DIRECT_LIMIT:
        found.results = expected
    if order.task_ids is None:
        found.selection_id = _keep(order, task_ids, caller)
    return found


@cache
def _expected(action: BulkAction, status: str | None) -> str | None:
    """The code that a task in this status would be refused with."""
    if status is None:
        return "not_found"
    return rules.refusal(action, TaskStatus(status))


def _keep(order: Order, task_ids: Sequence[str], caller: Caller) -> str:
    """Keep what was shown, and let go of what has grown old or is one too many of theirs."""
    now = clock.now()
    mine = BulkSelection.objects.filter(actor=caller.actor).order_by("-id")
    with transaction.atomic():
        kept = BulkSelection.objects.create(
            selection_id=f"selection-{uuid.uuid4()}",
            actor=caller.actor,
            created_at=now,
            filters=dict(order.filters),
            task_ids=list(task_ids),
        )
        is_old = Q(created_at__lte=now - KEPT_FOR)
        BulkSelection.objects.filter(is_old | Q(pk__in=mine.values("pk")[MOST_KEPT:])).delete()
    return kept.selection_id


def shown_selection(order: Order, caller: Caller) -> BulkSelection:
    """What the caller's dry run showed.

    Raises
    ------
    ValidationError
    """
    since = clock.now() - KEPT_FOR
    kept = queries.kept_selection(order.selection_id or "", actor=caller.actor, since=since)
    if kept is None:
        message = _("This selection is no longer kept: look again at what would happen.")
        raise validation_error("selectionId", message)
    return kept


def within_limit(count: int) -> int:
    if count > rules.MAX_TASKS:
        message = _("More than %(most)s tasks match; narrow the filter.")
        raise validation_error("filter", message % {"most": number_text(rules.MAX_TASKS)})
    return count
