"""Serializer fields that take only their own JSON type: "75" is not 75, and 1 is not true."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Line(Text):
    """Text without control characters: titles and ids that pages and logs show on one line."""

    default_error_messages = {"control": _("Control characters are not allowed.")}

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if any(unicodedata.category(character) == "Cc" for character in value):
            self.fail("control")
        return value


class WholeNumber(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return float(data)


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field({"type": "object", "additionalProperties": {"type": "boolean"}})
class FlagMap(serializers.Field):
    """A JSON object of booleans whose keys are among `keys`."""

    default_error_messages = {
        "not_an_object": _("Expected an object of true and false values."),
        "unknown_key": _("Unknown key."),
        "not_a_flag": _("Must be true or false."),
    }

    def __init__(self, *, keys: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.keys = frozenset(keys)

    def to_internal_value(self, data: Any) -> dict[str, bool]:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        errors = {}
        for key, value in data.items():
            if key not in self.keys:
                errors[key] = [self.error_messages["unknown_key"]]
            elif not isinstance(value, bool):
                errors[key] = [self.error_messages["not_a_flag"]]
        if errors:
            raise serializers.ValidationError(errors)
        return dict(data)

    def to_representation(self, value: Mapping[str, bool]) -> dict[str, bool]:
        return dict(value)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know, so that a typo is never silently ignored."""

    default_error_messages = {"unknown_field": _("Unknown field.")}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(key) for key in data if key not in self.fields]
            if unknown:
                message = self.error_messages["unknown_field"]
                raise serializers.ValidationError({key[:100]: [message] for key in unknown[:20]})
        return super().to_internal_value(data)
