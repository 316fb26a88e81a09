"""Django's own commands about people leave lines in the audit as ours do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db.models.signals import post_save

from accounts import audit


@contextmanager
def noting_people(
    action: str, *, actor: str, details: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Whoever is saved meanwhile is noted. No transaction is open: such commands ask questions."""

    def note(sender: type[User], instance: User, **_signal: Any) -> None:
        audit.record(
            action,
            actor=actor,
            object_kind="user",
            object_id=instance.get_username(),
            details=details,
        )

    post_save.connect(note, sender=User, weak=False)
    try:
        yield
    finally:
        post_save.disconnect(note, sender=User)
