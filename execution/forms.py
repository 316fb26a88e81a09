"""What the task page's forms send; reading and acting there need no JavaScript."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from execution.changes import TaskChange
from execution.commands import Command
from execution.enums import MarketplaceSlug, TaskStatus
from execution.serializers import INT_MAX, MAX_NOTE
from execution.task_actions import BY_NAME, DECISIONS
from nexo.shared.fields import Line
from nexo.shared.lines import shows_nothing

# Sends targets again: a channel's, or all that are not synced. No step of the life cycle.
RESYNC = "sync"


def check_says_why(form: forms.Form) -> None:
    """The API's own rule for a reason that has to be given: something to read."""
    # What could not be read has its own message, and is not in the data.
    if shows_nothing(form.cleaned_data.get("note", "")) and "note" not in form.errors:
        form.add_error("note", _("Say why."))


class TaskActionForm(forms.Form):
    """One action of `task_actions`, a target marked by hand, or targets to be sent again."""

    action = forms.ChoiceField(
        choices=[*((name, action.label) for name, action in BY_NAME.items()), (RESYNC, RESYNC)],
        required=False,
    )
    channel = forms.ChoiceField(choices=MarketplaceSlug.choices, required=False)
    synced = forms.BooleanField(required=False)
    version = forms.IntegerField(min_value=1, max_value=INT_MAX)
    note = forms.CharField(max_length=MAX_NOTE, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("action") == RESYNC:
            return data
        if bool(data.get("action")) == bool(data.get("channel")):
            raise forms.ValidationError(_("Choose one action."))
        action = BY_NAME.get(data.get("action", ""))
        if action and action.needs_note:
            check_says_why(self)
        return data

    @property
    def resends(self) -> bool:
        return bool(self.cleaned_data["action"] == RESYNC)

    @property
    def channels(self) -> list[str] | None:
        """Where to send again; None is wherever that is due."""
        channel = self.cleaned_data["channel"]
        return [channel] if channel else None

    @property
    def decision(self) -> Command | None:
        return DECISIONS.get(self.cleaned_data["action"])

    def change(self) -> TaskChange:
        data = self.cleaned_data
        if data["channel"]:
            return TaskChange(
                status=TaskStatus.MARKETPLACE_SYNC,
                sync_status={data["channel"]: data["synced"]},
                version=data["version"],
            )
        return BY_NAME[data["action"]].change(note=data["note"], version=data["version"])


LONGEST_QUERY = 4000


class LineField(forms.CharField):
    """The API's own rule for what shows as one line."""

    _line = Line()

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        try:
            return str(self._line.run_validation(text))
        except ValidationError as error:
            raise forms.ValidationError(
                [str(one) for one in cast("list[Any]", error.detail)]
            ) from error


class SavedViewForm(forms.Form):
    """Save the filters of a page, or rename, share, unshare or delete a view."""

    do = forms.ChoiceField(
        choices=[(name, name) for name in ("save", "rename", "share", "unshare", "delete")]
    )
    view = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    name = LineField(max_length=60, required=False)
    query = forms.CharField(max_length=LONGEST_QUERY, required=False)
    shared = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        do = data.get("do")
        # What could not be read has its own message, and is not in the data.
        if do in ("save", "rename") and data.get("name") == "":
            self.add_error("name", _("Give the view a name."))
        if do not in ("save", None) and data.get("view", 0) is None:
            self.add_error("view", _("Choose one of your views."))
        return data
