"""The API's rate, per person or agent token."""

import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView  # its classes load this module by name

logger = logging.getLogger(__name__)


class CallerRateThrottle(SimpleRateThrottle):
    scope = "caller"

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        caller = getattr(request.auth, "throttle_key", None)
        if caller is None and request.user.is_authenticated:
            caller = f"user:{request.user.pk}"
        return f"throttle:{caller or self.get_ident(request)}"

    def allow_request(self, request: Request, view: "APIView") -> bool:
        try:
            return bool(super().allow_request(request, view))
        except RedisError as error:
            # Without Redis nobody's calls are counted: better than to answer none.
            logger.warning("calls are not counted: %s", error)
            return True
