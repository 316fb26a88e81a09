"""Pages behind a permission. Who may not pass is told which roles may."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import user_passes_test
from django.contrib.auth.models import Group

from accounts.roles import Role
from nexo.shared.exceptions import NeedsRole


def needs(permission: str) -> Callable[..., Any]:
    """Let a view be reached only by those who hold `permission`; after `login_required`.

    Raises
    ------
    NeedsRole: to those who do not
    """

    def check(user: Any) -> bool:
        if not user.has_perm(permission):
            raise refusal(permission)
        return True

    return user_passes_test(check)


def refusal(permission: str) -> NeedsRole:
    return NeedsRole(roles_with(permission))


def roles_with(permission: str) -> list[str]:
    """The roles that hold `permission` now, each as "Label (name)": groups can be edited."""
    app, codename = permission.split(".")
    groups = Group.objects.filter(
        permissions__content_type__app_label=app, permissions__codename=codename
    )
    labels = {role.value: str(role.label) for role in reversed(Role)}
    names = set(groups.values_list("name", flat=True))
    known = [f"{label} ({name})" for name, label in labels.items() if name in names]
    return known + sorted(names - labels.keys())
