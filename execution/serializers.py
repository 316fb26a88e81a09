"""Bodies that clients send, checked and turned into what the services take."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import orjson
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from execution import queries
from execution.changes import UNSET, Edits, TaskChange
from execution.enums import FailureReason, LogLevel, MarketplaceSlug, Priority, TaskStatus
from execution.models import SLUG_PATTERN
from execution.services import NewTask
from execution.task_logs import LogLine
from nexo.shared import clock
from nexo.shared.fields import (
    NOT_A_LIST,
    FlagMap,
    Instant,
    Items,
    Line,
    Number,
    StrictSerializer,
    Text,
    WholeNumber,
)
from nexo.shared.lines import shows_nothing

MAX_RESULT_BYTES = 64 * 1024
MAX_LOG_LINE_BYTES = 8 * 1024
MAX_LOG_LINES = 500
MAX_NEW_TASKS = 500
MAX_HOURS = 1000
# Less than that is no estimate, and the task would be overdue as soon as it is made.
MIN_MINUTES = 0.01
TOO_SHORT = _("Must be greater than 0: a hundredth of a minute at least.")
MAX_NOTE = 4000
MAX_LEASE_ID = 64
INT_MAX = 2**31 - 1
# How far the clock of whoever writes a log line may be ahead of this one.
CLOCKS_DIFFER_BY = timedelta(minutes=5)

_SLUG = re.compile(SLUG_PATTERN)


class Slug(Line):
    default_error_messages = {
        "slug": _("Use 1 to 64 letters, digits, dots, hyphens or underscores.")
    }

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if not _SLUG.fullmatch(value):
            self.fail("slug")
        return value


class Choice(serializers.ChoiceField):
    """A choice given as text; numbers and booleans are not coerced."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choices:
            message = _("%(value)s is not one of %(choices)s.")
            values = {"value": str(data)[:100], "choices": ", ".join(self.choices)}
            raise serializers.ValidationError(message % values, code="invalid_choice")
        return data


class Targets(Items):
    """One marketplace or several."""

    def __init__(self, **options: Any) -> None:
        # Given also by whoever copies the field.
        options = {"allow_empty": False, "max_length": len(MarketplaceSlug), **options}
        super().__init__(child=Choice(choices=MarketplaceSlug.choices), **options)


