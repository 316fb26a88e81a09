"""Serializer fields that take only their own JSON type: "75" is not 75, and 1 is not true."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any, Final

from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from nexo.shared.instants import parse_instant
from nexo.shared.lines import breaks_a_line, shows_nothing

LONGEST_ERROR_KEY: Final = 100
MOST_ERRORS: Final = 20
NOT_A_LIST: Final = _("Expected a list.")
_LOOKED_FOR_BEFORE: Final = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)
# Said by DRF, whose Portuguese of them is wrong ("may not" as "perhaps not"); ours goes before it.
# Read by `make messages` alone, which keeps no translation of what no source holds.
SAID_BY_DRF: Final = (
    gettext_noop("Ensure this value is greater than or equal to {min_value}."),
    gettext_noop("Ensure this value is less than or equal to {max_value}."),
    gettext_noop("This field may not be blank."),
    gettext_noop("This field may not be null."),
    gettext_noop("This list may not be empty."),
)


def bounded(errors: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Errors by field, few and short: an answer must not be as long as what it refuses."""
    return {key[:LONGEST_ERROR_KEY]: [message] for key, message in islice(errors, MOST_ERRORS)}


class Text(serializers.CharField):
    """Text of a body, which as a whole has neither NUL nor lone surrogate (parsers.py)."""

    default_error_messages = {"invalid": _("Must be text.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # DRF looks for them in each field, character by character.
        self.validators = [v for v in self.validators if not isinstance(v, _LOOKED_FOR_BEFORE)]

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Line(Text):
    """Text that shows as what it is: titles and ids that pages and logs show on one line."""

    default_error_messages = {"control": _("Control characters are not allowed.")}

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if breaks_a_line(value):
            self.fail("control")
        if shows_nothing(value) and not self.allow_blank:
            self.fail("blank")
        return value


class Instant(serializers.DateTimeField):
    default_error_messages = {"invalid": _("Enter an instant such as 2026-02-24T14:35:12Z.")}

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            return parse_instant(data)
        except ValueError:
            self.fail("invalid")


class WholeNumber(serializers.IntegerField):
    default_error_messages = {"invalid": _("Must be a whole number.")}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    default_error_messages = {"invalid": _("Must be a number.")}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return float(data) + 0.0  # of -0.0 that makes 0.0


class Flag(serializers.BooleanField):
    default_error_messages = {"invalid": _("Must be true or false.")}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Items(serializers.ListField):
    default_error_messages = {"not_a_list": NOT_A_LIST}


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
        errors = [
            (key, self.error_messages["not_a_flag" if key in self.keys else "unknown_key"])
            for key, value in data.items()
            if key not in self.keys or not isinstance(value, bool)
        ]
        if errors:
            raise serializers.ValidationError(bounded(errors))
        return dict(data)

    def to_representation(self, value: Mapping[str, bool]) -> dict[str, bool]:
        return dict(value)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know, so that a typo is never silently ignored."""

    default_error_messages = {
        "invalid": _("Expected a JSON object."),
        "unknown_field": _("Unknown field."),
    }

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.fields)

    @cached_property
    def _writable(self) -> list[tuple[str, serializers.Field[Any, Any, Any, Any], Any]]:
        """Each field that may be given, with its name and this serializer's own check of it."""
        fields = [(str(field.field_name), field) for field in self._writable_fields]
        return [(name, field, getattr(self, f"validate_{name}", None)) for name, field in fields]

    def run_validators(self, value: Any) -> None:
        # DRF gathers read-only defaults for validators even when there are none of either.
        if self.validators:
            super().run_validators(value)

    def to_internal_value(self, data: Any) -> Any:
        """As DRF does it, but a body is JSON: what it does not name need not be looked for."""
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        checked: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        if unknown := [str(key) for key in data if key not in self._names]:
            message = self.error_messages["unknown_field"]
            errors = bounded((key, message) for key in unknown)
        for name, field, validate in self._writable:
            try:
                if name in data:
                    value = field.run_validation(data[name])
                    if validate is not None:
                        value = validate(value)
                elif field.required:
                    field.fail("required")
                elif field.default is empty:
                    continue
                else:
                    value = field.get_default()
            except serializers.ValidationError as error:
                errors[name] = error.detail
            else:
                checked[name] = value
        if errors:
            raise serializers.ValidationError(errors)
        return checked
