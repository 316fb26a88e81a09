"""What the inbox's forms send: decisions on one task or several, and an approval with edits."""

import re
from typing import Any, Final, cast

from django import forms
from django.core.validators import MaxValueValidator
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from execution import queries
from execution.changes import UNSET, Edits
from execution.commands import Command
from execution.enums import MarketplaceSlug, Priority, marketplace_name
from execution.forms import LineField, check_says_why
from execution.representations import whole_minutes
from execution.rows import TaskState
from execution.serializers import INT_MAX, MAX_HOURS, MAX_NOTE, MIN_MINUTES, TOO_SHORT

MOST_AT_ONCE: Final = 500
MAX_MINUTES: Final = MAX_HOURS * 60
_TASK_ID = re.compile(r"[!-~]{1,64}")
_CHOSEN = re.compile(r"(?P<task_id>[!-~]{1,64}):(?P<version>[1-9][0-9]{0,9})")

Chosen = tuple[str, int]


def is_task_id(text: str) -> bool:
    """Whether a task could have this id: PostgreSQL refuses to look for one with a NUL."""
    return _TASK_ID.fullmatch(text) is not None


class ChosenTasks(forms.Field):
    """Several `task id:version`, each the version that was seen."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {
        "required": _("Choose at least one task."),
        "invalid": _("This is not a task of the list."),
        "too_many": _("At most 500 tasks at once."),
    }

    def clean(self, value: Any) -> list[Chosen]:
        texts = list(dict.fromkeys(super().clean(value) or ()))
        if len(texts) > MOST_AT_ONCE:
            raise forms.ValidationError(self.error_messages["too_many"])
        return [self._chosen(text) for text in texts]

    def _chosen(self, text: str) -> Chosen:
        found = _CHOSEN.fullmatch(text)
        if not found or int(found["version"]) > INT_MAX:
            raise forms.ValidationError(self.error_messages["invalid"])
        return found["task_id"], int(found["version"])


class DecisionForm(forms.Form):
    do = forms.ChoiceField(
        choices=[(command.value, command.value) for command in (Command.APPROVE, Command.REJECT)]
    )
    task = ChosenTasks()
    note = forms.CharField(max_length=MAX_NOTE, required=False)

    @classmethod
    def of(cls, post: QueryDict) -> "DecisionForm":
        """The button of a single row says both what to do and with which task."""
        if "approve" in post:
            post = post.copy()
            post["do"] = Command.APPROVE.value
            post.setlist("task", post.getlist("approve"))
            post["note"] = ""
        return cls(post)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("do") == Command.REJECT:
            check_says_why(self)
        return data

    @property
    def command(self) -> Command:
        return Command(self.cleaned_data["do"])


class EditForm(forms.Form):
    """A task as it is; what is sent differently is an edit."""

    title = LineField(label=_("Title"), max_length=200)
    minutes = forms.FloatField(label=_("Estimate in minutes"))
    agent = forms.ChoiceField(label=_("Agent"), required=False)
    priority = forms.ChoiceField(label=_("Priority"), choices=Priority.choices)
    targets = forms.MultipleChoiceField(
        label=_("Marketplaces to publish to"),
        choices=MarketplaceSlug.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    note = forms.CharField(
        label=_("Reason"),
        max_length=MAX_NOTE,
        required=False,
        widget=forms.Textarea({"rows": 2, "maxlength": MAX_NOTE}),
    )
    version = forms.IntegerField(
        min_value=1, max_value=INT_MAX, widget=forms.HiddenInput, required=True
    )

    def __init__(self, state: TaskState, data: Any = None) -> None:
        row = state.row
        super().__init__(
            data,
            initial={
                "title": row["title"],
                # As the row says it; unless another number is typed, the exact one stays.
                "minutes": whole_minutes(row["estimated_minutes"]),
                "agent": row["agent_id"] or "",
                "priority": row["priority"],
                "targets": [target["marketplace_id"] for target in state.targets],
                "version": row["version"],
            },
            auto_id="edit-%s",
        )
        cast("forms.ChoiceField", self.fields["agent"]).choices = _agents(state)
        self.fields["agent"].required = row["agent_id"] is not None
        # An imported task may have more: a browser must let it stand.
        most = max(MAX_MINUTES, self.initial["minutes"])
        self.fields["minutes"].widget.attrs |= {"step": "any", "min": "0", "max": most}

    def clean_minutes(self) -> float:
        minutes: float = self.cleaned_data["minutes"]
        if "minutes" not in self.changed_data:
            return minutes
        if minutes < MIN_MINUTES:
            raise forms.ValidationError(TOO_SHORT)
        MaxValueValidator(MAX_MINUTES)(minutes)
        return minutes

    def edits(self) -> Edits | None:
        changed = set(self.changed_data) - {"version", "note"}
        if not changed:
            return None
        data = self.cleaned_data
        given = {name: data[name] if name in changed else UNSET for name in EDITED}
        return Edits(
            title=given["title"],
            estimated_minutes=given["minutes"],
            agent_id=given["agent"] or None,
            priority=Priority(data["priority"]) if "priority" in changed else UNSET,
            targets=given["targets"],
        )


EDITED: Final = ("title", "minutes", "agent", "priority", "targets")


def _agents(state: TaskState) -> list[Any]:
    """The active agents, those of the task's marketplace first; and the one that has it."""
    slug = state.row["marketplace_id"]
    there, others = queries.agents_by_marketplace(slug)
    present = state.row["agent_id"]
    if present and present not in there and present not in others:
        there = {present: present, **there}
    marketplace = marketplace_name(slug)
    groups: list[Any] = [] if present else [("", "—")]
    groups.append((_("Working on %(channel)s") % {"channel": marketplace}, [*there.items()]))
    if others:
        groups.append((_("Other agents"), [*others.items()]))
    return groups
