"""What is done in the admin leaves a line in the audit, in the transaction that does it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts import audit
from accounts.callers import actor_of_user

if TYPE_CHECKING:
    from simple_history.admin import SimpleHistoryAdmin as Mixed
else:
    Mixed = object

Facts = dict[str, Any]


class LeavesAudit(Mixed):
    """Added, changed with old and new values, deleted; a save that changes nothing leaves none.

    `audit_fields` are attributes whose values are JSON; `audit_lists` names relations to many, each
    with the attribute that its members are told by. Stands before Django's own in the bases.
    """

    audit_kind: str
    audit_fields: ClassVar[tuple[str, ...]] = ()
    audit_lists: ClassVar[Mapping[str, str]] = {}

    def audit_id(self, obj: Any) -> str:
        return str(obj.pk)

    def audit_facts(self, obj: Any) -> Facts:
        facts = {name: getattr(obj, name) for name in self.audit_fields}
        for name, told_by in self.audit_lists.items():
            members = getattr(obj, name).order_by(told_by)
            facts[name] = list(members.values_list(told_by, flat=True))
        return facts

    def audit_change(self, request: HttpRequest, obj: Any, old: Facts, new: Facts) -> None:
        if old != new:
            self.audit_line(request, "changed", obj, old=old, new=new)

    def audit_line(
        self,
        request: HttpRequest,
        action: str,
        obj: Any,
        *,
        old: Facts | None = None,
        new: Facts | None = None,
    ) -> None:
        details = {"old": old, "new": new} if old is not None or new is not None else None
        audit.record(
            action,
            actor=actor_of_user(request.user),
            object_kind=self.audit_kind,
            object_id=self.audit_id(obj),
            details=details,
        )

    # -- Where Django's admin saves and deletes --------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            # Relations are saved later, so that this is all as it was.
            known = type(obj)._base_manager.get(pk=obj.pk)
            # The request is all that the admin hands on to `log_change`.
            request._audit_before = self.audit_facts(known)  # type: ignore[attr-defined]  # ours
        super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.audit_line(request, "created", obj, new=self.audit_facts(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        # After the relations are saved, on every way that a change can take.
        before: Facts | None = getattr(request, "_audit_before", None)
        if before is not None:
            after = self.audit_facts(type(obj)._base_manager.get(pk=obj.pk))
            self.audit_change(request, obj, *_differing(before, after))
        return super().log_change(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.audit_line(request, "deleted", obj, old=self.audit_facts(obj))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for obj in queryset:
                self.audit_line(request, "deleted", obj, old=self.audit_facts(obj))
            super().delete_queryset(request, queryset)

    def history_form_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Going back to an earlier version, where a table keeps them."""
        with transaction.atomic():
            response: HttpResponse = super().history_form_view(*args, **kwargs)
            return response


def _differing(old: Facts, new: Facts) -> tuple[Facts, Facts]:
    names = [name for name in new if old[name] != new[name]]
    return {name: old[name] for name in names}, {name: new[name] for name in names}


def password_was_set(request: HttpRequest, user: User) -> None:
    audit.record(
        "password_set",
        actor=actor_of_user(request.user),
        object_kind="user",
        object_id=user.get_username(),
    )
