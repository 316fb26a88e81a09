"""What people read of bulk jobs. Pure but for the language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from execution.texts import number_text
from orchestration.bulk.enums import BulkAction, JobState
from orchestration.bulk.models import BulkJob

REFUSALS: Final = {
    "invalid_transition": gettext_lazy("their status does not allow it"),
    "own_task": gettext_lazy("you created or edited them; somebody else has to approve"),
    "nothing_to_sync": gettext_lazy("there is nothing left to send"),
    "moved_on": gettext_lazy("something has happened to them since"),
    "not_found": gettext_lazy("they do not exist"),
    "permission_denied": gettext_lazy("the permission was withdrawn before their turn"),
    "validation_error": gettext_lazy("what was asked for does not fit them"),
    "server_error": gettext_lazy("an error on our side; nothing was changed"),
}
TONES: Final = {JobState.QUEUED: "neutral", JobState.RUNNING: "blue", JobState.DONE: "green"}
ICONS: Final = {JobState.QUEUED: "pending", JobState.RUNNING: "in_progress"}
EFFECTS: Final = {
    BulkAction.APPROVE: gettext_lazy("The tasks can then be worked on."),
    BulkAction.REJECT: gettext_lazy(
        "The tasks will not be carried out. You can undo this for ten minutes."
    ),
    BulkAction.RETRY: gettext_lazy("The tasks start anew, with the next attempt."),
    BulkAction.CANCEL: gettext_lazy("The tasks stop here. You can undo this for ten minutes."),
    BulkAction.ASSIGN: gettext_lazy("The tasks wait for this agent then."),
    BulkAction.SYNC: gettext_lazy("The marketplaces that are not synced are queued again."),
}
DESTRUCTIVE: Final = (BulkAction.REJECT, BulkAction.CANCEL)


def title_text(action: str, count: int) -> str:
    return _title(action, count).format(count=number_text(count))


def _title(action: str, count: int) -> str:
    sentences = {
        BulkAction.APPROVE: ngettext("Approve {count} task", "Approve {count} tasks", count),
        BulkAction.REJECT: ngettext("Reject {count} task", "Reject {count} tasks", count),
        BulkAction.RETRY: ngettext("Try {count} task again", "Try {count} tasks again", count),
        BulkAction.CANCEL: ngettext("Cancel {count} task", "Cancel {count} tasks", count),
        BulkAction.ASSIGN: ngettext("Assign {count} task", "Assign {count} tasks", count),
        BulkAction.SYNC: ngettext("Sync {count} task again", "Sync {count} tasks again", count),
        BulkAction.UNDO: ngettext("Undo {count} task", "Undo {count} tasks", count),
    }
    return sentences[BulkAction(action)]


@dataclass(frozen=True, slots=True)
class Refusal:
    count: int
    text: str


def refusal_text(code: str) -> str:
    return str(REFUSALS.get(code, code))


def refusals(counts: Mapping[str, int]) -> list[Refusal]:
    """The most frequent first."""
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Refusal(count, refusal_text(code)) for code, count in found]


def done_text(job: BulkJob) -> str:
    """`1.180 of 1.234 done`, while it runs and at the end."""
    sentence = ngettext("{done} of {total} done", "{done} of {total} done", job.total)
    return sentence.format(done=number_text(job.done), total=number_text(job.total))


def strings() -> dict[str, str]:
    """What the scripts of the list say; {name} marks what they fill in."""
    return {
        **{f"bulk.title.{action.value}.one": _title(action, 1) for action in EFFECTS},
        **{f"bulk.title.{action.value}.other": _title(action, 2) for action in EFFECTS},
        "bulk.pick": _("Select {title}"),
        "bulk.picked.one": pgettext("one task", "{count} selected"),
        "bulk.picked.other": pgettext("several tasks", "{count} selected"),
        "bulk.all": _("Select all {count} that match the filter"),
        "bulk.allPicked": _("All {count} that match the filter"),
        "bulk.asking": _("Looking at what this would do…"),
        "bulk.will": _("{done} of {total} would change."),
        "bulk.none": _("This cannot be done to any of them."),
        "bulk.needsNote": _("Say why."),
        "bulk.needsAgent": _("Name the agent to assign to."),
        "bulk.unknown": _(
            "No answer from the server, so we do not know whether this was done."
            " Look at the tasks before you try again."
        ),
        "bulk.refused": _("Not done: {error}"),
        "bulk.unread": _("The job goes on, but its page could not be read. Open it later."),
        **{f"bulk.code.{code}": str(text) for code, text in REFUSALS.items()},
    }


def actions() -> list[dict[str, Any]]:
    """What can be ordered, the likeliest first, as the bar offers it."""
    return [
        {
            "name": action.value,
            "label": str(action.label),
            "effect": str(effect),
            "is_destructive": action in DESTRUCTIVE,
        }
        for action, effect in EFFECTS.items()
    ]
