"""The call that gives the OpenAPI document, apart from what the settings name to make it."""

from typing import Any

from drf_spectacular.views import SpectacularAPIView

from nexo.shared.openapi import language_of

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


class SchemaView(SpectacularAPIView):
    renderer_classes = [
        type(f"Kept{renderer.__name__}", (_Kept, renderer), {})
        for renderer in SpectacularAPIView.renderer_classes
    ]
