"""Give and take roles."""

from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.callers import actor_of_user
from accounts.roles import GROUP_ROLES, Role


def set_role(
    user: User, role: Role, *, by: User | None = None, actor: str = "system:set_role"
) -> None:
    """Give the role and take the others; without a person, `actor` says who it was.

    Raises
    ------
    PermissionDenied: it is one's own role
    """
    if by is not None and by.pk == user.pk:
        raise PermissionDenied(_("Nobody gives or takes their own role."))
    with transaction.atomic():
        # Two at once would each tell of groups that the other has changed.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        old = _groups_of(user)
        user.groups.remove(*Group.objects.filter(name__in=GROUP_ROLES))
        if role in GROUP_ROLES:
            user.groups.add(Group.objects.get(name=role))
        audit.roles_changed(user, old, _groups_of(user), actor=actor_of_user(by) if by else actor)


def _groups_of(user: User) -> list[str]:
    return list(user.groups.values_list("name", flat=True))
