"""Bodies of the bulk calls."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from execution import queries
from execution.filters import FILTERS, filter_values
from execution.serializers import MAX_NOTE, Choice, Reason, Slug
from nexo.shared.fields import Flag, StrictSerializer, Text, bounded
from orchestration.bulk.enums import ORDERED, BulkAction
from orchestration.bulk.orders import Order
from orchestration.bulk.rules import MAX_TASK_IDS

LONGEST_TASK_ID = 64


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "maxLength": LONGEST_TASK_ID},
        "minItems": 1,
        "maxItems": MAX_TASK_IDS,
        "uniqueItems": True,
    }
)
class TaskIds(serializers.Field):
    """1 to 10,000 ids, each once. Looked at as a whole: a field for each would take half a
    second."""

    default_error_messages = {
        "not_a_list": _("Expected a list of task ids."),
        "empty": _("Name at least one task."),
        "too_many": _("At most %(most)d tasks can be named.") % {"most": MAX_TASK_IDS},
        "not_an_id": _("Not every item is a task id."),
        "repeated": _("Each task may be named once."),
    }

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        if not data:
            self.fail("empty")
        if len(data) > MAX_TASK_IDS:
            self.fail("too_many")
        if not all(_is_task_id(item) for item in data):
            self.fail("not_an_id")
        if len(set(data)) != len(data):
            self.fail("repeated")
        return data

    def to_representation(self, value: list[str]) -> list[str]:
        return value


def _is_task_id(item: Any) -> bool:
    return (
        isinstance(item, str)
        and 0 < len(item) <= LONGEST_TASK_ID
        and item.isprintable()
        and not item.isspace()
    )


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"type": "string"} for name in FILTERS},
    }
)
class ListFilter(serializers.Field):
    """The list's query parameters, each a text as in a query string; `{}` is every task."""

    default_error_messages = {
        "not_an_object": _("Expected an object of the list's query parameters."),
        "unknown": _("Unknown parameter."),
        "not_text": _("Expected text, as in a query string."),
        "empty": _("This parameter must not be empty."),
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        errors = [
            (str(name), self.error_messages[fault])
            for name, value in data.items()
            if (fault := _fault(name, value))
        ]
        if errors:
            raise serializers.ValidationError(bounded(errors))
        return dict(data)

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        return value


def _fault(name: Any, value: Any) -> str | None:
    if name not in FILTERS:
        return "unknown"
    if not isinstance(value, str):
        return "not_text"
    return "empty" if not value.strip() and name != "q" else None


class BulkOrderSerializer(StrictSerializer):
    default_error_messages = {
        "one_selection": _("Give one of taskIds, filter and selectionId."),
        "shown_before": _("A dry run takes a filter, and answers with its selectionId."),
        "reason": _("Say why."),
        "only_assign": _("Only assigning takes an agent."),
        "needs_agent": _("Name the agent to assign to."),
        "unknown_agent": _("There is no such agent."),
    }

    action = Choice(choices=[(action.value, action.label) for action in ORDERED])
    taskIds = TaskIds(required=False)
    filter = ListFilter(required=False)
    selectionId = Slug(
        required=False,
        max_length=LONGEST_TASK_ID,
        help_text="From a dry run over a filter: exactly the tasks that it counted.",
    )
    reason = Reason(required=False, max_length=MAX_NOTE, help_text="Required unless dryRun.")
    agentId = Slug(required=False, max_length=64, help_text="For `assign`, and only there.")
    dryRun = Flag(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(name in attrs for name in ("taskIds", "filter", "selectionId")) != 1:
            self.fail("one_selection")
        if "selectionId" in attrs and attrs["dryRun"]:
            self._fail("selectionId", "shown_before")
        if not attrs.get("reason") and not attrs["dryRun"]:
            self._fail("reason", "reason")
        self._check_agent(attrs)
        if "filter" in attrs:
            try:
                attrs["values"] = filter_values(attrs["filter"])
            except serializers.ValidationError as error:
                raise serializers.ValidationError({"filter": error.detail}) from error
        return attrs

    def _check_agent(self, attrs: dict[str, Any]) -> None:
        agent_id = attrs.get("agentId")
        if attrs["action"] != BulkAction.ASSIGN:
            if agent_id is not None:
                self._fail("agentId", "only_assign")
        elif agent_id is None:
            # What can be assigned does not depend on to whom.
            if not attrs["dryRun"]:
                self._fail("agentId", "needs_agent")
        elif not queries.known_agents([agent_id]):
            self._fail("agentId", "unknown_agent")

    def _fail(self, name: str, key: str) -> None:
        raise serializers.ValidationError({name: [self.error_messages[key]]})


class UndoSerializer(StrictSerializer):
    reason = Text(required=False, allow_blank=True, allow_null=True, max_length=MAX_NOTE)


def order_of(data: dict[str, Any]) -> Order:
    """What a checked body asks for."""
    return Order(
        action=BulkAction(data["action"]),
        reason=data.get("reason", ""),
        agent_id=data.get("agentId"),
        task_ids=data.get("taskIds"),
        filters=data.get("filter", {}),
        values=data.get("values", {}),
        selection_id=data.get("selectionId"),
    )
