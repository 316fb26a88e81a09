"""Forms of the account pages and of the admin."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiToken
from nexo.shared.context import THEMES


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=[(theme, theme) for theme in THEMES])


class TokenForm(forms.ModelForm):
    expires_at = forms.DateTimeField(
        label=_("expires at"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: after 90 days for a person, a year for an agent."),
    )

    class Meta:
        model = ApiToken
        fields = ("name", "user", "agent_id", "scope", "expires_at")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        data["agent_id"] = data.get("agent_id") or None
        if (data.get("user") is None) == (data["agent_id"] is None):
            raise forms.ValidationError(_("Name a person or an agent, not both."))
        return data
