"""What the OpenAPI document says of the calls: names, types, parameters and errors."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer
from rest_framework import serializers

from execution.agents_serializers import (
    ClaimSerializer,
    HeartbeatSerializer,
    PauseSerializer,
)
from execution.enums import (
    MARKETPLACES,
    EventKind,
    FailureReason,
    LogLevel,
    MarketplaceSlug,
    Priority,
    SyncState,
    TaskStatus,
)
from execution.serializers import (
    ApprovalSerializer,
    LeasedLogLineSerializer,
    LogLineSerializer,
    LogLinesSerializer,
    NewTaskSerializer,
    RefusalSerializer,
    RetrySerializer,
    SyncAgainSerializer,
    TaskUpdateSerializer,
)
from nexo.shared.schema import (
    CURSOR,
    LIMIT,
    EnvelopeSerializer,
    ErrorSerializer,
    errors,
    limit,
    query,
    write,
)


class SyncStatusSerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {slug: serializers.BooleanField() for slug in MARKETPLACES}


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


class ClaimedTaskSerializer(TaskSerializer):
    leaseId = serializers.CharField()
    leaseExpiresAt = serializers.DateTimeField()


class ClaimedSerializer(EnvelopeSerializer):
    tasks = ClaimedTaskSerializer(many=True)


class LeaseSerializer(serializers.Serializer[Any]):
    taskId = serializers.CharField()
    leaseId = serializers.CharField()
    leaseExpiresAt = serializers.DateTimeField()


class LeasesSerializer(EnvelopeSerializer):
    leases = LeaseSerializer(many=True)


class PausedAgentSerializer(serializers.Serializer[Any]):
    agentId = serializers.CharField()
    agentName = serializers.CharField()
    active = serializers.BooleanField()
    paused = serializers.BooleanField()


class PausedSerializer(EnvelopeSerializer):
    agent = PausedAgentSerializer()


class SummarySerializer(serializers.Serializer[Any]):
    pending = serializers.IntegerField()
    inProgress = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    totalProgress = serializers.IntegerField()


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


class TaskSyncedSerializer(TaskUpdatedSerializer):
    queued = serializers.ListField(
        child=serializers.ChoiceField(MarketplaceSlug.choices),
        help_text="The targets that this call queued.",
    )


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
    nextCursor = serializers.CharField(
        required=False, help_text="There only where older events are: leads to those."
    )


class LogSerializer(serializers.Serializer[Any]):
    level = serializers.ChoiceField(LogLevel.choices)
    message = serializers.CharField()
    at = serializers.DateTimeField()


class LogsSerializer(EnvelopeSerializer):
    logs = LogSerializer(many=True)


class LogPageSerializer(LogsSerializer):
    nextCursor = serializers.CharField(allow_null=True)


LIST: dict[str, Any] = {
    "operation_id": "listTasks",
    "summary": "List tasks, newest first, with the totals of the cards",
    "filters": False,
    "parameters": [
        LIMIT,
        CURSOR,
        query("taskId", str, "One task."),
        query("status", str, "One status, or several separated by commas."),
        query("channel", str, "One marketplace, or several separated by commas."),
        query("agent", str, "The agent's id."),
        query("taskType", str, "The type's slug."),
        query("q", str, "Words in title or id, in any order, case and accents aside."),
        query("createdAfter", OpenApiTypes.DATETIME, "Inclusive."),
        query("createdBefore", OpenApiTypes.DATETIME, "Exclusive."),
        query("overdue", bool, "Past the estimate, now or at the end."),
    ],
    "responses": {200: TaskListSerializer, **errors()},
}
CREATE: dict[str, Any] = {
    "operation_id": "createTasks",
    "summary": "Create one task, or up to 500, all or none",
    "request": PolymorphicProxySerializer(
        component_name="NewTasks",
        serializers=[NewTaskSerializer, NewTaskSerializer(many=True)],
        resource_type_field_name=None,
        many=False,
    ),
    **write(
        {
            201: PolymorphicProxySerializer(
                component_name="Created",
                serializers=[TaskAnswerSerializer, TasksAnswerSerializer],
                resource_type_field_name=None,
                many=False,
            ),
        }
    ),
}
UPDATE: dict[str, Any] = {
    "operation_id": "updateTask",
    "summary": "Move a task along its life cycle, or report progress, targets or an error",
    "request": TaskUpdateSerializer,
    **write(
        {
            200: TaskUpdatedSerializer,
            409: OpenApiResponse(
                ErrorSerializer,
                "`invalid_transition`; `sync_not_open`: `syncStatus` outside of `marketplace_sync`"
                " and of the update that enters or completes it; `version_conflict`, `lease_lost`, "
                "`idempotency_in_flight`.",
            ),
        },
        404,
    ),
}


def _command(
    name: str, summary: str, request: Any, answer: Any = TaskUpdatedSerializer
) -> dict[str, Any]:
    return {
        "operation_id": f"{name}Task",
        "summary": summary,
        "request": request,
        **write({200: answer}, 404),
    }


APPROVE = _command(
    "approve",
    "Approve a pending task, with edits or as it is; not one that you created or edited",
    ApprovalSerializer,
)
REJECT = _command("reject", "Reject a pending task and say why", RefusalSerializer)
RETRY = _command("retry", "Let a failed task wait for approval again", RetrySerializer)
CANCEL = _command("cancel", "Stop an open task and say why", RefusalSerializer)
SYNC = _command(
    "sync",
    "Queue the targets that are not synced again",
    SyncAgainSerializer,
    TaskSyncedSerializer,
)
RETRIEVE: dict[str, Any] = {
    "operation_id": "getTask",
    "summary": "One task",
    "responses": {200: TaskAnswerSerializer, **errors(404)},
}
EVENTS: dict[str, Any] = {
    "operation_id": "listTaskEvents",
    "summary": "The end of the task's timeline, oldest first; a cursor leads to what was before",
    "filters": False,
    "parameters": [
        limit(1000, default=1000),
        CURSOR,
    ],
    "responses": {200: OpenApiResponse(EventsSerializer), **errors(404)},
}
LOGS: dict[str, Any] = {
    "operation_id": "listTaskLogs",
    "summary": "The task's log lines, oldest first",
    "filters": False,
    "parameters": [LIMIT, CURSOR],
    "responses": {200: LogPageSerializer, **errors(404)},
}
APPEND_LOGS: dict[str, Any] = {
    "operation_id": "appendTaskLogs",
    "summary": "Append one log line, or up to 500",
    "request": PolymorphicProxySerializer(
        component_name="NewLogLines",
        serializers=[
            LeasedLogLineSerializer,
            LogLineSerializer(many=True),
            LogLinesSerializer,
        ],
        resource_type_field_name=None,
        many=False,
    ),
    **write({201: LogsSerializer}, 404),
}
CLAIM: dict[str, Any] = {
    "operation_id": "claimTasks",
    "summary": "Lease approved tasks to the agent, the most urgent and oldest first",
    "request": ClaimSerializer,
    **write({200: ClaimedSerializer}),
}
HEARTBEAT: dict[str, Any] = {
    "operation_id": "renewLeases",
    "summary": "Renew the agent's leases, all or those named; what the answer omits is lost",
    "request": HeartbeatSerializer,
    **write({200: LeasesSerializer}),
}
PAUSE: dict[str, Any] = {
    "operation_id": "pauseAgent",
    "summary": "Give the agent no new task; it finishes what it holds",
    "request": PauseSerializer,
    **write({200: PausedSerializer}, 404),
}
RESUME: dict[str, Any] = {
    "operation_id": "resumeAgent",
    "summary": "Let the agent be given tasks again",
    "request": PauseSerializer,
    **write({200: PausedSerializer}, 404),
}
