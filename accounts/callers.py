"""Who is calling, whichever way they proved it."""

from dataclasses import dataclass, field
from typing import Any

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
        self.username = agent_id  # type: ignore[assignment]  # a field there

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]  # a constant there
        return True

    @property
    def is_anonymous(self) -> bool:  # type: ignore[override]  # a constant there
        return False


def actor_of_user(user: User | AbstractBaseUser | AnonymousUser) -> str:
    return f"user:{user.get_username()}"


def caller_for_user(user: User | AbstractBaseUser) -> Caller:
    return Caller(
        actor=actor_of_user(user),
        user_id=user.pk,
        permissions=frozenset(user.get_all_permissions()),  # type: ignore[union-attr]  # not anonymous
        is_superuser=user.is_superuser,  # type: ignore[union-attr]  # not anonymous
    )


def caller_for_agent(agent_id: str) -> Caller:
    return Caller(actor=f"agent:{agent_id}", agent_id=agent_id)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a person's session gives to the API: `request.auth`, as a token's grant is."""

    caller: Caller

    @property
    def throttle_key(self) -> str:
        return f"user:{self.caller.user_id}"


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated API request."""
    proof: Any = request.auth
    if proof is not None:
        caller: Caller = proof.caller
        return caller
    return caller_for_user(request.user)  # type: ignore[arg-type]  # signed in
