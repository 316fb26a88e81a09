"""Activate the playbook, by hand or on schedule: templates become tasks, once.

Whoever activates holds the templates locked until the plan and its tasks are committed, so that
any number at once make one plan's worth of tasks.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from accounts import audit
from accounts.callers import Caller
from accounts.permissions import RUN_ORCHESTRATION
from execution.agents import activate_agents
from execution.assignment import Need, assign
from execution.enums import MarketplaceSlug, Priority
from execution.exceptions import NotAllowed
from execution.services import NewTask, create_tasks_of_system
from nexo.shared import clock
from nexo.shared.instants import to_rfc3339
from optimization.counting import PLAYBOOK_ACTOR
from orchestration import queries
from orchestration.enums import PlanCause, PlanStatus, SkipReason
from orchestration.models import DueRun, Plan, PlanTask, TaskTemplate
from orchestration.schedule import Due, due

logger = logging.getLogger(__name__)
SCHEDULER_ACTOR: Final = "system:schedule"


@dataclass(frozen=True, slots=True)
class Skipped:
    template: TaskTemplate
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A task that nobody has room for; without an id it would be one."""

    template: TaskTemplate
    task_id: str | None


@dataclass(frozen=True, slots=True)
class Activation:
    """What an activation made or, without a plan, would make.

    One that had nothing to make leaves no plan of its own: `plan` is the one that is running.
    """

    plan: Plan | None
    channels: Sequence[str]
    chosen: Sequence[TaskTemplate]
    skipped: Sequence[Skipped]
    tasks: Sequence[str]
    agents: Sequence[str]  # that became, or would become, active
    assigned: Sequence[str | None]  # who has, or would get, each of the chosen

    @property
    def unassigned(self) -> list[Unassigned]:
        """Those of the chosen that nobody has room for."""
        tasks: Sequence[str | None] = self.tasks or [None] * len(self.chosen)
        each = zip(self.chosen, self.assigned, tasks, strict=True)
        return [Unassigned(template, task) for template, agent, task in each if agent is None]

    @property
    def status(self) -> PlanStatus:
        return PlanStatus.EXECUTING if self.chosen or self.plan else PlanStatus.COMPLETED


# -- By hand -------------------------------------------------------------------------------------


def activate(
    channels: Collection[str] | None, *, caller: Caller, dry_run: bool = False
) -> Activation:
    """One plan: a task for each active template of these marketplaces without an open one.

    None stands for all marketplaces. Agents that work there become active.

    Raises
    ------
    NotAllowed
    """
    if not caller.may(RUN_ORCHESTRATION):
        raise NotAllowed
    asked = [slug.value for slug in MarketplaceSlug if channels is None or slug in channels]
    templates = queries.active_templates(asked)
    if dry_run:
        chosen, skipped = _choice(queries.in_order(templates))
        agents = list(queries.inactive_agents(asked).values_list("slug", flat=True))
        return Activation(None, asked, chosen, skipped, [], agents, _would_get(chosen, agents))
    with transaction.atomic():
        found = queries.in_order(queries.locked(templates))
        # First the agents, so that the work can be theirs.
        agents = activate_agents(queries.inactive_agents(asked), caller=caller)
        chosen, skipped = _choice(found)
        if chosen:
            made = _make_plan(chosen, skipped, asked, actor=caller.actor)
            _record_plan(made, actor=caller.actor)
        else:
            # All of it is made already, and in the log.
            made = Activation(queries.running_plan(found), asked, [], skipped, [], [], [])
    return replace(made, agents=agents)


def _would_get(chosen: Sequence[TaskTemplate], waking: Collection[str]) -> list[str | None]:
    """Who would be given each task, once the agents that are inactive have been woken."""
    needs = [Need(one.task_type, one.marketplace_id, frozenset(waking)) for one in chosen]
    return [found.agent_id for found in assign(needs)]


# -- On schedule ---------------------------------------------------------------------------------


def run_due_templates(now: datetime | None = None) -> list[Plan]:
    """Activate the recurring templates that are due; each due time once, whoever asks how often.

    Templates that are due at the same time share a plan. Of a missed period the latest due time
    alone is made up for.
    """
    now = now or clock.now()
    if not _due(queries.in_order(queries.recurring_templates()), now):
        return []
    plans: list[Plan] = []
    # Each time in a transaction of its own, which makes its tasks by one change of the counters.
    while plan := _serve_next(now):
        plans.append(plan)
    return plans


