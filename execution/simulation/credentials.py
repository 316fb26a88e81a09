"""Tokens for as long as the simulation needs them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import User

from accounts.tokens import issue_token, revoke_token
from execution.simulation.decisions import HEAD
from nexo.shared import clock

# A killed simulation cannot revoke them: then they end by themselves.
LIFETIME: Final = timedelta(hours=1)
NAME: Final = "simulate"
ACTOR: Final = "system:simulate"


@contextmanager
def credentials(head: User, agents: Sequence[str]) -> Iterator[dict[str, str]]:
    """A key for the head and for each agent, worth nothing once the block is left."""
    expires_at = clock.now() + LIFETIME
    owners: dict[str, dict[str, Any]] = {
        HEAD: {"user": head},
        **{agent: {"agent_id": agent} for agent in agents},
    }
    tokens, keys = [], {}
    try:
        for name, owner in owners.items():
            token, keys[name] = issue_token(name=NAME, by=ACTOR, expires_at=expires_at, **owner)
            tokens.append(token)
        yield keys
    finally:
        for token in tokens:
            revoke_token(token, by=ACTOR)
