"""Which form an answer takes: JSON for programs, a page for browsers."""

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from nexo.shared.api import FORMAT_PARAMETER


class ContentNegotiation(DefaultContentNegotiation):
    """Whoever takes anything gets the first form at once, without weighing all of them."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderers = tuple(renderers)
        first = renderers[0]
        accepted = request.META.get("HTTP_ACCEPT", "*/*")
        takes_first = accepted in ("*/*", first.media_type) and format_suffix is None
        if takes_first and f"{FORMAT_PARAMETER}=" not in request.META.get("QUERY_STRING", ""):
            return first, str(first.media_type)
        chosen: tuple[BaseRenderer, str] = super().select_renderer(
            request, renderers, format_suffix
        )
        return chosen
