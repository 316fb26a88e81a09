"""The call that gives the OpenAPI document, apart from what the settings name to make it."""

from typing import Any

from drf_spectacular.views import SpectacularAPIView

from nexo.shared.openapi import language_of

_rendered: dict[tuple[str, type], bytes] = {}


class _Kept:
    """Renders a kept document once: to write it as YAML takes as long as to make it."""

    def render(self, data: Any, media_type: Any = None, renderer_context: Any = None) -> Any:
        language = language_of(data)
        if language is None:
            return super().render(data, media_type, renderer_context)  # type: ignore[misc]
        key = (language, type(self))
        if key not in _rendered:
            _rendered[key] = super().render(data, media_type, renderer_context)  # type: ignore[misc]
        return _rendered[key]


class SchemaView(SpectacularAPIView):
    renderer_classes = [
        type(f"Kept{renderer.__name__}", (_Kept, renderer), {})
        for renderer in SpectacularAPIView.renderer_classes
    ]
