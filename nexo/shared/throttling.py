"""How often one may call: what all rates share, and the API's own."""

import ipaddress
import json
import logging
import math
import time
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.cache import cache as default_cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView  # its classes load this module by name

logger = logging.getLogger(__name__)
ASK_AGAIN_AFTER_SECONDS = 5.0


class InstantsSerializer:
    """How Redis keeps them: as JSON. Django pickles, and a pickle that somebody else put there runs
    what it likes here."""

    def dumps(self, instants: list[float]) -> bytes:
        return json.dumps(instants).encode()

    def loads(self, kept: bytes) -> list[float]:
        """The instants, or none where it is anything else: no call may fail of what is there."""
        try:
            found = json.loads(kept)
        except (ValueError, RecursionError):
            return []
        return found if _are_instants(found) else []


def _are_instants(found: object) -> bool:
    return isinstance(found, list) and all(
        isinstance(instant, float) and math.isfinite(instant) for instant in found
    )


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


class RateThrottle(SimpleRateThrottle):
    """A rate over all processes by Redis; without one, or while it is away, each counts its own.

    What is throttled goes on in any case: better counted too low than answered by nobody.
    """

    shared: ClassVar[Any] = default_cache if settings.REDIS_URL else None
    own: ClassVar[ProcessCache]
    # Until then Redis is not asked, for each question to one that stands still takes seconds.
    _away_until: ClassVar[float] = 0.0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # A rate of many addresses must not push another's counts out.
        cls.own = ProcessCache()

    def allow_request(self, request: Any, view: Any) -> bool:
        if self.shared is not None and time.monotonic() >= RateThrottle._away_until:
            self.cache = self.shared
            try:
                return bool(super().allow_request(request, view))
            except RedisError as error:
                RateThrottle._away_until = time.monotonic() + ASK_AGAIN_AFTER_SECONDS
                logger.warning("each process counts calls by itself: %s", error)
        self.cache = self.own  # type: ignore[assignment]  # what a throttle asks of a cache
        return bool(super().allow_request(request, view))


def place_of(request: Any) -> str:
    """The address that somebody asks from; of IPv6 the network, for one line has 2^64 of them."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))


class CallerRateThrottle(RateThrottle):
    """Calls per person or agent token."""

    scope = "caller"

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        caller = getattr(request.auth, "throttle_key", None)
        if caller is None and request.user.is_authenticated:
            caller = f"user:{request.user.pk}"
        return f"throttle:{caller or self.get_ident(request)}"
