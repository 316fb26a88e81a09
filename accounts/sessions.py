"""Django's database sessions, read from a brief cache; receivers.py drops those that end."""

import re
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from accounts.caching import BriefCache
from accounts.models import SignIn

_sessions: BriefCache[str, dict[str, Any]] = BriefCache()
_KEY = re.compile(r"[a-z0-9]{32}")


def is_session_key(text: str) -> bool:
    """Whether Django could have given this key; a forged one may be what PostgreSQL refuses."""
    return _KEY.fullmatch(text) is not None


class SessionStore(DatabaseStore):
    @classmethod
    def get_model_class(cls) -> Any:
        return DatabaseStore.get_model_class()

    def load(self) -> dict[str, Any]:
        key = self.session_key
        if key is None or not is_session_key(key):
            self._session_key = None
            return {}
        # A copy: the request may change its session without saving it.
        data = dict(_sessions.get(key, super().load))
        if not data:
            _sessions.drop(key)
        return data

    def load_anew(self) -> dict[str, Any]:
        """As it is in the database now, whatever another process has put there since."""
        return super().load()

    def cycle_key(self) -> None:
        """As Django's, but the sign-in goes with it: it ends when the old row does."""
        data, old = self._session, self.session_key  # type: ignore[attr-defined]  # undocumented
        self.create()
        self._session_cache = data
        if old is not None:
            SignIn.objects.filter(session_id=old).update(session_id=self.session_key)
            self.delete(old)

    def save(self, must_create: bool = False) -> None:
        super().save(must_create=must_create)
        if self.session_key is not None:
            _sessions.drop(self.session_key)


def forget_sessions() -> None:
    _sessions.clear()
