"""What the admin's tables share: who may do what, how several things are chosen, what is saved."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection, models
from django.http import HttpRequest
from django.template.response import TemplateResponse

if TYPE_CHECKING:
    Form = forms.ModelForm[Any]
else:
    Form = forms.ModelForm


class NeedsPermission:
    """Every action needs `permission`; Django's per-model ones are not used."""

    permission: str

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(self.permission)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(self.permission)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(self.permission)


class AsksFirst:
    """An action of a list that nothing takes back names what it was chosen for, and asks."""

    admin_site: admin.AdminSite
    model: type[models.Model]

    def ask_first(
        self,
        request: HttpRequest,
        chosen: Sequence[models.Model],
        *,
        action: str,
        title: str,
        effect: str,
        button: str,
    ) -> TemplateResponse | None:
        """The page that asks; None once it was answered."""
        if request.POST.get("post") == "yes":
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "chosen": chosen,
            "action": action,
            "title": title,
            "effect": effect,
            "button": button,
        }
        return TemplateResponse(request, "admin/ask_first.html", context)


class ChoosesByCheckboxes:
    """Several of a few things, as plain checkboxes.

    Django's two lists with arrows between them carry labels that nothing may read out, and text
    too faint to read.
    """

    def formfield_for_manytomany(
        self, db_field: models.ManyToManyField, request: HttpRequest | None = None, **kwargs: Any
    ) -> forms.ModelMultipleChoiceField | None:
        widgets = {"widget": forms.CheckboxSelectMultiple, **kwargs}
        return super().formfield_for_manytomany(db_field, request, **widgets)  # type: ignore[misc]  # mixed in


class ChangedFieldsForm(Form):
    """Leaves alone what the person left alone.

    The page carries what each field showed, so that a field differs by what was done on the page,
    and not by what somebody else saved while it was open.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A program that sends the fields alone is taken to have seen what is kept now.
        shown = not self.is_bound or any(
            self.add_initial_prefix(name) in self.data for name in self.fields
        )
        if shown and not self.instance._state.adding:
            for field in self.fields.values():
                field.show_hidden_initial = not field.disabled

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance._state.adding:
            return cleaned
        # What is not there is not set.
        return {name: value for name, value in cleaned.items() if name in self.changed_data}


class SavesWhatWasChanged:
    """For what others change meanwhile; stands before Django's own in the bases."""

    model: type[models.Model]
    form = ChangedFieldsForm

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        read = super().get_object  # type: ignore[misc]  # mixed in
        found = read(request, object_id, from_field)
        if found is None or request.method != "POST" or not connection.in_atomic_block:
            return found
        # All columns are saved: none may change between this read and that.
        self.model._base_manager.select_for_update(no_key=True).get(pk=found.pk)
        return read(request, object_id, from_field)
