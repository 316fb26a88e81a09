"""What a person does to a task as a whole: which commands there are, where each leads, who may."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from accounts.callers import Caller
from accounts.permissions import APPROVE_TASKS, OPERATE_TASKS
from execution.enums import OPEN_STATUSES, FailureReason, TaskStatus


class Command(StrEnum):
    """What a person does to a task as a whole, to one or to many."""

    APPROVE = "approve"
    REJECT = "reject"
    RETRY = "retry"
    CANCEL = "cancel"
    ASSIGN = "assign"


@dataclass(frozen=True, slots=True)
class Rule:
    """From which statuses a command leads where (None: nowhere), and who may give it."""

    sources: tuple[TaskStatus, ...]
    status: TaskStatus | None
    permission: str
    failure_reason: FailureReason | None = None


RULES: Mapping[Command, Rule] = {
    Command.APPROVE: Rule((TaskStatus.PENDING,), TaskStatus.APPROVED, APPROVE_TASKS),
    Command.REJECT: Rule(
        (TaskStatus.PENDING,), TaskStatus.FAILED, APPROVE_TASKS, FailureReason.REJECTED
    ),
    Command.RETRY: Rule((TaskStatus.FAILED,), TaskStatus.PENDING, OPERATE_TASKS),
    Command.CANCEL: Rule(OPEN_STATUSES, TaskStatus.FAILED, OPERATE_TASKS, FailureReason.CANCELLED),
    Command.ASSIGN: Rule((TaskStatus.PENDING, TaskStatus.APPROVED), None, OPERATE_TASKS),
}


def may_command(command: Command, caller: Caller) -> bool:
    return caller.agent_id is None and caller.may(RULES[command].permission)
