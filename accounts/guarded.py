"""Which rights need a second factor where one is required, and how a session shows it had one."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from django.conf import settings

from accounts.permissions import ENTER_ADMIN, MANAGE_ACCOUNTS

SECOND_FACTOR_MARK: Final = "second_factor"
"""In a session whose person has shown a second factor."""

GUARDED: Final = frozenset({ENTER_ADMIN, MANAGE_ACCOUNTS})
"""What makes an administrator, whatever their role is called."""


def needs_second_factor(permissions: Collection[str], *, is_superuser: bool) -> bool:
    return settings.SECOND_FACTOR == "required" and (
        is_superuser or not GUARDED.isdisjoint(permissions)
    )


def lacks_second_factor(
    session: Mapping[str, Any], permissions: Collection[str], *, is_superuser: bool
) -> bool:
    """Whether a session may not give these rights: its person got them after signing in, or the
    setting came later."""
    return not session.get(SECOND_FACTOR_MARK) and needs_second_factor(
        permissions, is_superuser=is_superuser
    )
