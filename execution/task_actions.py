"""What a person may do with a task from a page: each legal step under the name of its effect.

Pure. Menu, dialogs and the forms of the task page are all made from this table.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.utils.translation import gettext_lazy as _

from accounts.permissions import APPROVE_TASKS, OPERATE_TASKS
from execution.changes import UNSET, TaskChange
from execution.commands import RULES, Command
from execution.enums import OPEN_STATUSES, FailureReason, TaskStatus

# How the person's words are kept: not asked for, as the event's reason, as the task's error.
Note = Literal["none", "optional", "reason", "error"]


@dataclass(frozen=True, slots=True)
class TaskAction:
    name: str
    label: Any
    sources: tuple[TaskStatus, ...]
    status: TaskStatus
    note: Note = "none"
    effect: Any = ""
    failure_reason: FailureReason | None = None

    @property
    def is_destructive(self) -> bool:
        return self.status == TaskStatus.FAILED

    @property
    def needs_note(self) -> bool:
        return self.note in ("reason", "error")

    def change(self, *, note: str, version: int | None) -> TaskChange:
        return TaskChange(
            status=self.status,
            failure_reason=self.failure_reason,
            error=note if self.note == "error" else UNSET,
            reason=note or None if self.note in ("optional", "reason") else None,
            version=version,
        )


def _command(command: Command, label: Any, **fields: Any) -> TaskAction:
    """A command that is a step leads from and to what its rule says."""
    rule = RULES[command]
    assert rule.status is not None
    return TaskAction(
        command.value,
        label,
        rule.sources,
        rule.status,
        failure_reason=rule.failure_reason,
        **fields,
    )


# In the order of likelihood: what moves the task on first, what ends it badly last.
ACTIONS: Final = (
    _command(Command.APPROVE, _("Approve")),
    TaskAction(
        "start",
        _("Start work"),
        (TaskStatus.APPROVED, TaskStatus.PENDING),
        TaskStatus.IN_PROGRESS,
    ),
    TaskAction(
        "send",
        _("Send to the marketplaces"),
        (TaskStatus.IN_PROGRESS,),
        TaskStatus.MARKETPLACE_SYNC,
    ),
    TaskAction(
        "complete",
        _("Complete task"),
        (TaskStatus.MARKETPLACE_SYNC, TaskStatus.IN_PROGRESS),
        TaskStatus.COMPLETED,
        note="optional",
        effect=_(
            "This is final. Marketplaces that have not been sent to yet will no longer be required."
        ),
    ),
    TaskAction(
        "return",
        _("Return to execution"),
        (TaskStatus.MARKETPLACE_SYNC,),
        TaskStatus.IN_PROGRESS,
    ),
    _command(Command.RETRY, _("Try again")),
    _command(
        Command.REJECT,
        _("Reject task"),
        note="reason",
        effect=_("The task will not be carried out. It can be tried again later."),
    ),
    TaskAction(
        "fail",
        _("Record a failure"),
        OPEN_STATUSES,
        TaskStatus.FAILED,
        note="error",
        effect=_("The task ends as failed, with this cause. It can be tried again later."),
        failure_reason=FailureReason.ERROR,
    ),
    _command(
        Command.CANCEL,
        _("Cancel task"),
        note="reason",
        effect=_("The task stops here. It can be tried again later."),
    ),
)
BY_NAME: Final = {action.name: action for action in ACTIONS}
# Given as commands, here as in the inbox: those ask whose task it is.
DECISIONS: Final = {
    command.value: command for command, rule in RULES.items() if rule.permission == APPROVE_TASKS
}


def permitted_actions(may: Callable[[str], bool]) -> list[TaskAction]:
    """What somebody may do with tasks; `may` tells of a permission whether they hold it."""
    if may(OPERATE_TASKS):
        return list(ACTIONS)
    if may(APPROVE_TASKS):
        return [action for action in ACTIONS if action.name in DECISIONS]
    return []


def legal_actions(actions: Iterable[TaskAction], status: TaskStatus) -> list[TaskAction]:
    """Those of `actions` that can be done with a task in `status`, the likeliest first."""
    return [action for action in actions if status in action.sources]


def action_json(action: TaskAction) -> dict[str, Any]:
    """The action as the page's scripts know it."""
    return {
        "name": action.name,
        "label": str(action.label),
        "sources": [status.value for status in action.sources],
        "note": action.note,
        "effect": str(action.effect),
        "isDestructive": action.is_destructive,
    }
