"""JSON out: orjson, UTC instants with Z, and the browsable API in the product's frame."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework import renderers

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
    template = "api/browsable.html"

    def get_default_renderer(self, view: Any) -> renderers.BaseRenderer:
        return IndentedJSONRenderer()


class IndentedJSONRenderer(JSONRenderer):
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        option = orjson.OPT_INDENT_2 | orjson.OPT_PASSTHROUGH_DATETIME
        value = orjson.loads(data) if isinstance(data, bytes) else data
        return orjson.dumps(value, default=_default, option=option)
