"""The calls that give the OpenAPI document, apart from what the settings name to make it."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from nexo.shared.api import check_parameters
from nexo.shared.exceptions import validation_error
from nexo.shared.openapi import LANGUAGES, language_of
from nexo.shared.views import ApiView

LANGUAGE_PARAMETER: Final = "lang"
_rendered: dict[tuple[str | None, type], bytes] = {}


class _Kept:
    """Renders a kept document once: to write it as YAML takes as long as to make it."""

    def render(self, data: Any, media_type: Any = None, renderer_context: Any = None) -> Any:
        key = (language_of(data), type(self))
        if key in _rendered:
            return _rendered[key]
        rendered = super().render(data, media_type, renderer_context)  # type: ignore[misc]  # mixed in before a renderer
        if key[0] is not None:
            _rendered[key] = rendered
        return rendered


class SchemaView(ApiView, SpectacularAPIView):
    renderer_classes = [
        type(f"Kept{renderer.__name__}", (_Kept, renderer), {})
        for renderer in SpectacularAPIView.renderer_classes
    ]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # drf-spectacular knows `version` too, and writes whatever it says into the document.
        check_parameters(request, {LANGUAGE_PARAMETER})
        language = request.query_params.get(LANGUAGE_PARAMETER)
        if language is not None and language not in LANGUAGES:
            message = _("%(value)s is not one of %(choices)s.")
            values = {"value": language[:100], "choices": ", ".join(sorted(LANGUAGES))}
            raise validation_error(LANGUAGE_PARAMETER, message % values)
        response: Response = super().get(request, *args, **kwargs)
        return response


class DocsView(ApiView, SpectacularSwaggerSplitView):
    pass
