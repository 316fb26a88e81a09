"""Django's own sign-in; the person behind a session comes from a brief cache."""

import copy

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from accounts.caching import BriefCache

_people: BriefCache[int, User | None] = BriefCache()


class CachedModelBackend(ModelBackend):
    def get_user(self, user_id: int) -> User | None:
        user = _people.get(user_id, lambda: self._read(user_id))
        # A copy: a request that changes its person must not change another's.
        return copy.copy(user)

    def _read(self, user_id: int) -> User | None:
        user = super().get_user(user_id)
        if isinstance(user, User):
            user.get_all_permissions()  # kept on the object, and so in the cache
            return user
        return None


def forget_people() -> None:
    _people.clear()
