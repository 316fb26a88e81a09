"""What happens to a task next: pure, from the task's JSON and a source of chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal

from execution.demo.catalogue import (
    CANCELLATIONS,
    CAUSES,
    KIND_OF,
    LOG_LINES,
    causes_of,
    rejections_of,
)
from execution.demo.past import new_task
from execution.demo.roster import PROFILES, Form
from execution.enums import FailureReason, SyncState, TaskStatus
from execution.lifecycle import PROGRESS_RANGE

HEAD: Final = "head"
TASKS: Final = "task-execution"
# A task takes minutes here, not hours.
PACE: Final = 1 / 12
WORKING_STEPS: Final = 6
SHARE_CANCELLED: Final = 0.02
SHARE_LOGGED: Final = 0.2
SHARE_RETURNED: Final = 0.03
SHARE_RETRIED: Final = 0.6
MAX_ATTEMPTS: Final = 3
PROGRESS_STEPS: Final = (5, 10)
LAST_PROGRESS: Final = PROGRESS_RANGE[TaskStatus.IN_PROGRESS][1]
NOBODY: Final = Form(0.8, 0.8, 0.8)

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One request: by the head or by the agent of that id.

    A claim says by which agent, and the server which task it gets.
    """

    by: str
    method: Literal["PATCH", "POST"]
    path: str
    body: Mapping[str, Any]

    @property
    def is_claim(self) -> bool:
        return self.path.endswith("/claim")

    @property
    def task_id(self) -> str:
        """The task it is about; empty when there is none yet."""
        if self.path.endswith("/logs"):
            return self.path.split("/")[1]
        return str(self.body.get("taskId", ""))


def next_action(task: Task, rng: Random) -> Action | None:
    """The next step of the task's life; None when it has come to rest."""
    match task["status"]:
        case TaskStatus.PENDING:
            return _decide(task, rng)
        case TaskStatus.APPROVED:
            return start_action(task) if task.get("leaseId") else claim_action(task["agentId"])
        case TaskStatus.IN_PROGRESS:
            return _work(task, rng)
        case TaskStatus.MARKETPLACE_SYNC:
            return _publish(task, rng)
        case TaskStatus.FAILED:
            return _retry(task, rng)
    return None


def claim_action(agent: str) -> Action:
    return Action(agent, "POST", f"agents/{agent}/claim", {})


def start_action(task: Task) -> Action:
    return _move(task, TaskStatus.IN_PROGRESS)


def create_action(agents: Sequence[str], rng: Random) -> Action:
    """The head asks one of the agents for something new, the good ones more often."""
    profiles = [profile for profile in PROFILES if profile.slug in agents]
    profile = rng.choices(profiles, [profile.tasks_a_day for profile in profiles])[0]
    new = new_task(profile, rng, targets=rng.choice((1, 2, 3, 4, 6)))
    body = {
        "taskType": new.task_type,
        "title": new.title,
        "channel": new.marketplace_id,
        "agentId": profile.slug,
        "estimatedHours": round(new.estimated_minutes / 60 * PACE, 3),
        "targets": list(new.targets),
        "priority": new.priority.value,
    }
    return Action(HEAD, "POST", TASKS, body)


def _form(task: Task) -> Form:
    forms = {profile.slug: profile.now for profile in PROFILES}
    return forms.get(task["agentId"], NOBODY)


def _patch(by: str, task: Task, **body: Any) -> Action:
    """With the version that was seen, so that a person's change in between is never undone.

    An agent works under its lease.
    """
    seen = {"taskId": task["taskId"], "version": task["version"]}
    if by != HEAD:
        seen["leaseId"] = task["leaseId"]
    return Action(by, "PATCH", TASKS, {**seen, "status": task["status"], **body})


def _move(task: Task, status: TaskStatus, **body: Any) -> Action:
    return _patch(task["agentId"], task, status=status.value, **body)


def _decide(task: Task, rng: Random) -> Action:
    failed = TaskStatus.FAILED.value
    if rng.random() < SHARE_CANCELLED:
        reason, why = FailureReason.CANCELLED, rng.choice(CANCELLATIONS)
    elif rng.random() < _form(task).approval:
        return _patch(HEAD, task, status=TaskStatus.APPROVED.value)
    else:
        reason, why = FailureReason.REJECTED, rng.choice(rejections_of(task["taskType"]))
    return _patch(HEAD, task, status=failed, failureReason=reason.value, reason=why)


def _work(task: Task, rng: Random) -> Action:
    if _breaks(task, rng):
        return _fail(task, rng)
    if rng.random() < SHARE_LOGGED:
        return _log(task, rng)
    progress = task["progress"] + rng.randint(*PROGRESS_STEPS)
    if progress <= LAST_PROGRESS:
        return _patch(task["agentId"], task, progress=progress)
    kind = KIND_OF.get(task["taskType"])
    published = kind is None or kind.published
    return _move(task, TaskStatus.MARKETPLACE_SYNC if published else TaskStatus.COMPLETED)


def _publish(task: Task, rng: Random) -> Action:
    """Mark one or two marketplaces; the last one completes the task."""
    if _breaks(task, rng):
        return _fail(task, rng)
    if rng.random() < SHARE_RETURNED:
        return _move(task, TaskStatus.IN_PROGRESS)
    settled = (SyncState.SYNCED, SyncState.NOT_REQUIRED)
    waiting = [slug for slug in task["targets"] if task["syncDetail"][slug]["state"] not in settled]
    if len(waiting) == len(task["targets"]) and rng.random() < SHARE_LOGGED:
        return _log(task, rng)
    if not waiting:
        return _move(task, TaskStatus.COMPLETED)
    synced = rng.sample(waiting, min(rng.choice((1, 1, 2)), len(waiting)))
    return _patch(task["agentId"], task, syncStatus=dict.fromkeys(synced, True))


def _breaks(task: Task, rng: Random) -> bool:
    """Spread over a life, the chance of failing is what the agent's form says."""
    return rng.random() > _form(task).completion ** (1 / WORKING_STEPS)


def _fail(task: Task, rng: Random) -> Action:
    cause = rng.choice(causes_of(task["taskType"]))
    return _move(task, TaskStatus.FAILED, error=cause.message, failureReason=cause.reason.value)


def _log(task: Task, rng: Random) -> Action:
    told = rng.choice(LOG_LINES[TaskStatus(task["status"])])
    line = {"level": "info", "message": told, "leaseId": task["leaseId"]}
    return Action(task["agentId"], "POST", f"{TASKS}/{task['taskId']}/logs", line)


def _retry(task: Task, rng: Random) -> Action | None:
    causes = {cause.message: cause.retryable for cause in CAUSES}
    helps = causes.get(task["error"], False) and task["attempt"] < MAX_ATTEMPTS
    if not helps or rng.random() > SHARE_RETRIED:
        return None
    return _patch(HEAD, task, status=TaskStatus.PENDING.value)
