"""Reads of the playbook and its plans."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, QuerySet
from django.db.models.functions import Coalesce

from execution import queries as tasks
from execution.enums import ENDED_STATUSES, OPEN_STATUSES, TaskStatus
from execution.models import Agent, Lease
from optimization.counting import PLAYBOOK_ACTOR
from orchestration.bulk.queries import waiting_jobs
from orchestration.enums import PlanCause, PlanStatus
from orchestration.models import DueRun, Plan, PlanTask, TaskTemplate
from orchestration.schedule import CLOCKS_DIFFER, waiting_since

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


def served_until(templates: Collection[TaskTemplate], now: datetime) -> dict[int, datetime]:
    """Up to when the due times of each template need nobody: served, or before it recurred.

    What a wrong clock served of the future does not count until that time has come: then it keeps
    it from being served twice.
    """
    last = _last_run(templates, due_at__lte=now + CLOCKS_DIFFER)
    return {one.pk: max(one.recurs_since, last.get(one.pk, one.recurs_since)) for one in templates}


def runs_ahead(templates: Collection[TaskTemplate], now: datetime) -> dict[int, datetime]:
    """The last due time of each template that a wrong clock served before it had come."""
    return _last_run(templates, due_at__gt=now + CLOCKS_DIFFER)


def _last_run(templates: Collection[TaskTemplate], **when: datetime) -> dict[int, datetime]:
    rows = DueRun.objects.filter(template__in=templates, **when).order_by()
    return dict(rows.values_list("template_id").annotate(Max("due_at")))


def inactive_agents(channels: Collection[str]) -> QuerySet[Agent]:
    """Agents that work on one of the marketplaces and are not active."""
    there = Agent.marketplaces.through.objects.filter(marketplace_id__in=channels)
    return Agent.objects.filter(is_active=False, slug__in=there.values("agent_id"))


# -- The worker ----------------------------------------------------------------------------------


def worker_behind_seconds(now: datetime) -> float:
    """How long the oldest job has waited, the oldest lease that ran out, or the oldest due time of
    a recurring template: seconds, while a worker runs and is not busy."""
    jobs = waiting_jobs(now).annotate(since=Coalesce("lease_until", "created_at"))
    leases = Lease.objects.filter(expires_at__lt=now)
    oldest = [
        jobs.aggregate(oldest=Min("since"))["oldest"],
        leases.aggregate(oldest=Min("expires_at"))["oldest"],
        *_due_times_waiting(now),
    ]
    return max([0.0, *((now - since).total_seconds() for since in oldest if since is not None)])


def _due_times_waiting(now: datetime) -> list[datetime | None]:
    templates = list(recurring_templates())
    until = served_until(templates, now)
    return [waiting_since(one.recurrence, since=until[one.pk], now=now) for one in templates]


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


@dataclass(frozen=True, slots=True)
class Plans:
    """What the overview tells of plans, the newest first.

    `latest` is the newest that made a task, when none is executing; `scheduled` the latest that a
    due time made, whatever came of it.
    """

    executing: Sequence[PlanProgress]
    latest: PlanProgress | None
    scheduled: PlanProgress | None

    @property
    def main(self) -> PlanProgress | None:
        return self.executing[0] if self.executing else self.latest

    @property
    def others(self) -> Sequence[PlanProgress]:
        return self.executing[1:]


def plans() -> Plans:
    """Every plan with a task that has not ended; a template has one such task at most."""
    made = Plan.objects.filter(plan_tasks__isnull=False)
    at_work = PlanTask.objects.filter(task__ended_at__isnull=True).values("plan_id")
    executing = list(Plan.objects.filter(pk__in=at_work).order_by("-id"))
    latest = None if executing else made.order_by("-id").first()
    scheduled = Plan.objects.filter(cause=PlanCause.SCHEDULE).order_by("-id").first()
    shown = {plan.pk: plan for plan in (*executing, latest, scheduled) if plan is not None}
    found = _progress(shown.values())
    return Plans(
        [found[plan.pk] for plan in executing],
        found[latest.pk] if latest else None,
        found[scheduled.pk] if scheduled else None,
    )


def _progress(plans: Collection[Plan]) -> dict[int, PlanProgress]:
    found = {plan.pk: PlanProgress(plan, tasks.Tally.empty()) for plan in plans}
    rows = PlanTask.objects.filter(plan__in=found).order_by().values_list("plan_id", "task__status")
    for plan_id, status, count in rows.annotate(Count("id")):
        found[plan_id].tally.add(status, count, 0)
    return found


def tasks_of(plans: Collection[Plan]) -> dict[int, list[dict[str, Any]]]:
    """What the plans' lists show of each task, by plan."""
    rows = PlanTask.objects.filter(plan__in=plans).order_by("pk")
    names = ("task__task_id", "task__title", "task__status", "task__marketplace_id")
    found: dict[int, list[dict[str, Any]]] = {plan.pk: [] for plan in plans}
    for row in rows.values("plan_id", *names):
        found[row["plan_id"]].append(row)
    return found


# -- Who works where -----------------------------------------------------------------------------


def workers(channels: Collection[str]) -> dict[str, list[Agent]]:
    """The agents of each marketplace, active or not."""
    found: dict[str, list[Agent]] = {channel: [] for channel in channels}
    there = Agent.objects.filter(marketplaces__in=channels).annotate(there=F("marketplaces__slug"))
    for agent in there.order_by("slug"):
        found[agent.there].append(agent)
    return found


def unassigned_by_marketplace() -> dict[str, int]:
    """Open tasks that nobody has, in the marketplaces' order; those without any left out."""
    rows = tasks.Task.objects.filter(
        agent_id__isnull=True, ended_at__isnull=True, status__in=OPEN_STATUSES
    )
    return {slug: count for slug, count in tasks.counts_by_marketplace(rows).items() if count}
