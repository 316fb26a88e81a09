"""Note who did what, in the transaction that does it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User

from accounts.models import AuditEntry
from nexo.shared import clock
from nexo.shared.origin import current_origin


def record(
    action: str,
    *,
    actor: str,
    object_kind: str,
    object_id: str,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """One line: `actor` as in the event log; `details` are JSON, `old` and `new` values."""
    AuditEntry.objects.create(
        at=clock.now(),
        actor=actor,
        origin=current_origin(),
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        reason=reason,
        details=details,
    )


def roles_changed(user: User, old: Sequence[str], new: Sequence[str], *, actor: str) -> None:
    """The person's groups, by name, before and after; nothing when they are the same."""
    if sorted(old) != sorted(new):
        record(
            "roles_changed",
            actor=actor,
            object_kind="user",
            object_id=user.get_username(),
            details={"old": {"groups": sorted(old)}, "new": {"groups": sorted(new)}},
        )
