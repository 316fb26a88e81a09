"""Small makers of what tests need; each test names only what it is about."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import count
from math import floor
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model

from accounts.callers import Caller
from execution import services
from execution.changes import TaskChange
from execution.enums import CARD_OF, Card, TaskStatus
from execution.leases import LIFETIME, new_lease_id
from execution.models import Agent, Lease, Task
from execution.rows import TaskState
from execution.services import NewTask
from nexo.shared import clock

OPERATOR = Caller(actor="user:operator", is_superuser=True)
_numbers = count(1)


def make_user(role: str | None = None, **fields: Any) -> User:
    """A person in the role's group; without a role, a plain user."""
    fields.setdefault("username", f"{role or 'user'}{next(_numbers)}")
    user = User.objects.create_user(**fields)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def make_agent(slug: str = "alex", *marketplaces: str, **fields: Any) -> Agent:
    agent, _ = Agent.objects.get_or_create(
        slug=slug, defaults={"name": slug.capitalize(), **fields}
    )
    agent.marketplaces.add(*(marketplaces or ("amazon",)))
    return agent


def make_task(**fields: Any) -> TaskState:
    """A pending task on Amazon, made by the one writing service."""
    values: dict[str, Any] = {
        "task_type": "listing_optimization",
        "title": "Otimizar título",
        "marketplace_id": "amazon",
        "estimated_minutes": 60.0,
        **fields,
    }
    return services.create_tasks([NewTask(**values)], caller=OPERATOR)[0]


# One legal way to each status.
PATHS = {
    TaskStatus.PENDING: (),
    TaskStatus.APPROVED: (TaskStatus.APPROVED,),
    TaskStatus.IN_PROGRESS: (TaskStatus.IN_PROGRESS,),
    TaskStatus.MARKETPLACE_SYNC: (TaskStatus.IN_PROGRESS, TaskStatus.MARKETPLACE_SYNC),
    TaskStatus.COMPLETED: (TaskStatus.IN_PROGRESS, TaskStatus.COMPLETED),
    TaskStatus.FAILED: (TaskStatus.FAILED,),
}


def make_task_in(status: TaskStatus, **fields: Any) -> TaskState:
    state = make_task(**fields)
    for step in PATHS[status]:
        state = change(state, status=step)
    return state


def change(state: TaskState, *, caller: Caller = OPERATOR, **fields: Any) -> TaskState:
    """An agent is given the lease that it needs, where it has none."""
    fields.setdefault("status", TaskStatus(state.row["status"]))
    task_id = state.row["task_id"]
    lease_id = hold(state) if caller.agent_id and caller.agent_id == state.row["agent_id"] else None
    return services.update_task(task_id, TaskChange(**fields), caller=caller, lease_id=lease_id)


def hold(state: TaskState) -> str:
    """The id of the lease under which its agent holds the task, from now on if not before."""
    now = clock.now()
    lease, _is_new = Lease.objects.update_or_create(
        task_id=state.row["id"],
        defaults={"expires_at": now + LIFETIME},
        create_defaults={
            "agent_id": state.row["agent_id"],
            "lease_id": new_lease_id(),
            "claimed_at": now,
            "expires_at": now + LIFETIME,
        },
    )
    return lease.lease_id


def rows_of(models: Iterable[type[Model]]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the models' tables as the driver gives it, for comparing before with after."""
    rows = {}
    with connection.cursor() as cursor:
        for model in models:
            table, key = model._meta.db_table, model._meta.pk.column
            cursor.execute(f'SELECT * FROM "{table}" ORDER BY "{key}"')
            rows[table] = cursor.fetchall()
    return rows


def recounted(tasks: Iterable[Task]) -> dict[str, int]:
    """The five cards of these tasks, counted one by one."""
    cards, progress = dict.fromkeys((card.value for card in Card), 0), []
    for task in tasks:
        cards[CARD_OF[TaskStatus(task.status)].value] += 1
        progress.append(task.progress)
    mean = Fraction(sum(progress), len(progress) or 1)
    return {**cards, "totalProgress": floor(mean + Fraction(1, 2))}
