"""The API's rate, per person or agent token."""

import logging
import time
from typing import TYPE_CHECKING

from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView  # its classes load this module by name

logger = logging.getLogger(__name__)
ASK_AGAIN_AFTER_SECONDS = 5.0


class ProcessCache:
    """Keeps lists as they are: Django's cache in memory pickles up to 6,000 instants per call."""

    MOST_KEYS = 10_000

    def __init__(self) -> None:
        self._lists: dict[str, list[float]] = {}

    def get(self, key: str, default: list[float]) -> list[float]:
        # A copy: another thread may be at the same caller's.
        return list(self._lists.get(key, default))

    def set(self, key: str, instants: list[float], seconds: float) -> None:
        if len(self._lists) >= self.MOST_KEYS:
            self._drop_older_than(instants[0] - seconds)
        self._lists[key] = instants

    def clear(self) -> None:
        self._lists = {}

    def _drop_older_than(self, instant: float) -> None:
        kept = {key: kept for key, kept in tuple(self._lists.items()) if kept[0] > instant}
        self._lists = kept if len(kept) < self.MOST_KEYS else {}


class CallerRateThrottle(SimpleRateThrottle):
    scope = "caller"
    # Until then Redis is not asked, for each question to one that stands still takes seconds.
    _away_until = 0.0
    if not settings.REDIS_URL:
        cache = ProcessCache()  # type: ignore[assignment]  # what a throttle asks of a cache

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        caller = getattr(request.auth, "throttle_key", None)
        if caller is None and request.user.is_authenticated:
            caller = f"user:{request.user.pk}"
        return f"throttle:{caller or self.get_ident(request)}"

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if time.monotonic() < CallerRateThrottle._away_until:
            return True
        try:
            return bool(super().allow_request(request, view))
        except RedisError as error:
            # Without Redis nobody's calls are counted: better than to answer none.
            CallerRateThrottle._away_until = time.monotonic() + ASK_AGAIN_AFTER_SECONDS
            logger.warning("calls are not counted: %s", error)
            return True
