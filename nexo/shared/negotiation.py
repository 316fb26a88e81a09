"""Which form an answer takes: JSON for programs, a page for browsers."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from nexo.shared.api import FORMAT_PARAMETER
from nexo.shared.exceptions import validation_error


class ContentNegotiation(DefaultContentNegotiation):
    """Whoever takes anything gets the first form at once, without weighing all of them.

    A form that the address names is what was asked for, whatever a program always says it accepts.
    """

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
        if named := format_suffix or request.query_params.get(FORMAT_PARAMETER):
            (renderer, *_others) = self.filter_renderers(renderers, named)
            return renderer, str(renderer.media_type)
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, renderers)
        return chosen

    def filter_renderers(
        self, renderers: Iterable[BaseRenderer], format: str
    ) -> list[BaseRenderer]:
        renderers = tuple(renderers)
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            known = ", ".join(str(renderer.format) for renderer in renderers)
            message = _("%(value)s is not one of %(choices)s.")
            raise validation_error(
                FORMAT_PARAMETER, message % {"value": format[:100], "choices": known}
            )
        return found
