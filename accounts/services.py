"""Give and take roles."""

from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.roles import GROUP_ROLES, Role


def set_role(user: User, role: Role, *, by: User | None = None) -> None:
    """Give the role and take the others; `by` is None for the command line.

    Raises
    ------
    PermissionDenied: it is one's own role
    """
    if by is not None and by.pk == user.pk:
        raise PermissionDenied(_("Nobody gives or takes their own role."))
    with transaction.atomic():
        user.groups.remove(*Group.objects.filter(name__in=GROUP_ROLES))
        if role in GROUP_ROLES:
            user.groups.add(Group.objects.get(name=role))
