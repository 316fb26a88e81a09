"""The forty-two tasks on top of the page: open, or ended a little while ago.

They lie close to now whatever the hour, so that the page is alive when it is first opened.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

from execution.demo.catalogue import BRAND_CAUSE, KIND_OF, LATE_CAUSE, LIMIT_CAUSE, LOG_LINES
from execution.demo.past import SEED, new_task
from execution.demo.roster import PROFILES, Profile
from execution.demo.telling import Story, trouble
from execution.enums import SyncState, TaskStatus
from execution.services import NewTask, TaskHistory

PENDING, APPROVED, RUNNING, SYNCING, COMPLETED, FAILED = TaskStatus
# Eight waiting, twelve in progress, twenty done, two failed.
COUNTS: Final = {PENDING: 5, APPROVED: 3, RUNNING: 7, SYNCING: 5, COMPLETED: 20, FAILED: 2}
# Whose they are, in turn. A weak agent with only good news today would seem to recover.
WORKERS: Final = {
    COMPLETED: ("alex", "premium", "sunny", "alex", "premium", "tren"),
    FAILED: ("marina", "viral"),
}
EVERYBODY: Final = tuple(profile.slug for profile in PROFILES)
PROFILE_OF: Final = {profile.slug: profile for profile in PROFILES}
# Ages in minutes, youngest and oldest.
AGES: Final = {
    PENDING: (2, 50),
    APPROVED: (10, 90),
    RUNNING: (25, 100),
    SYNCING: (40, 130),
    COMPLETED: (60, 1200),
    FAILED: (90, 300),
}
SYNC_TARGETS: Final = (4, 3, 6, 6, 5)
# What a target may be while its task is syncing, beside synced and queued.
UNSETTLED: Final = (
    SyncState.SENDING,
    SyncState.AWAITING_CONFIRMATION,
    SyncState.PARTIAL,
    SyncState.FAILED,
)


def present_histories(now: datetime) -> Iterator[TaskHistory]:
    """In the order of creation."""
    stories = []
    rng = Random(SEED)
    for status, count in COUNTS.items():
        for number in range(count):
            youngest, oldest = AGES[status]
            age = youngest + (oldest - youngest) * (number + rng.uniform(0.1, 0.9)) / count
            workers = WORKERS.get(status, EVERYBODY)
            profile = PROFILE_OF[workers[number % len(workers)]]
            targets = SYNC_TARGETS[number] if status == SYNCING else rng.choice((1, 2, 3))
            new = _published_task(profile, rng, targets)
            story = Story(new, now - timedelta(minutes=age))
            TELL[status](story, age, number)
            stories.append((story, status, number))
    for story, status, number in sorted(stories, key=lambda told: told[0].created_at):
        history = story.told()
        _trouble_targets(history, status, number)
        history.is_held = status in (RUNNING, SYNCING)
        yield history


def _published_task(profile: Profile, rng: Random, targets: int) -> NewTask:
    while True:
        new = new_task(profile, rng, targets=targets)
        if KIND_OF[new.task_type].published:
            return new


def _wait(story: Story, age: float, number: int) -> None:
    """Nobody has looked at it yet."""


def _be_approved(story: Story, age: float, number: int) -> None:
    story.wait(age * 0.3).approve()


def _begin(story: Story, age: float, number: int) -> None:
    _be_approved(story, age * 0.5, number)
    story.wait(age * 0.1).start()


def _run(story: Story, age: float, number: int) -> None:
    _begin(story, age, number)
    if number % 3:
        story.wait(age * 0.4).report(50 + 7 * (number % 4))


def _sync(story: Story, age: float, number: int) -> None:
    """One more target is synced in each, but never the last."""
    _begin(story, age, number)
    story.wait(age * 0.3).publish()
    for slug in story.targets[: min(number, len(story.targets) - 1)]:
        story.wait(age * 0.05).mark_synced(slug)


def _end(story: Story, age: float, number: int) -> None:
    """Take about the estimate, a little more each fourth time."""
    minutes = min(age * 0.9, story.new.estimated_minutes * (1.3 if number % 4 == 3 else 0.85))
    _begin(story, minutes, number)
    story.wait(minutes * 0.4).publish()
    for slug in story.targets:
        story.wait(minutes * 0.35 / len(story.targets)).mark_synced(slug)


def _break(story: Story, age: float, number: int) -> None:
    _begin(story, age * 0.5, number)
    if number:
        story.wait(age * 0.3).fail(LATE_CAUSE)
    else:
        story.wait(age * 0.2).publish()
        story.wait(age * 0.1).fail(BRAND_CAUSE, target=story.targets[0])


TELL: Final[dict[TaskStatus, Callable[[Story, float, int], None]]] = {
    PENDING: _wait,
    APPROVED: _be_approved,
    RUNNING: _run,
    SYNCING: _sync,
    COMPLETED: _end,
    FAILED: _break,
}


def _trouble_targets(history: TaskHistory, status: TaskStatus, number: int) -> None:
    """Show each state that publishing can leave a target in."""
    if status == SYNCING:
        waiting = [t.marketplace_id for t in history.targets if t.state == SyncState.QUEUED]
        state = UNSETTLED[number % len(UNSETTLED)]
        failed = state in (SyncState.FAILED, SyncState.PARTIAL)
        trouble(history, waiting[0], state, LIMIT_CAUSE if failed else None, tries=1 + number)
    elif status == COMPLETED and number % 7 == 6:
        trouble(history, history.targets[-1].marketplace_id, SyncState.DRIFTED)


def log_of(history: TaskHistory) -> list[tuple[str, datetime]]:
    """What the agent noted while it worked: a line at each of its own steps, as long as it has one
    for the status that the step led to."""
    actor = f"agent:{history.task.agent_id}"
    lines = {status.value: iter(told) for status, told in LOG_LINES.items()}
    steps = [event for event in history.events if event.actor == actor and event.to_status in lines]
    told = [(next(lines[event.to_status], ""), event.at) for event in steps]
    return [(line, at) for line, at in told if line]
