"""The weights form of the page, in percent; the admin's own is made of it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from optimization.models import TERMS
from optimization.optimizations import Shares
from optimization.weights import may_be_set, refused_sum

MAX_REASON: Final = 1000
LABELS: Final = {
    "approval_rate": _("Approval rate"),
    "completion_rate": _("Completion rate"),
    "execution_time": _("Execution time"),
}


class PercentField(forms.FloatField):
    """A number of percent, with or without the sign."""

    def to_python(self, value: Any) -> Any:
        bare = value.strip().removesuffix("%").strip() if isinstance(value, str) else value
        return super().to_python(bare)


def _weight(label: Any) -> PercentField:
    # Typed as text, so that a decimal comma is understood where people write one.
    return PercentField(
        label=label,
        localize=True,
        widget=forms.TextInput(
            attrs={
                "inputmode": "decimal",
                "autocomplete": "off",
                # One rule for three fields: what is wrong, and what they sum to, is said once.
                "aria-describedby": "weights-error weights-sum",
            }
        ),
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
        wrong = [name for name in TERMS if not 0 <= data.get(name, -1) <= 100]
        for name in wrong:
            self.errors.pop(name, None)
        self._mark(wrong)
        if wrong:
            raise forms.ValidationError(gettext("Each weight is a percentage from 0% to 100%."))
        if not may_be_set(np.array(shares_in(data))):
            message = gettext(
                "The weights must sum to 100%% (95%% to 105%% will do); this is %(sum)s%%."
            )
            self._mark(TERMS)
            total = refused_sum(sum(data[name] for name in TERMS) / 100)
            raise forms.ValidationError(message % {"sum": number_format(plain(100 * total))})
        return data

    def _mark(self, names: Iterable[str]) -> None:
        for name in names:
            self.fields[name].widget.attrs["aria-invalid"] = "true"

    @property
    def shares(self) -> Shares:
        return shares_in(self.cleaned_data)


def shares_in(percents: Mapping[str, float]) -> Shares:
    """From percent; what people type has few decimals, and stays what it was."""
    # Zero is added so that -0 is 0.
    approval, completion, execution = (round(percents[name] / 100, 12) + 0.0 for name in TERMS)
    return approval, completion, execution


def percents_of(shares: Shares) -> dict[str, float]:
    """What the form starts with."""
    return {name: plain(share * 100) for name, share in zip(TERMS, shares, strict=True)}


def plain(number: float, *, places: int = 8) -> float:
    """Without binary dust, and without decimals where it has none."""
    rounded = round(number, places)
    return int(rounded) if rounded == int(rounded) else rounded
