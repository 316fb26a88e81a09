"""Work of the last forty days, shaped so that each agent's score has its level and its trend.

Successes are spread evenly instead of drawn: with a hundred tasks an agent, chance alone would
move a score by several points, and the demo would show other bands every day.
"""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

from execution.demo.catalogue import (
    CANCELLATIONS,
    KIND_OF,
    KINDS,
    Kind,
    causes_of,
    rejections_of,
)
from execution.demo.roster import DEMO_MARKETPLACES, HEAD, HISTORY_DAYS, PROFILES, QA, Form, Profile
from execution.demo.telling import Story
from execution.enums import Priority
from execution.services import NewTask
from nexo.shared import clock

SEED: Final = 20260224
PRESENT: Final = timedelta(hours=21)  # what is younger belongs to present.py
SATURDAY, SUNDAY = 5, 6
OPENS_AT_HOUR: Final = 8
LAST_CREATED_AT_HOUR: Final = 16
LAST_RETRY_HOUR: Final = 17
SHARE_CANCELLED: Final = 0.03
SHARE_RETRIED: Final = 0.3
SHARE_FAILED_WHILE_PUBLISHING: Final = 0.4
SHARE_AT_HOME: Final = 0.7
SHARE_OF_SPECIALTY: Final = 0.6
MAX_ATTEMPTS: Final = 3
ATTEMPT_STRIDE: Final = 10_000_019
PRIORITIES: Final = tuple(Priority)
PRIORITY_SHARES: Final = (2, 7, 3, 1)
# Multiples of an irrational number, modulo 1, cover 0-1 evenly from the first few on.
APPROVAL_STRIDE: Final = (math.sqrt(5) - 1) / 2
COMPLETION_STRIDE: Final = math.sqrt(2) - 1
PACE_STRIDE: Final = math.sqrt(3) - 1
SHARE_IN_TIME: Final = 0.75
IN_TIME: Final = (0.4, 0.85)


def past_stories(now: datetime) -> Iterator[Story]:
    """Everything that ended before what is going on `now`, in the order of creation."""
    stories = []
    for agent, profile in enumerate(PROFILES):
        number = 0
        for days_ago in range(HISTORY_DAYS, -1, -1):
            rng = Random(f"{SEED}:{agent}:{days_ago}")
            midnight = clock.days_ago(days_ago, at=now)
            for _task in range(_tasks_on(midnight, profile, rng)):
                number += 1
                story = past_story(profile, days_ago, midnight, number, rng)
                if story.at < now - PRESENT:
                    stories.append(story)
    return iter(sorted(stories, key=lambda story: story.created_at))


def load_story(index: int, now: datetime) -> Story:
    """The `index`-th ended task of a load of any size, with fewer steps than a demo task."""
    rng = Random(SEED + index)
    profile = PROFILES[index % len(PROFILES)]
    number = index // len(PROFILES)
    days_ago = 1 + number % HISTORY_DAYS
    midnight = clock.days_ago(days_ago, at=now)
    if midnight.weekday() == SUNDAY:
        midnight = clock.days_ago(days_ago + 1, at=now)
    return past_story(profile, days_ago, midnight, number, rng, brief=True)


def _tasks_on(midnight: datetime, profile: Profile, rng: Random) -> int:
    if midnight.weekday() == SUNDAY:
        return 0
    if midnight.weekday() == SATURDAY:
        return profile.tasks_a_day // 3
    return profile.tasks_a_day + rng.choice((-1, 0, 0, 1))


