"""Who is calling, whichever way they proved it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Caller:
    """`actor` is how the event log names them: `user:<name>`, `agent:<id>` or `system:<part>`."""

    actor: str
    user_id: int | None = None
    agent_id: str | None = None
    permissions: frozenset[str] = field(default_factory=frozenset)
    is_superuser: bool = False

    def may(self, permission: str) -> bool:
        return self.is_superuser or permission in self.permissions


def caller_of(request: Any) -> Caller:
    agent_id = getattr(request.auth, "agent_id", None)
    if agent_id is not None:
        return Caller(actor=f"agent:{agent_id}", agent_id=agent_id)
    user = request.user
    return Caller(
        actor=f"user:{user.get_username()}",
        user_id=user.pk,
        permissions=frozenset(user.get_all_permissions()),
        is_superuser=user.is_superuser,
    )
