"""Forms of the account pages and of the admin."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.known_agents import known_agents
from accounts.models import ApiToken
from nexo.shared import clock
from nexo.shared.context import THEMES


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=[(theme, theme) for theme in THEMES])


class OwnPasswordForm(PasswordChangeForm):
    def validate_password_for_user(self, user: User, password_field_name: str = "") -> None:
        """At the new password, where Django tells it at its repetition."""
        super().validate_password_for_user(user, "new_password1")


class SignInForm(AuthenticationForm):
    """Never says which of the two is wrong."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _(
            "Wrong username or password. Check both and try again; capital letters matter."
        ),
    }


class CodeForm(forms.Form):
    """A code of the authenticator app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
        ),
        help_text=_("Six digits from your authenticator app, or one of your recovery codes."),
    )


class SignInCodeForm(CodeForm):
    """Alone on its page, as the password's form is before it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["autofocus"] = True


class EnrolForm(forms.Form):
    """The first code, which proves that the app has the secret."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric"}),
        help_text=_("The six digits that the app shows now."),
    )

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].split())


class EnrolOwnForm(EnrolForm):
    """With the password: who finds a session open must not lock its person out."""

    password = forms.CharField(
        label=_("Your password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError(_("The password is wrong."))
        return password


def _agents() -> list[tuple[str, str]]:
    return [("", "—"), *known_agents()]


class TokenForm(forms.ModelForm):
    agent_id = forms.ChoiceField(label=_("Agent"), required=False, choices=_agents)
    expires_at = forms.DateTimeField(
        label=capfirst(_("expires at")),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: after 90 days for a person, a year for an agent."),
    )

    class Meta:
        model = ApiToken
        fields = ("name", "user", "agent_id", "scope", "expires_at")

    def clean_expires_at(self) -> datetime | None:
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= clock.now():
            raise forms.ValidationError(_("That is in the past."))
        return expires_at

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        data["agent_id"] = data.get("agent_id") or None
        if self.errors.keys() & {"user", "agent_id"}:
            return data
        # At a field, which the database's own constraint is then not asked about.
        if data.get("user") is None and data["agent_id"] is None:
            self.add_error("user", _("Name the person or the agent that the token is for."))
        elif data.get("user") is not None and data["agent_id"] is not None:
            self.add_error("user", _("Name a person or an agent, not both."))
        return data
