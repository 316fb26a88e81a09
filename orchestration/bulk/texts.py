"""What people read of bulk jobs. Pure but for the language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy, pgettext

from execution.enums import MarketplaceSlug, TaskStatus
from execution.filters import TaskFilter
from execution.texts import exact_text, number_text
from orchestration.bulk import rules
from orchestration.bulk.enums import ORDERED, BulkAction, JobState, Outcome
from orchestration.bulk.models import BulkJob

REFUSALS: Final = {
    "invalid_transition": ngettext_lazy(
        "its status does not allow it", "their status does not allow it"
    ),
    "own_task": ngettext_lazy(
        "you created or edited it; somebody else has to approve",
        "you created or edited them; somebody else has to approve",
    ),
    "nothing_to_sync": ngettext_lazy(
        "there is nothing left to send of it", "there is nothing left to send of them"
    ),
    "moved_on": ngettext_lazy(
        "something has happened to it since", "something has happened to them since"
    ),
    "not_found": ngettext_lazy("it does not exist", "they do not exist"),
    "permission_denied": ngettext_lazy(
        "the permission was withdrawn before its turn",
        "the permission was withdrawn before their turn",
    ),
    "validation_error": ngettext_lazy(
        "what was asked for does not fit it", "what was asked for does not fit them"
    ),
    "server_error": ngettext_lazy(
        "an error on our side; nothing was changed in it",
        "errors on our side; nothing was changed in them",
    ),
}
FILTERS: Final = tuple(TaskFilter.base_filters)
"""In the order in which a selection is told."""
TONES: Final = {JobState.QUEUED: "neutral", JobState.RUNNING: "blue", JobState.DONE: "green"}
ICONS: Final = {JobState.QUEUED: "pending", JobState.RUNNING: "in_progress"}
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
        BulkAction.UNDO: ngettext(
            "Undo what was done to {count} task", "Undo what was done to {count} tasks", count
        ),
    }
    return sentences[BulkAction(action)]


def _effect(action: BulkAction, count: int) -> str:
    """What comes of it, and whether it can be undone."""
    sentences = {
        BulkAction.APPROVE: ngettext(
            "The task can then be worked on.", "The tasks can then be worked on.", count
        ),
        BulkAction.REJECT: ngettext(
            "The task will not be carried out. You can undo this for ten minutes.",
            "The tasks will not be carried out. You can undo this for ten minutes.",
            count,
        ),
        BulkAction.RETRY: ngettext(
            "The task waits for approval again, as a new attempt."
            " You cannot undo this, but you can cancel it.",
            "The tasks wait for approval again, as a new attempt."
            " You cannot undo this, but you can cancel them.",
            count,
        ),
        BulkAction.CANCEL: ngettext(
            "The task stops here. You can undo this for ten minutes.",
            "The tasks stop here. You can undo this for ten minutes.",
            count,
        ),
        BulkAction.ASSIGN: ngettext(
            "The task waits for this agent then.", "The tasks wait for this agent then.", count
        ),
        BulkAction.SYNC: _("The marketplaces that are not synced are queued again."),
    }
    return sentences[action]


@dataclass(frozen=True, slots=True)
class Refusal:
    tasks: str
    text: str


def _tasks(count: int) -> str:
    return ngettext("{count} task", "{count} tasks", count)


def refusal_text(code: str, count: int = 1) -> str:
    sentence = REFUSALS.get(code)
    return code if sentence is None else str(sentence % count)


def refusals(counts: Mapping[str, int]) -> list[Refusal]:
    """The most frequent first."""
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        Refusal(_tasks(count).format(count=number_text(count)), refusal_text(code, count))
        for code, count in found
    ]


def step_text(step: tuple[str, str] | None) -> str:
    """`Failed → Pending`: what was done to a task; None where it was already as ordered."""
    if step is None:
        return _("was so already")
    old, new = step
    if old == new or not old:
        return str(Outcome.DONE.label)
    return f"{TaskStatus(old).label} → {TaskStatus(new).label}"


def done_text(job: BulkJob) -> str:
    """`1.180 of 1.234 done`, while it runs and at the end."""
    sentence = ngettext("{done} of {total} done", "{done} of {total} done", job.total)
    return sentence.format(done=number_text(job.done), total=number_text(job.total))


def undone_text(undo: BulkJob) -> str:
    """How far the undoing of a job is, or what came of it."""
    values = {"done": number_text(undo.done), "total": number_text(undo.total)}
    if not undo.is_done:
        settled = number_text(undo.done + undo.refused)
        return _("Being undone: {done} of {total}").format(**{**values, "done": settled})
    sentence = ngettext("Undone: {done} of {total}.", "Undone: {done} of {total}.", undo.done)
    if undo.refused:
        refused = ngettext(
            "{count} could not be undone.", "{count} could not be undone.", undo.refused
        )
        sentence += " " + refused.format(count=number_text(undo.refused))
    return sentence.format(**values)


def selection_texts(
    selection: Mapping[str, Any], *, total: int, names: Mapping[str, str]
) -> list[str]:
    """What the tasks were selected by, in the words of the page; `names` are the agents'."""
    filters = selection.get("filter")
    if filters is None:
        sentence = ngettext("{count} task chosen by hand", "{count} tasks chosen one by one", total)
        return [sentence.format(count=number_text(total))]
    # PostgreSQL keeps the keys of JSON in an order of its own.
    given = [name for name in (*FILTERS, *(filters.keys() - set(FILTERS))) if name in filters]
    words = [_filter_text(name, filters[name], names) for name in given]
    return words or [_("All tasks")]