def past_story(
    profile: Profile,
    days_ago: int,
    midnight: datetime,
    number: int,
    rng: Random,
    *,
    brief: bool = False,
) -> Story:
    """The `number`-th task of an agent, created on the business day that begins at `midnight`.

    A `brief` one has one target, one attempt and no reports of progress.
    """
    minute = rng.uniform(OPENS_AT_HOUR * 60, LAST_CREATED_AT_HOUR * 60)
    new = new_task(profile, rng, targets=1 if brief else rng.choice((1, 1, 2, 3)))
    story = Story(new, midnight + timedelta(minutes=minute))
    form = profile.form(days_ago)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        # Attempts draw from places far apart, so that a second try does not repeat the first.
        broke = _attempt(story, form, number + attempt * ATTEMPT_STRIDE, rng, brief=brief)
        late = story.at.astimezone(clock.BUSINESS_ZONE).hour >= LAST_RETRY_HOUR
        if brief or late or not broke or rng.random() > SHARE_RETRIED:
            break
        story.wait(rng.uniform(5, 30)).retry()
    return story


def new_task(profile: Profile, rng: Random, *, targets: int) -> NewTask:
    """A task for the agent, to be published to that many marketplaces."""
    at_home = rng.random() < SHARE_AT_HOME
    marketplace = profile.home if at_home else rng.choice(profile.also)
    kind = _kind(profile, rng)
    others = [slug for slug in DEMO_MARKETPLACES if slug != marketplace]
    return NewTask(
        task_type=kind.task_type,
        title=kind.title(rng),
        marketplace_id=marketplace,
        estimated_minutes=float(rng.choice(kind.estimates)),
        agent_id=profile.slug,
        targets=(marketplace, *rng.sample(others, targets - 1)),
        priority=rng.choices(PRIORITIES, PRIORITY_SHARES)[0],
    )


def _kind(profile: Profile, rng: Random) -> Kind:
    if rng.random() < SHARE_OF_SPECIALTY:
        return KIND_OF[rng.choice(profile.specialties)]
    return rng.choice(KINDS)


def _attempt(story: Story, form: Form, place: int, rng: Random, *, brief: bool) -> bool:
    """Tell one attempt; whether it broke at work, so that another may help."""
    story.wait(rng.uniform(1, 12))
    if place * APPROVAL_STRIDE % 1 >= form.approval:
        story.reject(rng.choice(rejections_of(story.new.task_type)))
        return False
    story.approve(by=rng.choice((QA, QA, HEAD)))
    story.wait(rng.uniform(1, 6))
    if rng.random() < SHARE_CANCELLED:
        story.cancel(rng.choice(CANCELLATIONS))
        return False
    story.start()
    minutes = story.new.estimated_minutes * _pace_factor(form.pace, place, rng)
    if place * COMPLETION_STRIDE % 1 < form.completion:
        _succeed(story, minutes, brief=brief)
        return False
    _fail(story, minutes, rng)
    return True


def _pace_factor(pace: float, place: int, rng: Random) -> float:
    """Minutes as a multiple of the estimate: most tasks are done in time, few take very long.

    Over all of them estimates are `pace` of the minutes, which is what a score looks at.
    """
    if place * PACE_STRIDE % 1 < SHARE_IN_TIME:
        return rng.uniform(*IN_TIME)
    in_time = SHARE_IN_TIME * sum(IN_TIME) / 2
    return (1 / pace - in_time) / (1 - SHARE_IN_TIME) * rng.uniform(0.85, 1.15)


def _succeed(story: Story, minutes: float, *, brief: bool) -> None:
    """Take `minutes` from start to end."""
    if not brief:
        story.wait(minutes * 0.4).report(62)
        minutes *= 0.6
    if not KIND_OF[story.new.task_type].published:
        story.wait(minutes).complete()
        return
    share = 1 / (1 + len(story.targets))
    story.wait(minutes * share).publish()
    for slug in story.targets:
        story.wait(minutes * share).mark_synced(slug)


def _fail(story: Story, minutes: float, rng: Random) -> None:
    cause = rng.choice(causes_of(story.new.task_type))
    story.wait(minutes * rng.uniform(0.2, 0.6))
    if rng.random() < SHARE_FAILED_WHILE_PUBLISHING:
        story.publish()
        story.wait(rng.uniform(1, 10)).fail(cause, target=story.targets[0])
    else:
        story.fail(cause)
