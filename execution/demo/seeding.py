"""Write the demo once; what is there already stays as it is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction

from accounts import audit
from accounts.roles import Role
from accounts.services import set_role
from execution.demo.past import load_story, past_stories
from execution.demo.present import log_of, present_histories
from execution.demo.roster import PEOPLE, PROFILES, SIMULATOR
from execution.enums import LogLevel
from execution.models import Agent, Marketplace, Specialty, Task
from execution.services import TaskHistory, record_histories
from execution.task_logs import LogLine, record_logs

FIRST_ID: Final = "demo-0001"
ACTOR: Final = "system:seed_demo"
LOAD_PREFIX: Final = "demo-load-"
BATCH: Final = 1000


def seed_people(password: str) -> list[str]:
    """A user for each role; the names of those that were not there."""
    known = set(User.objects.filter(username__in=PEOPLE).values_list("username", flat=True))
    missing = [role for role in PEOPLE if role.value not in known]
    with transaction.atomic():
        for role in missing:
            user = User.objects.create_user(role.value, password=password)
            audit.record("created", actor=ACTOR, object_kind="user", object_id=role.value)
            set_role(user, role, actor=ACTOR)
    return [role.value for role in missing]


def somebody_has(password: str) -> bool:
    """Whether one of the demo's users signs in with it."""
    return any(user.check_password(password) for user in User.objects.filter(username__in=PEOPLE))


def simulator() -> User:
    """Who plays the head in the simulation: nobody can sign in as them."""
    known = User.objects.filter(username=SIMULATOR).first()
    if known is not None:
        return known
    with transaction.atomic():
        user = User.objects.create_user(SIMULATOR)
        audit.record("created", actor=ACTOR, object_kind="user", object_id=SIMULATOR)
        set_role(user, Role.HEAD, actor=ACTOR)
    return user


def seed_agents() -> list[str]:
    """The agents that were missing."""
    known = set(Agent.objects.values_list("slug", flat=True))
    missing = [profile for profile in PROFILES if profile.slug not in known]
    with transaction.atomic():
        for profile in missing:
            agent = Agent.objects.create(slug=profile.slug, name=profile.name, home_id=profile.home)
            agent.marketplaces.set(Marketplace.objects.filter(slug__in=profile.marketplaces))
            agent.specialties.set(
                Specialty.objects.get_or_create(task_type=task_type)[0]
                for task_type in profile.specialties
            )
            audit.record("created", actor=ACTOR, object_kind="agent", object_id=profile.slug)
    return [profile.slug for profile in missing]


def seed_tasks(now: datetime) -> int:
    """Forty days of history and what is going on now, all or none; how many tasks were written."""
    if Task.objects.filter(external_id=FIRST_ID).exists():
        return 0
    present = list(present_histories(now))
    histories = [*(story.told() for story in past_stories(now)), *present]
    for number, history in zip(count(1), histories, strict=False):
        history.task.external_id = f"demo-{number:04d}"
    with transaction.atomic():
        record_histories(histories)
        for history in present:
            _write_log(history)
    return len(histories)


def _write_log(history: TaskHistory) -> None:
    task = history.task
    record_logs(task.pk, [LogLine(LogLevel.INFO, message, at) for message, at in log_of(history)])


def seed_load(wanted: int, now: datetime) -> Iterator[int]:
    """Add ended tasks until there are `wanted`; yields the size of each batch once written."""
    there = Task.objects.filter(external_id__startswith=LOAD_PREFIX).count()
    while there < wanted:
        upto = min(wanted, there + BATCH)
        record_histories([_load_history(index, now) for index in range(there, upto)])
        yield upto - there
        there = upto


def _load_history(index: int, now: datetime) -> TaskHistory:
    story = load_story(index, now)
    story.new = replace(story.new, external_id=f"{LOAD_PREFIX}{index + 1:07d}")
    return story.told()