def _filter_text(name: str, value: str, names: Mapping[str, str]) -> str:
    match name:
        case "status":
            return _("Status: {value}").format(value=_labels(value, TaskStatus))
        case "channel":
            return _("Marketplace: {value}").format(value=_labels(value, MarketplaceSlug))
        case "agent":
            return _("Agent: {value}").format(value=names.get(value, value))
        case "taskType":
            return _("Type: {value}").format(value=value)
        case "q":
            return _("Search: “{value}”").format(value=value)
        case "overdue":
            return _("Overdue") if value == "true" else _("Not overdue")
        case "createdAfter":
            return _("Created from {value}").format(value=_instant(value))
        case "createdBefore":
            return _("Created before {value}").format(value=_instant(value))
    return f"{name}: {value}"


def _labels(values: str, choices: type[TextChoices]) -> str:
    labels = {str(value): str(label) for value, label in choices.choices}
    return ", ".join(labels.get(value, value) for value in values.split(","))


def _instant(value: str) -> str:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return value
    return exact_text(instant) if instant.tzinfo else value


def _will(done: int) -> str:
    return ngettext(
        "{done} of {total} tasks will change.", "{done} of {total} tasks will change.", done
    )


def _will_all(total: int) -> str:
    return ngettext("The task will change.", "The {total} tasks will change.", total)


def strings() -> dict[str, str]:
    """What the scripts of the list say; {name} marks what they fill in."""
    return {
        **{f"bulk.title.{action.value}.one": _title(action, 1) for action in ORDERED},
        **{f"bulk.title.{action.value}.other": _title(action, 2) for action in ORDERED},
        **{f"bulk.effect.{action.value}.one": _effect(action, 1) for action in ORDERED},
        **{f"bulk.effect.{action.value}.other": _effect(action, 2) for action in ORDERED},
        "bulk.tasks.one": _tasks(1),
        "bulk.tasks.other": _tasks(2),
        "bulk.pick": _("Select {title}"),
        "bulk.picked.one": pgettext("one task", "{count} selected"),
        "bulk.picked.other": pgettext("several tasks", "{count} selected"),
        "bulk.all": _("Select all {count} that match the filter"),
        "bulk.allPicked": _("All {count} that match the filter"),
        "bulk.asking": _("Looking at what would change…"),
        "bulk.will.one": _will(1),
        "bulk.will.other": _will(2),
        "bulk.willAll.one": _will_all(1),
        "bulk.willAll.other": _will_all(2),
        "bulk.none.one": _("This cannot be done to the task."),
        "bulk.none.other": _("This cannot be done to any of the tasks."),
        "bulk.unasked": _(
            "No answer from the server, so we cannot say what this would do. Nothing was changed."
            " Try again when the connection is back."
        ),
        "bulk.needsNote": _("Say why."),
        "bulk.needsAgent": _("Name the agent to assign to."),
        "bulk.unknown": _(
            "No answer from the server, so we do not know whether this was done."
            " Look at the tasks before you try again."
        ),
        "bulk.refused": _("Not done: {error}"),
        "bulk.unread": _("The job goes on, but its page could not be read. Open it later."),
        **{f"bulk.code.{code}.one": refusal_text(code, 1) for code in REFUSALS},
        **{f"bulk.code.{code}.other": refusal_text(code, 2) for code in REFUSALS},
    }


def actions() -> list[dict[str, Any]]:
    """What can be ordered, the likeliest first, as the bar offers it."""
    return [
        {
            "name": action.value,
            "label": _label(action),
            # A dialog follows.
            "button": f"{_label(action)}…",
            "is_destructive": action in DESTRUCTIVE,
            "statuses": ",".join(rules.sources(action)),
        }
        for action in ORDERED
    ]


def _label(action: BulkAction) -> str:
    """Beside "Clear selection", and beside "Back", cancelling needs its object."""
    return _("Cancel tasks") if action == BulkAction.CANCEL else str(action.label)
