"""Who is calling, whichever way they proved it."""

from dataclasses import dataclass, field

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from rest_framework.request import Request


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


class AgentPrincipal(AnonymousUser):
    """Stands where Django and DRF expect a person; an agent has no row among them."""

    def __init__(self, agent_id: str) -> None:
        self.username = agent_id  # type: ignore[assignment]

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        return True

    @property
    def is_anonymous(self) -> bool:  # type: ignore[override]
        return False


def caller_for_user(user: User | AbstractBaseUser) -> Caller:
    return Caller(
        actor=f"user:{user.get_username()}",
        user_id=user.pk,
        permissions=frozenset(user.get_all_permissions()),  # type: ignore[union-attr]
        is_superuser=user.is_superuser,  # type: ignore[union-attr]
    )


def caller_for_agent(agent_id: str) -> Caller:
    return Caller(actor=f"agent:{agent_id}", agent_id=agent_id)


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated API request."""
    agent_id = getattr(request.auth, "agent_id", None)
    if agent_id is not None:
        return caller_for_agent(agent_id)
    return caller_for_user(request.user)  # type: ignore[arg-type]