def _serve_next(now: datetime) -> Plan | None:
    """The plan of the earliest due time that nobody has served yet."""
    with transaction.atomic():
        found = _due(queries.in_order(queries.locked(queries.recurring_templates())), now)
        if not found:
            return None
        due_at = min(due.at for _template, due in found)
        together = [(template, due) for template, due in found if due.at == due_at]
        _warn_of_runs_ahead([template for template, _due in together], now)
        return _serve(together, due_at)


def _due(templates: Sequence[TaskTemplate], now: datetime) -> list[tuple[TaskTemplate, Due]]:
    until = queries.served_until(templates, now)
    return [
        (template, is_due)
        for template in templates
        if (is_due := due(template.recurrence, since=until[template.pk], now=now))
    ]


def _warn_of_runs_ahead(templates: Sequence[TaskTemplate], now: datetime) -> None:
    """When they are served, and not at every look."""
    ahead = queries.runs_ahead(templates, now)
    for template in templates:
        if due_at := ahead.get(template.pk):
            logger.warning(
                "a clock was wrong: %s was served for %s, which lies ahead and does not count",
                template.name,
                to_rfc3339(due_at),
            )


def _serve(together: Sequence[tuple[TaskTemplate, Due]], due_at: datetime) -> Plan:
    templates = [template for template, _due in together]
    channels = [
        slug.value
        for slug in MarketplaceSlug
        if slug in {template.marketplace_id for template in templates}
    ]
    missed = max(due.missed for _template, due in together)
    chosen, skipped = _choice(templates)
    made = _make_plan(
        chosen, skipped, channels, actor=SCHEDULER_ACTOR, due_at=due_at, missed=missed
    )
    assert made.plan
    _record_plan(made, actor=SCHEDULER_ACTOR, dueAt=to_rfc3339(due_at), missed=missed)
    DueRun.objects.bulk_create(
        DueRun(template=template, due_at=due_at, plan=made.plan, missed=due.missed)
        for template, due in together
    )
    return made.plan


# -- Plans ---------------------------------------------------------------------------------------


def _choice(templates: Sequence[TaskTemplate]) -> tuple[list[TaskTemplate], list[Skipped]]:
    busy = queries.with_open_task(templates)
    chosen = [template for template in templates if template.pk not in busy]
    skipped = [Skipped(one, SkipReason.OPEN_TASK) for one in templates if one.pk in busy]
    return chosen, skipped


def _make_plan(
    chosen: Sequence[TaskTemplate],
    skipped: Sequence[Skipped],
    channels: Sequence[str],
    *,
    actor: str,
    due_at: datetime | None = None,
    missed: int = 0,
) -> Activation:
    """The plan of these templates, which must be locked, with its tasks."""
    new = [_new_task(template) for template in chosen]
    states = create_tasks_of_system(new, actor=PLAYBOOK_ACTOR) if new else []
    plan = Plan.objects.create(
        plan_id=f"plan-{uuid.uuid4()}",
        created_at=clock.now(),
        actor=actor,
        cause=PlanCause.MANUAL if due_at is None else PlanCause.SCHEDULE,
        channels=channels,
        skipped=[{"template": one.template.name, "reason": one.reason.value} for one in skipped],
        due_at=due_at,
        missed=missed,
    )
    PlanTask.objects.bulk_create(
        PlanTask(plan=plan, template=template, task_id=state.row["id"])
        for template, state in zip(chosen, states, strict=True)
    )
    tasks = [state.row["task_id"] for state in states]
    assigned = [state.row["agent_id"] for state in states]
    return Activation(plan, channels, chosen, skipped, tasks, [], assigned)


def _record_plan(made: Activation, *, actor: str, **details: Any) -> None:
    assert made.plan
    audit.record(
        "activate",
        actor=actor,
        object_kind="plan",
        object_id=made.plan.plan_id,
        details={
            "channels": list(made.channels),
            "tasks": len(made.tasks),
            "skipped": len(made.skipped),
            **({"unassigned": len(made.unassigned)} if made.unassigned else {}),
            **details,
        },
    )


def _new_task(template: TaskTemplate) -> NewTask:
    return NewTask(
        task_type=template.task_type,
        # One title for everybody, in the business's language, whoever presses the button.
        title=template.title_pt,
        marketplace_id=template.marketplace_id,
        estimated_minutes=float(template.estimated_hours * 60),
        targets=[marketplace.slug for marketplace in template.targets.all()],
        priority=Priority(template.priority),
        is_approved=not template.needs_approval,
    )