class TaskUpdateSerializer(StrictSerializer):
    taskId = Line(max_length=64)
    status = Choice(choices=TaskStatus.choices)
    progress = WholeNumber(required=False, min_value=0, max_value=100)
    error = Text(required=False, allow_null=True, allow_blank=True, max_length=MAX_NOTE)
    failureReason = Choice(required=False, choices=FailureReason.choices)
    syncStatus = FlagMap(required=False, keys=MarketplaceSlug.values)
    reason = Text(required=False, allow_null=True, allow_blank=True, max_length=MAX_NOTE)
    version = WholeNumber(required=False, min_value=1, max_value=INT_MAX)
    leaseId = Line(required=False, max_length=MAX_LEASE_ID, help_text=_("From agents only."))
    result = serializers.JSONField(required=False, help_text=_("From agents only."))

    def validate_result(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise serializers.ValidationError(_("Expected a JSON object."))
        if len(orjson.dumps(value)) > MAX_RESULT_BYTES:
            raise serializers.ValidationError(_("A result holds 64 kB at most."))
        return value


@cache
def _update(language: str | None) -> TaskUpdateSerializer:
    """Checking keeps nothing: one, whose fields are copied once, does for all requests of a
    language. What it says with a number in it stays in the language that it is first said in."""
    return TaskUpdateSerializer()


def checked_update(data: Any) -> dict[str, Any]:
    """The body of an update.

    Raises
    ------
    ValidationError
    """
    return dict(_update(get_language()).run_validation(data))


def task_change(data: Mapping[str, Any]) -> TaskChange:
    """What a checked body asks for."""
    failure_reason = data.get("failureReason")
    return TaskChange(
        status=TaskStatus(data["status"]),
        progress=data.get("progress"),
        error=data.get("error", UNSET),
        failure_reason=FailureReason(failure_reason) if failure_reason else None,
        sync_status=data.get("syncStatus", {}),
        reason=data.get("reason") or None,
        version=data.get("version"),
        result=data.get("result"),
    )


class NewTaskListSerializer(serializers.ListSerializer[Any]):
    """Up to 500 tasks; what needs the database is asked once for all of them."""

    default_error_messages = {
        "not_a_list": NOT_A_LIST,
        "too_many": _("At most 500 tasks at once."),
    }

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, list) and len(data) > MAX_NEW_TASKS:
            self.fail("too_many")
        return super().to_internal_value(data)

    def validate(self, attrs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        unknown = _unknown_agents(attrs)
        if unknown:
            message = NewTaskSerializer.default_error_messages["unknown_agent"]
            errors: dict[Any, Any] = {
                index: {"agentId": [message]}
                for index, item in enumerate(attrs)
                if item.get("agentId") in unknown
            }
            raise serializers.ValidationError(errors)
        return attrs


class TaskFieldsSerializer(StrictSerializer):
    """What holds for the fields of a task, whether it is new or edited."""

    default_error_messages = {"unknown_agent": _("There is no such agent.")}

    def validate_estimatedHours(self, value: float) -> float:
        if minutes_of(value) < MIN_MINUTES:
            raise serializers.ValidationError(TOO_SHORT)
        return value

    def validate_targets(self, value: list[str]) -> list[str]:
        return each_once(value)


def each_once(marketplaces: list[str]) -> list[str]:
    if len(set(marketplaces)) != len(marketplaces):
        raise serializers.ValidationError(_("Each marketplace may be given once."))
    return marketplaces


class NewTaskSerializer(TaskFieldsSerializer):
    taskType = Slug(max_length=64, trim_whitespace=False)
    title = Line(max_length=200)
    channel = Choice(choices=MarketplaceSlug.choices)
    agentId = Slug(required=False, allow_null=True, max_length=64)
    estimatedHours = Number(max_value=MAX_HOURS)
    targets = Targets(required=False)
    priority = Choice(required=False, choices=Priority.choices)
    externalId = Line(required=False, allow_null=True, max_length=200)

    class Meta:
        list_serializer_class = NewTaskListSerializer

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # In a list the parent asks for all agents at once.
        alone = not isinstance(self.parent, serializers.ListSerializer)
        if alone and _unknown_agents([attrs]):
            message = self.error_messages["unknown_agent"]
            raise serializers.ValidationError({"agentId": [message]})
        return attrs


def _unknown_agents(items: list[dict[str, Any]]) -> set[str]:
    named = {item["agentId"] for item in items if item.get("agentId")}
    return named - queries.known_agents(named) if named else set()


def new_tasks(data: Any) -> list[NewTask]:
    """One task from an object, or several from an array.

    Raises
    ------
    ValidationError
    """
    serializer: Any
    if isinstance(data, list):
        serializer = NewTaskSerializer(data=data, many=True, allow_empty=False)
    else:
        serializer = NewTaskSerializer(data=data)
    serializer.is_valid(raise_exception=True)
    checked = serializer.validated_data
    return [_new_task(item) for item in (checked if isinstance(data, list) else [checked])]


def minutes_of(hours: float) -> float:
    """Through the decimal text, so that 0.1 hours are 6 minutes exactly."""
    return float(Decimal(str(hours)) * 60)


def _new_task(data: dict[str, Any]) -> NewTask:
    return NewTask(
        task_type=data["taskType"],
        title=data["title"],
        marketplace_id=data["channel"],
        estimated_minutes=minutes_of(data["estimatedHours"]),
        agent_id=data.get("agentId"),
        targets=data.get("targets") or (),
        priority=Priority(data.get("priority", Priority.NORMAL)),
        external_id=data.get("externalId"),
    )


# -- Commands ------------------------------------------------------------------------------------


class Reason(Text):
    """A reason that has to be given: something to read, on as many lines as it takes."""

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if shows_nothing(value):
            self.fail("blank")
        return value


class EditsSerializer(TaskFieldsSerializer):
    title = Line(required=False, max_length=200)
    estimatedHours = Number(required=False, max_value=MAX_HOURS)
    agentId = Slug(required=False, max_length=64)
    targets = Targets(required=False)
    priority = Choice(required=False, choices=Priority.choices)

    def validate_agentId(self, value: str) -> str:
        if not queries.known_agents({value}):
            raise serializers.ValidationError(self.error_messages["unknown_agent"])
        return value


class RetrySerializer(StrictSerializer):
    reason = Text(required=False, allow_null=True, allow_blank=True, max_length=MAX_NOTE)
    version = WholeNumber(required=False, min_value=1, max_value=INT_MAX)


class ApprovalSerializer(RetrySerializer):
    edits = EditsSerializer(required=False)


class RefusalSerializer(RetrySerializer):
    reason = Reason(max_length=MAX_NOTE)


class SyncAgainSerializer(StrictSerializer):
    channels = Targets(required=False)
    reason = Text(required=False, allow_null=True, allow_blank=True, max_length=MAX_NOTE)

    def validate_channels(self, value: list[str]) -> list[str]:
        return each_once(value)


def checked_body(serializer: type[StrictSerializer], data: Any) -> dict[str, Any]:
    """The body of a command.

    Raises
    ------
    ValidationError
    """
    return dict(serializer().run_validation(data))


def task_edits(data: Mapping[str, Any] | None) -> Edits | None:
    """What checked edits ask for; None when they ask for nothing."""
    if not data:
        return None
    hours = data.get("estimatedHours")
    return Edits(
        title=data.get("title", UNSET),
        estimated_minutes=UNSET if hours is None else minutes_of(hours),
        agent_id=data.get("agentId", UNSET),
        priority=Priority(data["priority"]) if "priority" in data else UNSET,
        targets=data.get("targets", UNSET),
    )


# -- Logs ----------------------------------------------------------------------------------------


class LogLineSerializer(StrictSerializer):
    level = Choice(required=False, choices=LogLevel.choices, default=LogLevel.INFO.value)
    message = Text(trim_whitespace=False)
    at = Instant(required=False, allow_null=True)

    def validate_at(self, value: datetime | None) -> datetime | None:
        if value is not None and value > clock.now() + CLOCKS_DIFFER_BY:
            raise serializers.ValidationError(_("This instant is still to come."))
        return value

    def validate_message(self, value: str) -> str:
        if len(value.encode()) > MAX_LOG_LINE_BYTES:
            raise serializers.ValidationError(_("A line holds 8 kB at most."))
        return value


class _LeaseSerializer(StrictSerializer):
    leaseId = Line(required=False, max_length=MAX_LEASE_ID)


class LeasedLogLineSerializer(LogLineSerializer, _LeaseSerializer):
    """One line; an agent may name the lease that it renews by it."""


class LogLinesSerializer(_LeaseSerializer):
    logs = Items(child=LogLineSerializer(), allow_empty=False, max_length=MAX_LOG_LINES)


def log_lines(data: Any) -> tuple[list[LogLine], str | None]:
    """One line, an array of up to 500, or `{"logs": [...]}` as the reading call gives them; and
    the lease under which they are written, where it was named.

    Raises
    ------
    ValidationError
    """
    lease: dict[str, Any] = {}
    if isinstance(data, dict) and "leaseId" in data:
        lease = _LeaseSerializer().run_validation({"leaseId": data["leaseId"]})
        data = {name: value for name, value in data.items() if name != "leaseId"}
    is_wrapped = isinstance(data, dict) and set(data) == {"logs"}
    if is_wrapped or isinstance(data, list):
        several: serializers.ListSerializer[Any] = serializers.ListSerializer(
            child=LogLineSerializer(),
            allow_empty=False,
            max_length=MAX_LOG_LINES,
            error_messages={"not_a_list": NOT_A_LIST},
        )
        lines = several.run_validation(data["logs"] if is_wrapped else data)
    else:
        lines = [LogLineSerializer().run_validation(data)]
    found = [LogLine(LogLevel(line["level"]), line["message"], line.get("at")) for line in lines]
    return found, lease.get("leaseId")
