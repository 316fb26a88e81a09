"""Reads of the playbook and its plans."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Min, QuerySet
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from execution import queries as tasks
from execution.enums import ENDED_STATUSES, TaskStatus
from execution.models import Agent, Lease
from optimization.counting import PLAYBOOK_ACTOR
from orchestration.enums import PlanStatus
from orchestration.models import DueRun, Plan, PlanTask, TaskTemplate

PLAYBOOK_ORDER = ("marketplace__position", "position", "key")

# -- The playbook --------------------------------------------------------------------------------


def active_templates(channels: Collection[str]) -> QuerySet[TaskTemplate]:
    return TaskTemplate.objects.filter(is_active=True, marketplace_id__in=channels)


def recurring_templates() -> QuerySet[TaskTemplate]:
    return TaskTemplate.objects.filter(is_active=True).exclude(recurrence="")


def in_order(templates: QuerySet[TaskTemplate]) -> list[TaskTemplate]:
    """As the playbook lists them, with what making a task of each asks for."""
    return list(templates.order_by(*PLAYBOOK_ORDER).prefetch_related("targets"))


def locked(templates: QuerySet[TaskTemplate]) -> QuerySet[TaskTemplate]:
    """The same templates, once nobody else activates one of them; until the transaction ends."""
    rows = templates.order_by("pk").select_for_update(no_key=True)
    return TaskTemplate.objects.filter(pk__in=list(rows.values_list("pk", flat=True)))


def with_open_task(templates: Collection[TaskTemplate]) -> set[int]:
    """Those of the templates whose own task has not ended."""
    rows = PlanTask.objects.filter(template__in=templates, task__ended_at__isnull=True)
    return {pk for pk in rows.values_list("template_id", flat=True) if pk is not None}


def last_served(templates: Collection[TaskTemplate]) -> dict[int, datetime]:
    """The latest due time of each template that was served."""
    rows = DueRun.objects.filter(template__in=templates).order_by().values_list("template_id")
    return dict(rows.annotate(Max("due_at")))


def inactive_agents(channels: Collection[str]) -> QuerySet[Agent]:
    """Agents that work on one of the marketplaces and are not active."""
    there = Agent.marketplaces.through.objects.filter(marketplace_id__in=channels)
    return Agent.objects.filter(is_active=False, slug__in=there.values("agent_id"))


# -- The worker ----------------------------------------------------------------------------------


def worker_behind_seconds(now: datetime) -> float:
    """How long the oldest job has waited, or the oldest lease that ran out: seconds, while a
    worker runs and is not busy."""
    jobs = DBTaskResult.objects.filter(status=TaskResultStatus.READY).order_by()
    leases = Lease.objects.filter(expires_at__lt=now)
    oldest = [
        jobs.aggregate(oldest=Min("enqueued_at"))["oldest"],
        leases.aggregate(oldest=Min("expires_at"))["oldest"],
    ]
    return max([0.0, *((now - since).total_seconds() for since in oldest if since is not None)])


# -- Running plans -----------------------------------------------------------------------------


def running_plan(templates: Collection[TaskTemplate]) -> Plan | None:
    """The newest plan of which a task of these templates is open."""
    rows = PlanTask.objects.filter(template__in=templates, task__ended_at__isnull=True)
    return Plan.objects.filter(pk__in=rows.values("plan_id")).order_by("-id").first()


# -- Tasks without an agent ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WaitingTask:
    """`approver` is who approves it as soon as it has an agent, if nobody needs to decide."""

    task_id: str
    task_type: str
    marketplace_id: str
    approver: str | None


def waiting_for_an_agent(marketplaces: Collection[str], *, limit: int) -> list[WaitingTask]:
    """Tasks of these marketplaces on which nobody can begin, the oldest first."""
    rows = tasks.Task.objects.filter(
        agent__isnull=True,
        ended_at__isnull=True,
        status__in=(TaskStatus.PENDING, TaskStatus.APPROVED),
        marketplace__in=marketplaces,
    ).order_by("pk")
    names = ("task_id", "task_type", "marketplace_id", "plan_task__template__needs_approval")
    return [
        WaitingTask(task_id, task_type, slug, PLAYBOOK_ACTOR if needs_approval is False else None)
        for task_id, task_type, slug, needs_approval in rows.values_list(*names)[:limit]
    ]


# -- Plans ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlanProgress:
    """A plan and where its tasks stand."""

    plan: Plan
    tally: tasks.Tally

    @property
    def total(self) -> int:
        return self.tally.total()

    @property
    def ended(self) -> int:
        return self.tally.total([status.value for status in ENDED_STATUSES])

    @property
    def status(self) -> PlanStatus:
        return PlanStatus.COMPLETED if self.ended == self.total else PlanStatus.EXECUTING


def latest_plan() -> PlanProgress | None:
    """The newest plan that made a task."""
    plan = Plan.objects.filter(plan_tasks__isnull=False).order_by("-id").first()
    return None if plan is None else progress_of(plan)


def progress_of(plan: Plan) -> PlanProgress:
    made = PlanTask.objects.filter(plan=plan).values("task_id")
    return PlanProgress(plan, tasks.tally_of(tasks.Task.objects.filter(pk__in=made)))


def tasks_of(plan: Plan) -> Sequence[dict[str, Any]]:
    """What the plan's list shows of each task."""
    rows = PlanTask.objects.filter(plan=plan).order_by("pk")
    names = ("task__task_id", "task__title", "task__status", "task__marketplace_id")
    return list(rows.values(*names, "task__agent_id"))
