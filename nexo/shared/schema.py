"""What the OpenAPI document says of every call: envelope, errors, and parameters that many take."""

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema_serializer
from rest_framework import serializers


# One envelope, in lists too, which would otherwise be documented as lists of envelopes.
@extend_schema_serializer(many=False)
class EnvelopeSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    timestamp = serializers.DateTimeField()


class ErrorSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["error"])
    timestamp = serializers.DateTimeField()
    error = serializers.CharField(help_text="A sentence for a person.")
    code = serializers.CharField(help_text="Stable; programs decide by it.")
    details = serializers.DictField(allow_null=True)


def errors(*statuses: int) -> dict[int, Any]:
    """The error answers of a call: those that any call may give, and these."""
    return dict.fromkeys((400, 401, 406, 429, 503, *statuses), ErrorSerializer)


def query(name: str, type_: Any, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, type_, OpenApiParameter.QUERY, description=description, **options)


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key and body replay the first answer for 24 hours.",
)


def write(
    answers: Mapping[int, Any], *refusals: int, parameters: Sequence[OpenApiParameter] = ()
) -> dict[str, Any]:
    """What every write declares: its key, what may become of that (409 and 422), what may be wrong
    with its body or its caller; and what is its own: `answers`, which may say more of a refusal,
    `refusals` and `parameters`."""
    return {
        "parameters": [IDEMPOTENCY_KEY, *parameters],
        "responses": {**errors(403, 409, 413, 415, 422, *refusals), **answers},
    }


def limit(largest: int = 500, *, default: int = 50) -> OpenApiParameter:
    type_ = {"type": "integer", "minimum": 1, "maximum": largest, "default": default}
    return query("limit", type_, f"1 to {largest}, default {default}.")


LIMIT = limit()
CURSOR = query("cursor", str, "`nextCursor` of the page before.")


class StrictBody(OpenApiSerializerExtension):
    """A body that says so when it refuses fields that it does not know."""

    target_class = "nexo.shared.fields.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> Any:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}
