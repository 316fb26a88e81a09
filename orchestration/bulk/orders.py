"""What a bulk action is asked to do, and what it would do now."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.callers import Caller
from execution.enums import TaskStatus
from execution.exceptions import NotAllowed
from nexo.shared.exceptions import validation_error
from orchestration.bulk import queries, rules
from orchestration.bulk.enums import BulkAction


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: `task_ids`, or the list's filters as given and as parsed."""

    action: BulkAction
    reason: str = ""
    agent_id: str | None = None
    task_ids: Sequence[str] | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

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


def check_may_order(order: Order, caller: Caller) -> None:
    if not rules.may_order(order.action, caller, decides_by_ids=order.decides_by_ids):
        raise NotAllowed


def preview(order: Order, *, caller: Caller) -> Preview:
    """Count by status and by who touched the tasks; nothing is locked or written.

    Raises
    ------
    NotAllowed; ValidationError: more tasks than one job may have
    """
    check_may_order(order, caller)
    found = Preview()
    if order.task_ids is None:
        selections = [queries.matching(order.values)]
        found.total = within_limit(selections[0][: rules.MAX_TASKS + 1].count())
    else:
        selections = list(queries.named(order.task_ids))
        found.total = len(order.task_ids)
    known = 0
    for selected in selections:
        counts = queries.by_status(selected)
        known += counts.total()
        if order.action == BulkAction.APPROVE:
            pending = selected.filter(status=TaskStatus.PENDING)
            if own := queries.own_tasks(pending, caller.actor).count():
                counts[TaskStatus.PENDING] -= own
                found.refusals["own_task"] += own
        for status, count in counts.items():
            code = rules.refusal(order.action, status, is_own=False)
            if code is None:
                found.done += count
            elif count:
                found.refusals[code] += count
    if found.total > known:
        found.refusals["not_found"] += found.total - known
    if found.total <= rules.DIRECT_LIMIT:
        found.results = _expected(order, caller)
    return found


def _expected(order: Order, caller: Caller) -> list[tuple[str, str | None]]:
    """Each task of a small selection with the code it would be refused with."""
    if order.task_ids is None:
        selections = [queries.matching(order.values).order_by("-created_at", "-id")]
    else:
        selections = list(queries.named(order.task_ids))
    codes: dict[str, str | None] = {}
    for selected in selections:
        own: set[str] = set()
        if order.action == BulkAction.APPROVE:
            own = set(queries.own_tasks(selected, caller.actor).values_list("task_id", flat=True))
        for task_id, status in selected.values_list("task_id", "status"):
            is_own = task_id in own
            codes[task_id] = rules.refusal(order.action, TaskStatus(status), is_own=is_own)
    if order.task_ids is None:
        return list(codes.items())
    return [(task_id, codes.get(task_id, "not_found")) for task_id in order.task_ids]


def within_limit(count: int) -> int:
    if count > rules.MAX_TASKS:
        message = _("More than %(most)d tasks match; narrow the filter.")
        raise validation_error("filter", message % {"most": rules.MAX_TASKS})
    return count
