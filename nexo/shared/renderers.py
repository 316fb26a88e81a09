"""JSON out: orjson, UTC instants with Z, and the browsable API in the product's frame."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework import renderers
from rest_framework.request import override_method

from nexo.shared.instants import to_rfc3339


def _default(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, datetime):
        return to_rfc3339(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dump_json(value: Any) -> bytes:
    """Encode compactly; aware datetimes become RFC 3339 in UTC."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME)


class JSONRenderer(renderers.BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else dump_json(data)


class BrowsableAPIRenderer(renderers.BrowsableAPIRenderer):
    """The call's answer and, for each write, a form of raw JSON, in the product's own frame.

    DRF's page brings styles in attributes, which the content security policy refuses.
    """

    template = "api/browsable.html"

    def get_default_renderer(self, view: Any) -> renderers.BaseRenderer:
        return IndentedJSONRenderer()

    def get_context(
        self, data: Any, accepted_media_type: str | None, renderer_context: Mapping[str, Any]
    ) -> dict[str, Any]:
        view, response = renderer_context["view"], renderer_context["response"]
        return {
            "response": response,
            "content": IndentedJSONRenderer().render(data).decode(),
            "forms": list(self.forms(view)),
        }

    def forms(self, view: Any) -> Iterator[tuple[str, str]]:
        """Each write that this caller may try here, with a body to be filled in."""
        for method in ("POST", "PATCH", "DELETE"):
            with override_method(view, view.request, method) as request:
                if self.show_form_for_method(view, method, request, None):
                    yield method, example_body(view.get_serializer())


def example_body(serializer: Any) -> str:
    """The fields that the call needs, still without their values."""
    return orjson.dumps(_example(serializer), default=_default, option=orjson.OPT_INDENT_2).decode()


def _example(serializer: Any) -> dict[str, Any]:
    return {
        name: _example(field) if hasattr(field, "fields") else field.initial
        for name, field in serializer.fields.items()
        if field.required
    }


class IndentedJSONRenderer(JSONRenderer):
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        # Encoded first, for parts of it may be encoded already.
        encoded = data if isinstance(data, bytes) else dump_json(data)
        return orjson.dumps(orjson.loads(encoded), option=orjson.OPT_INDENT_2)
