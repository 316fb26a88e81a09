"""What the overview's forms send."""

from django import forms
from django.utils.translation import gettext_lazy as _

from execution.agents_serializers import MAX_REASON
from execution.enums import MarketplaceSlug


class ActivationForm(forms.Form):
    channels = forms.MultipleChoiceField(
        label=_("Marketplaces"),
        choices=MarketplaceSlug.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose one marketplace at least.")},
    )


class PauseForm(forms.Form):
    reason = forms.CharField(max_length=MAX_REASON, required=False)
