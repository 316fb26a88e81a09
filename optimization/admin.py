"""Manual weights in the admin: through the service that the API and the page use."""

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.callers import caller_for_user
from accounts.permissions import CHANGE_WEIGHTS
from nexo.shared.admin_access import NeedsPermission
from optimization import services
from optimization.forms import LABELS, WeightsForm, percents_of, shares_in
from optimization.models import TERMS, PinnedWeights, WeightChange
from optimization.optimizations import Shares
from optimization.representations import shares_of
from optimization.texts import percent


class PinnedWeightsForm(WeightsForm, forms.ModelForm):
    """The page's fields and rules; what is kept are shares, as before."""

    class Meta:
        model = PinnedWeights
        fields = ("agent", *TERMS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in TERMS:
            self.fields[name].help_text = _("In percent, such as 55; the three together make 100.")
        if not self.instance._state.adding:
            self.initial.update(percents_of(_shares(vars(self.instance))))

    def _get_validation_exclusions(self) -> set[str]:
        # `clean` has said in words what the database's constraint would say by its name.
        has_said = NON_FIELD_ERRORS in self.errors
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # Django's own
        return excluded | set(TERMS) if has_said else excluded

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        return data | dict(zip(TERMS, shares_in(data), strict=True))

    @property
    def shares(self) -> Shares:
        return _shares(self.cleaned_data)


def _shares(values: Mapping[str, float]) -> Shares:
    approval, completion, execution = (values[name] for name in TERMS)
    return approval, completion, execution


@admin.register(PinnedWeights)
class PinnedWeightsAdmin(NeedsPermission, admin.ModelAdmin):
    """Deleting returns the agent to adaptive weights."""

    permission = CHANGE_WEIGHTS
    form = PinnedWeightsForm
    list_display = ("agent", "approval", "completion", "execution")

    @admin.display(description=LABELS["approval_rate"], ordering="approval_rate")
    def approval(self, pinned: PinnedWeights) -> str:
        return percent(pinned.approval_rate)

    @admin.display(description=LABELS["completion_rate"], ordering="completion_rate")
    def completion(self, pinned: PinnedWeights) -> str:
        return percent(pinned.completion_rate)

    @admin.display(description=LABELS["execution_time"], ordering="execution_time")
    def execution(self, pinned: PinnedWeights) -> str:
        return percent(pinned.execution_time)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("agent",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        services.set_weights(
            obj.agent_id,
            form.shares,
            caller=caller_for_user(cast("User", request.user)),
            reason=form.cleaned_data["reason"],
        )

    def delete_model(self, request: HttpRequest, obj: PinnedWeights) -> None:
        services.clear_weights(obj.agent_id, caller=caller_for_user(cast("User", request.user)))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PinnedWeights]) -> None:
        for pinned in queryset:
            self.delete_model(request, pinned)


@admin.register(WeightChange)
class WeightChangeAdmin(NeedsPermission, admin.ModelAdmin):
    """The history, with the difference; nothing here can be changed."""

    permission = CHANGE_WEIGHTS
    list_display = ("at", "agent", "actor", "difference", "reason")
    list_filter = ("agent",)

    @admin.display(description=_("difference"))
    def difference(self, change: WeightChange) -> str:
        return f"{_shown(change.old)} → {_shown(change.new)}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _shown(weights: dict[str, float] | None) -> str:
    if weights is None:
        return str(_("adaptive"))
    return " · ".join(percent(share) for share in shares_of(weights))
