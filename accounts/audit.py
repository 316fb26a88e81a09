"""Note who did what, in the transaction that does it."""

from collections.abc import Mapping
from typing import Any

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
    """One line: `actor` as in the event log; `details` are JSON, old and new values."""
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
