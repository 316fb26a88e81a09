"""Users, roles and tokens: managed by administrators, never one's own role."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, ForeignKey, ManyToManyField, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp import admin as _registers  # noqa: F401  # what is unregistered below
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import audit, key_handover, second_factor, tokens
from accounts.admin_audit import Facts, LeavesAudit, password_was_set
from accounts.callers import actor_of_user
from accounts.forms import TokenForm
from accounts.models import ApiToken
from accounts.permissions import LABELS, MANAGE_ACCOUNTS
from nexo.shared.admin_access import (
    AsksFirst,
    ChangedFieldsForm,
    ChoosesByCheckboxes,
    NeedsPermission,
    SavesWhatWasChanged,
)

admin.site.unregister([User, Group])
# Its page would show everybody's secret.
admin.site.unregister(TOTPDevice)
# What the rest of the product calls them. Migrations compare what the models themselves declare.
for model, one, several in ((User, _("person"), _("people")), (Group, _("role"), _("roles"))):
    model._meta.verbose_name, model._meta.verbose_name_plural = one, several

# What decides over somebody's power: read-only on one's own page.
POWER_FIELDS = ("is_active", "is_superuser", "groups")
MOST_NAMED = 5


class ManagedByAdmins(NeedsPermission):
    permission = MANAGE_ACCOUNTS


class PersonForm(ChangedFieldsForm, UserChangeForm):
    pass


class RoleFilter(admin.RelatedFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("roles")


@admin.register(User)
class NexoUserAdmin(
    ManagedByAdmins, LeavesAudit, AsksFirst, ChoosesByCheckboxes, SavesWhatWasChanged, UserAdmin
):
    form = PersonForm
    audit_kind = "user"
    audit_fields: ClassVar = (
        *("username", "first_name", "last_name", "email"),
        *("is_active", "is_superuser"),
    )
    audit_lists: ClassVar = {"groups": "name"}
    list_display = (
        *("username", "first_name", "last_name", "roles", "second_factor"),
        *("is_active", "last_login"),
    )
    list_filter = (("groups", RoleFilter), "is_active", "is_superuser")
    actions = ("reset_second_factor",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Role"), {"fields": POWER_FIELDS}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or "user"

    @admin.display(description=_("second factor"), boolean=True)
    def second_factor(self, user: Any) -> bool:
        return bool(user.has_second_factor)

    @admin.action(description=_("Reset the second factor of the selected people"))
    def reset_second_factor(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> TemplateResponse | None:
        """One's own is given up with a code, on one's own page; a superuser's by a superuser."""
        allowed = [
            user
            for user in queryset
            if user.pk != request.user.pk and self.has_change_permission(request, user)
        ]
        if len(allowed) < len(queryset):
            self.message_user(
                request, _("Your own and those of superusers stay as they are."), messages.WARNING
            )
        if not allowed:
            return None
        page = self.ask_first(
            request,
            allowed,
            action="reset_second_factor",
            title=gettext("Reset the second factor"),
            effect=gettext(
                "These people are signed out everywhere, and set up a new second factor at their "
                "next sign-in where they need one."
            ),
            button=gettext("Reset"),
        )
        if page is not None:
            return page
        count = sum(second_factor.reset(user, by=cast("User", request.user)) for user in allowed)
        said = ngettext(
            "%(count)d person has no second factor any more and must sign in again.",
            "%(count)d people have no second factor any more and must sign in again.",
            count,
        )
        self.message_user(request, said % {"count": count})
        return None

    def formfield_for_manytomany(
        self, db_field: ManyToManyField, request: HttpRequest | None = None, **kwargs: Any
    ) -> forms.ModelMultipleChoiceField | None:
        if db_field.name == "groups":
            kwargs |= {"label": _("Roles"), "help_text": ""}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        devices = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        people = super().get_queryset(request).prefetch_related("groups")
        return people.annotate(has_second_factor=Exists(devices))

    def audit_id(self, user: User) -> str:
        return user.get_username()

    def audit_change(self, request: HttpRequest, user: User, old: Facts, new: Facts) -> None:
        if "groups" in new:
            audit.roles_changed(
                user, old.pop("groups"), new.pop("groups"), actor=actor_of_user(request.user)
            )
        super().audit_change(request, user, old, new)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        user = self.get_object(request, unquote(id))
        if user is not None and user.pk == request.user.pk:
            # There the present one is asked for: whoever finds a session open must not keep it.
            return redirect("password")
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            # The view says neither what it did nor whether it did anything.
            if user is not None and User.objects.get(pk=user.pk).password != user.password:
                password_was_set(request, user)
        return response

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed: tuple[str, ...] = ("last_login", "date_joined")
        if obj is not None:
            # The log knows people by it: under another name one could approve one's own work.
            fixed += ("username",)
            if obj.pk == request.user.pk:
                return fixed + POWER_FIELDS
        return fixed if request.user.is_superuser else (*fixed, "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Else an administrator could take over a superuser by setting their password.
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not above

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        itself = obj is not None and obj.pk == request.user.pk
        return not itself and self.has_change_permission(request, obj)


class RightsField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return gettext(obj.name)


@admin.register(Group)
class NexoGroupAdmin(ManagedByAdmins, LeavesAudit, ChoosesByCheckboxes, GroupAdmin):
    audit_kind = "role"
    audit_fields: ClassVar = ("name",)
    audit_lists: ClassVar = {"permissions": "codename"}

    def audit_id(self, group: Group) -> str:
        return group.name

    def formfield_for_manytomany(
        self, db_field: ManyToManyField, request: HttpRequest | None = None, **kwargs: Any
    ) -> forms.ModelMultipleChoiceField | None:
        """The rights that the program asks for; Django's own, four to each table, open nothing."""
        if db_field.name == "permissions":
            rights = [name for name, _label in LABELS]
            kwargs["queryset"] = Permission.objects.filter(
                content_type__app_label="accounts", codename__in=rights
            ).order_by("pk")
            kwargs["form_class"] = RightsField
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody widens the role they hold themselves; a superuser has every right already."""
        own = (
            obj is not None
            and not request.user.is_superuser
            and request.user.groups.filter(pk=obj.pk).exists()
        )
        return super().has_change_permission(request, obj) and not own

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser


@admin.register(ApiToken)
class ApiTokenAdmin(ManagedByAdmins, AsksFirst, admin.ModelAdmin):
    form = TokenForm
    list_display = (
        "name",
        "prefix",
        "user",
        "agent_id",
        "scope",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_filter = ("scope", "revoked_at")
    search_fields = ("name", "prefix", "agent_id", "user__username")
    actions = ("revoke",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # Django lets any column of the list's own table be asked for, bit by bit.
        return not lookup.startswith("key_hash") and super().lookup_allowed(lookup, value, request)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "user":
            # A token does what its person may: one of a superuser's would make anybody one.
            people = User.objects.filter(is_active=True).order_by("username")
            if not request.user.is_superuser:
                people = people.filter(is_superuser=False)
            kwargs["queryset"] = people
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Issued or revoked, never edited. The list's action asks without an object.
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        token, key = tokens.issue_token(
            name=obj.name,
            by=actor_of_user(request.user),
            user=obj.user,
            agent_id=obj.agent_id,
            scope=obj.scope,  # type: ignore[arg-type]  # one of the field's choices
            expires_at=obj.expires_at,
        )
        obj.pk, obj.prefix = token.pk, token.prefix
        request._issued_key = key  # type: ignore[attr-defined]  # for `response_add`, by Django next

    def get_urls(self) -> list[Any]:
        issued = self.admin_site.admin_view(self.issued)
        return [
            path("<int:token_id>/issued/", issued, name="accounts_apitoken_issued"),
            *super().get_urls(),
        ]

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to the page with the key, which can be loaded again without issuing another."""
        page = reverse("admin:accounts_apitoken_issued", args=[obj.pk])
        response = HttpResponseRedirect(page)
        key: str = request._issued_key  # type: ignore[attr-defined]  # from `save_model`
        key_handover.hand_over(request, response, key, page=page)
        return response

    def issued(self, request: HttpRequest, token_id: int) -> HttpResponse:
        """The key is in this one answer and nowhere else: no message, table or log holds it.

        Nor does a browser's cache, which the admin asks to keep none of its pages.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        token = self.get_object(request, str(token_id))
        if token is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": _("Token issued"),
            "token": token,
            "key": key_handover.take(request),
        }
        response = TemplateResponse(request, "admin/accounts/token_issued.html", context)
        key_handover.forget(request, response)
        return response

    @admin.action(description=_("Revoke the selected tokens"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> TemplateResponse | None:
        chosen = list(queryset.filter(revoked_at=None))
        if not chosen:
            self.message_user(request, _("They had been revoked already."), messages.WARNING)
            return None
        page = self.ask_first(
            request,
            chosen,
            action="revoke",
            title=gettext("Revoke tokens"),
            effect=gettext(
                "Programs that use these tokens lose their access at once. A token that was revoked"
                " stays so; another would have to be issued."
            ),
            button=gettext("Revoke"),
        )
        if page is not None:
            return page
        with transaction.atomic():
            for token in chosen:
                tokens.revoke_token(token, by=actor_of_user(request.user))
                self.log_change(request, token, "revoked")
        count = len(chosen)
        said = ngettext(
            "%(count)d token no longer opens anything: %(names)s.",
            "%(count)d tokens no longer open anything: %(names)s.",
            count,
        )
        names = ", ".join(str(token) for token in chosen[:MOST_NAMED])
        if count > MOST_NAMED:
            names += ", …"
        self.message_user(request, said % {"count": count, "names": names})
        return None
