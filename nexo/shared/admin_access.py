"""What the admin's tables share: who may do what, and how several things are chosen."""

from typing import Any

from django import forms
from django.db import models
from django.http import HttpRequest


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
