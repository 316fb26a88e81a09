"""What the task page's forms send; reading and acting there need no JavaScript."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from execution.changes import TaskChange
from execution.enums import MarketplaceSlug, TaskStatus
from execution.serializers import INT_MAX, MAX_NOTE
from execution.task_actions import BY_NAME

# Sends targets again: a channel's, or all that are not synced. No step of the life cycle.
RESYNC = "sync"


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
        if action and action.needs_note and not data.get("note"):
            self.add_error("note", _("Say why."))
        return data

    @property
    def resends(self) -> bool:
        return bool(self.cleaned_data["action"] == RESYNC)

    @property
    def channels(self) -> list[str] | None:
        """Where to send again; None is wherever that is due."""
        channel = self.cleaned_data["channel"]
        return [channel] if channel else None

    def change(self) -> TaskChange:
        data = self.cleaned_data
        if data["channel"]:
            return TaskChange(
                status=TaskStatus.MARKETPLACE_SYNC,
                sync_status={data["channel"]: data["synced"]},
                version=data["version"],
            )
        return BY_NAME[data["action"]].change(note=data["note"], version=data["version"])
