"""The activation form: which marketplaces."""

from django import forms
from django.utils.translation import gettext_lazy as _

from execution.enums import MarketplaceSlug


class ActivationForm(forms.Form):
    channels = forms.MultipleChoiceField(
        label=_("Marketplaces"),
        choices=MarketplaceSlug.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose one marketplace at least.")},
    )
