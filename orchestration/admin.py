"""The playbook, with its history; and the plans that were made of it, to be read."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin

from accounts.admin_audit import Facts, LeavesAudit
from accounts.permissions import ENTER_ADMIN
from execution.forms import LineField
from execution.texts import actor_text
from nexo.shared import clock
from nexo.shared.admin_access import ChoosesByCheckboxes, NeedsPermission, SavesWhatWasChanged
from orchestration.models import Plan, TaskTemplate


@admin.register(TaskTemplate)
class TaskTemplateAdmin(
    LeavesAudit, ChoosesByCheckboxes, NeedsPermission, SavesWhatWasChanged, SimpleHistoryAdmin
):
    permission = ENTER_ADMIN
    audit_kind = "template"
    audit_fields: ClassVar = (
        *("task_type", "title_pt", "title_en", "priority", "needs_approval"),
        *("recurrence", "is_active", "position"),
    )
    audit_lists: ClassVar = {"targets": "slug"}
    list_display = (
        *("title", "marketplace", "key", "task_type", "estimated_hours", "priority"),
        *("needs_approval", "recurrence", "is_active", "position"),
    )
    list_display_links = ("title",)
    list_filter = ("marketplace", "is_active", "needs_approval", "task_type")
    search_fields = ("key", "task_type", "title_pt", "title_en")
    list_select_related = ("marketplace",)
    fields = (
        *("marketplace", "key", "task_type", "title_pt", "title_en", "estimated_hours"),
        *("priority", "targets", "needs_approval", "recurrence", "is_active", "position"),
    )

    def audit_id(self, obj: TaskTemplate) -> str:
        return obj.name

    def audit_facts(self, obj: TaskTemplate) -> Facts:
        return {**super().audit_facts(obj), "estimated_hours": f"{obj.estimated_hours:.2f}"}

    @admin.display(description=_("title"))
    def title(self, template: TaskTemplate) -> str:
        return template.title

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The name is what plans and reports go on naming."""
        return () if obj is None else ("marketplace", "key")

    def get_form(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        return super().get_form(
            request,
            obj,
            **{
                "localized_fields": ("estimated_hours",),
                # They become titles of tasks.
                "field_classes": {"title_pt": LineField, "title_en": LineField},
                **options,
            },
        )

    def save_model(self, request: HttpRequest, obj: TaskTemplate, form: Any, change: bool) -> None:
        if {"recurrence", "is_active"} & set(form.changed_data):
            # What was due before it was switched on or had this schedule was not missed.
            obj.recurs_since = clock.now()
        super().save_model(request, obj, form, change)


@admin.register(Plan)
class PlanAdmin(NeedsPermission, admin.ModelAdmin):
    permission = ENTER_ADMIN
    list_display = ("plan_id", "created_at", "who", "cause", "due_at", "missed", "tasks_made")
    list_filter = ("cause", "created_at")
    search_fields = ("plan_id",)
    fields = (
        *("plan_id", "created_at", "who", "cause", "due_at", "missed"),
        *("channels", "tasks_made", "skipped"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).annotate(made=Count("plan_tasks"))

    @admin.display(description=_("activated by"))
    def who(self, plan: Plan) -> str:
        return actor_text(plan.actor)

    @admin.display(description=_("tasks"))
    def tasks_made(self, plan: Any) -> int:
        return int(plan.made)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
