"""Agents, what they are good at, where they work. Tasks have one writer, which is the service."""

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin

from accounts.admin_audit import LeavesAudit
from accounts.permissions import ENTER_ADMIN
from execution import saved_views
from execution.models import Agent, Marketplace, SavedView, Specialty
from nexo.shared.admin_access import ChoosesByCheckboxes, NeedsPermission, SavesWhatWasChanged


class KeepsItsId(NeedsPermission):
    """The id is what tasks, tokens and programs name: it is chosen once."""

    permission = ENTER_ADMIN
    id_field: str

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else (self.id_field,)


@admin.register(Agent)
class AgentAdmin(
    KeepsItsId, LeavesAudit, ChoosesByCheckboxes, SavesWhatWasChanged, SimpleHistoryAdmin
):
    audit_kind = "agent"
    audit_fields: ClassVar = ("name", "home_id", "is_active", "is_paused", "capacity")
    audit_lists: ClassVar = {"marketplaces": "slug", "specialties": "task_type"}
    id_field = "slug"
    list_display = ("name", "slug", "works_on", "is_active", "is_paused", "capacity")
    list_filter = ("is_active", "is_paused", "marketplaces", "specialties")
    search_fields = ("slug", "name")
    fields = (
        *("slug", "name", "home", "marketplaces", "specialties"),
        *("is_active", "is_paused", "capacity"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        return super().get_queryset(request).prefetch_related("marketplaces")

    @admin.display(description=_("marketplaces"))
    def works_on(self, agent: Agent) -> str:
        return ", ".join(marketplace.name for marketplace in agent.marketplaces.all())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An agent that leaves is made inactive: its tasks and tokens go on naming it."""
        return False


@admin.register(Marketplace)
class MarketplaceAdmin(NeedsPermission, LeavesAudit, SimpleHistoryAdmin):
    """Six, by contract: programs name them, and what they are called is settled too."""

    audit_kind = "marketplace"
    audit_fields: ClassVar = ("short_name",)
    permission = ENTER_ADMIN
    fields = ("slug", "name", "short_name", "agents_there")
    readonly_fields = ("slug", "name", "agents_there")
    list_display = ("name", "slug", "short_name", "agents_there")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Marketplace]:
        return super().get_queryset(request).prefetch_related("agents")

    @admin.display(description=_("agents"))
    def agents_there(self, marketplace: Marketplace) -> str:
        return ", ".join(agent.name for agent in marketplace.agents.all()) or "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Specialty)
class SpecialtyAdmin(KeepsItsId, LeavesAudit, SimpleHistoryAdmin):
    audit_kind = "specialty"
    id_field = "task_type"
    list_display = ("task_type", "agents_of_it")
    search_fields = ("task_type",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Specialty]:
        return super().get_queryset(request).prefetch_related("agents")

    @admin.display(description=_("agents"))
    def agents_of_it(self, specialty: Specialty) -> str:
        return ", ".join(agent.name for agent in specialty.agents.all()) or "–"


@admin.register(SavedView)
class SavedViewAdmin(NeedsPermission, admin.ModelAdmin[SavedView]):
    """What people share can be taken away here; what they keep for themselves is theirs."""

    permission = ENTER_ADMIN
    list_display = ("name", "owner", "query", "created_at")
    search_fields = ("name", "owner__username")
    fields = readonly_fields = ("name", "owner", "query", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedView]:
        return super().get_queryset(request).filter(is_shared=True).select_related("owner")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: SavedView) -> None:
        saved_views.remove_view(obj, by=cast("User", request.user))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SavedView]) -> None:
        for view in queryset:
            self.delete_model(request, view)
