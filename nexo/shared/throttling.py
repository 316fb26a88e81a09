"""The API's rate, per person or agent token."""

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView  # its classes load this module by name


class CallerRateThrottle(SimpleRateThrottle):
    scope = "caller"

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        caller = getattr(request.auth, "throttle_key", None)
        if caller is None and request.user.is_authenticated:
            caller = f"user:{request.user.pk}"
        return f"throttle:{caller or self.get_ident(request)}"
