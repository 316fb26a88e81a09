"""What the OpenAPI document says of the calls: names, types, parameters and errors."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
)
from rest_framework import serializers

from execution.enums import (
    EventKind,
    FailureReason,
    LogLevel,
    MarketplaceSlug,
    Priority,
    SyncState,
    TaskStatus,
)
from execution.serializers import LogLineSerializer, NewTaskSerializer, TaskUpdateSerializer


class SyncStatusSerializer(serializers.Serializer[Any]):
    amazon = serializers.BooleanField()
    mercadolivre = serializers.BooleanField()
    shopee = serializers.BooleanField()
    shein = serializers.BooleanField()
    tiktokshop = serializers.BooleanField()
    kaway = serializers.BooleanField()


class SyncDetailSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(SyncState.choices)
    attempts = serializers.IntegerField()
    error = serializers.CharField(allow_null=True)
    retryable = serializers.BooleanField(allow_null=True)
    syncedAt = serializers.DateTimeField(allow_null=True)
    updatedAt = serializers.DateTimeField()


class TaskSerializer(serializers.Serializer[Any]):
    taskId = serializers.CharField()
    externalId = serializers.CharField(allow_null=True)
    title = serializers.CharField()
    taskType = serializers.CharField()
    priority = serializers.ChoiceField(Priority.choices)
    status = serializers.ChoiceField(TaskStatus.choices)
    progress = serializers.IntegerField(min_value=0, max_value=100)
    createdAt = serializers.DateTimeField()
    approvedAt = serializers.DateTimeField(allow_null=True)
    startedAt = serializers.DateTimeField(allow_null=True)
    completedAt = serializers.DateTimeField(allow_null=True)
    endedAt = serializers.DateTimeField(allow_null=True)
    marketplace = serializers.ChoiceField(MarketplaceSlug.choices)
    channel = serializers.ChoiceField(MarketplaceSlug.choices)
    agentId = serializers.CharField(allow_null=True)
    timeEstimate = serializers.IntegerField(help_text="Whole minutes.")
    timeSpent = serializers.IntegerField(help_text="Whole minutes, to the end or to now.")
    executionMinutes = serializers.FloatField(allow_null=True)
    overdue = serializers.BooleanField()
    lastUpdate = serializers.DateTimeField()
    targets = serializers.ListField(child=serializers.ChoiceField(MarketplaceSlug.choices))
    syncStatus = SyncStatusSerializer()
    syncDetail = serializers.DictField(child=SyncDetailSerializer())
    error = serializers.CharField(allow_null=True)
    failureReason = serializers.ChoiceField(FailureReason.choices, allow_null=True)
    progressAtFailure = serializers.IntegerField(allow_null=True)
    attempt = serializers.IntegerField()
    version = serializers.IntegerField()
    sequence = serializers.IntegerField(help_text="The event that changed the task last.")


class SummarySerializer(serializers.Serializer[Any]):
    pending = serializers.IntegerField()
    inProgress = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    totalProgress = serializers.IntegerField()


class EnvelopeSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["success"])
    timestamp = serializers.DateTimeField()


class TaskListSerializer(EnvelopeSerializer):
    totalTasks = serializers.IntegerField()
    tasks = TaskSerializer(many=True)
    summary = SummarySerializer()
    nextCursor = serializers.CharField(allow_null=True)
    sequence = serializers.IntegerField()
    epoch = serializers.CharField()


class TaskAnswerSerializer(EnvelopeSerializer):
    task = TaskSerializer()


class TasksAnswerSerializer(EnvelopeSerializer):
    tasks = TaskSerializer(many=True)


class TaskUpdatedSerializer(TaskAnswerSerializer):
    message = serializers.CharField()


class EventSerializer(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    kind = serializers.ChoiceField(EventKind.choices)
    # `from` is a Python keyword; the mapping below gives the field its name.
    to = serializers.ChoiceField(TaskStatus.choices)
    progress = serializers.IntegerField()
    actor = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": serializers.CharField(allow_null=True)}


class EventsSerializer(EnvelopeSerializer):
    events = EventSerializer(many=True)


class LogSerializer(serializers.Serializer[Any]):
    level = serializers.ChoiceField(LogLevel.choices)
    message = serializers.CharField()
    at = serializers.DateTimeField()


class LogsSerializer(EnvelopeSerializer):
    logs = LogSerializer(many=True)


class LogPageSerializer(LogsSerializer):
    nextCursor = serializers.CharField(allow_null=True)


class ErrorSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["error"])
    timestamp = serializers.DateTimeField()
    error = serializers.CharField(help_text="A sentence for a person.")
    code = serializers.CharField(help_text="Stable; programs decide by it.")
    details = serializers.DictField(allow_null=True)


def _errors(*statuses: int) -> dict[int, Any]:
    return dict.fromkeys((400, 401, 429, *statuses), ErrorSerializer)


def _query(name: str, type_: Any, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, type_, OpenApiParameter.QUERY, description=description, **options)


_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key and body replay the first answer for 24 hours.",
)
_LIMIT = _query("limit", int, "1 to 500, default 50.")
_CURSOR = _query("cursor", str, "`nextCursor` of the page before.")

LIST: dict[str, Any] = {
    "operation_id": "listTasks",
    "summary": "List tasks, newest first, with the totals of the cards",
    "filters": False,
    "parameters": [
        _LIMIT,
        _CURSOR,
        _query("taskId", str, "One task."),
        _query("status", str, "One status, or several separated by commas."),
        _query("channel", str, "One marketplace, or several separated by commas."),
        _query("agent", str, "The agent's id."),
        _query("taskType", str, "The type's slug."),
        _query("q", str, "Text in title or id."),
        _query("createdAfter", OpenApiTypes.DATETIME, "Inclusive."),
        _query("createdBefore", OpenApiTypes.DATETIME, "Exclusive."),
        _query("overdue", bool, "Past the estimate, now or at the end."),
    ],
    "responses": {200: TaskListSerializer, **_errors()},
}
CREATE: dict[str, Any] = {
    "operation_id": "createTasks",
    "summary": "Create one task, or up to 500, all or none",
    "parameters": [_KEY],
    "request": PolymorphicProxySerializer(
        component_name="NewTasks",
        serializers=[NewTaskSerializer, NewTaskSerializer(many=True)],
        resource_type_field_name=None,
        many=False,
    ),
    "responses": {
        201: PolymorphicProxySerializer(
            component_name="Created",
            serializers=[TaskAnswerSerializer, TasksAnswerSerializer],
            resource_type_field_name=None,
            many=False,
        ),
        **_errors(403, 409, 413, 415, 422),
    },
}
UPDATE: dict[str, Any] = {
    "operation_id": "updateTask",
    "summary": "Move a task along its life cycle, or report progress, targets or an error",
    "parameters": [_KEY],
    "request": TaskUpdateSerializer,
    "responses": {200: TaskUpdatedSerializer, **_errors(403, 404, 409, 413, 415, 422)},
}
RETRIEVE: dict[str, Any] = {
    "operation_id": "getTask",
    "summary": "One task",
    "responses": {200: TaskAnswerSerializer, **_errors(404)},
}
EVENTS: dict[str, Any] = {
    "operation_id": "listTaskEvents",
    "summary": "The task's timeline, oldest first",
    "filters": False,
    "responses": {200: OpenApiResponse(EventsSerializer), **_errors(404)},
}
LOGS: dict[str, Any] = {
    "operation_id": "listTaskLogs",
    "summary": "The task's log lines, oldest first",
    "filters": False,
    "parameters": [_LIMIT, _CURSOR],
    "responses": {200: LogPageSerializer, **_errors(404)},
}
APPEND_LOGS: dict[str, Any] = {
    "operation_id": "appendTaskLogs",
    "summary": "Append one log line, or up to 500",
    "parameters": [_KEY],
    "request": PolymorphicProxySerializer(
        component_name="NewLogLines",
        serializers=[LogLineSerializer, LogLineSerializer(many=True)],
        resource_type_field_name=None,
        many=False,
    ),
    "responses": {201: LogsSerializer, **_errors(403, 404, 413, 415, 422)},
}
