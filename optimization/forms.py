"""The weights form: the same three numbers for the page and for the admin."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from optimization.models import TERMS
from optimization.optimizations import Shares
from optimization.weights import SUM_TOLERANCE, may_be_set

MAX_REASON: Final = 1000
LABELS: Final = {
    "approval_rate": _("Approval rate"),
    "completion_rate": _("Completion rate"),
    "execution_time": _("Execution time"),
}


def _weight(label: Any) -> forms.FloatField:
    # Typed as text, so that a decimal comma is understood where people write one.
    return forms.FloatField(
        label=label,
        min_value=0,
        max_value=1,
        localize=True,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


class WeightsForm(forms.Form):
    approval_rate = _weight(LABELS["approval_rate"])
    completion_rate = _weight(LABELS["completion_rate"])
    execution_time = _weight(LABELS["execution_time"])
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if all(name in data for name in TERMS):
            check_sum(self.shares_in(data))
        return data

    @staticmethod
    def shares_in(data: Mapping[str, Any]) -> Shares:
        approval, completion, execution = (float(data[name]) for name in TERMS)
        return approval, completion, execution

    @property
    def shares(self) -> Shares:
        return self.shares_in(self.cleaned_data)


def check_sum(shares: Shares) -> None:
    if not may_be_set(np.array(shares)):
        message = gettext("The weights must sum to 1, give or take %(tolerance)s; this is %(sum)s.")
        values = {
            "tolerance": number_format(SUM_TOLERANCE),
            "sum": number_format(round(sum(shares), 4)),
        }
        raise forms.ValidationError(message % values)
