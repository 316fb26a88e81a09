"""Which form an answer takes: JSON for programs, a page for browsers."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import _MediaType

from nexo.shared.api import FORMAT_PARAMETER, parameter_fault
from nexo.shared.exceptions import validation_error

_QUALITY: Final = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


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
        query = request.META.get("QUERY_STRING", "")
        # With a % the name may be there in another spelling.
        if takes_first and FORMAT_PARAMETER not in query and "%" not in query:
            return first, str(first.media_type)
        if named := format_suffix or _named_form(request):
            (renderer, *_others) = self.filter_renderers(renderers, named)
            return renderer, str(renderer.media_type)
        return self._preferred(request, renderers)

    def _preferred(
        self, request: Request, renderers: Sequence[BaseRenderer]
    ) -> tuple[BaseRenderer, str]:
        """The form that `Accept` prefers; among equals the one it names most exactly, then the
        first (RFC 9110, 12.5.1).

        Raises
        ------
        NotAcceptable: it takes none of them
        """
        ranges = [_MediaType(token) for token in self.get_accept_list(request)]
        weighed = [(_weight(renderer, ranges), renderer) for renderer in renderers]
        (quality, _exactness), chosen = max(weighed, key=lambda one: one[0])
        if not quality:
            raise NotAcceptable(available_renderers=renderers)
        return chosen, str(chosen.media_type)

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


def _named_form(request: Request) -> str | None:
    """The form that the address names.

    Raises
    ------
    ValidationError: it names none, or several
    """
    values = request.query_params.getlist(FORMAT_PARAMETER)
    if values and (fault := parameter_fault(FORMAT_PARAMETER, values)):
        raise validation_error(FORMAT_PARAMETER, fault)
    return values[0] if values else None


def _weight(renderer: BaseRenderer, ranges: Sequence[_MediaType]) -> tuple[float, int]:
    """How much a form is liked, 0 to 1, by the most exact range it is in; how exact that is."""
    form = _MediaType(renderer.media_type)
    matching = [one for one in ranges if form.match(one)]
    if not matching:
        return 0.0, 0
    exactness = max(one.precedence for one in matching)
    return max(_quality(one) for one in matching if one.precedence == exactness), exactness


def _quality(accepted: _MediaType) -> float:
    """What follows `q=`; 1 without it, and where it is no such number."""
    text = accepted.params.get("q", "1")
    return float(text) if _QUALITY.fullmatch(text) else 1.0
