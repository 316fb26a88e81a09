"""What the OpenAPI document says of the bulk calls."""

from typing import Any

from rest_framework import serializers

from nexo.shared.schema import CURSOR, LIMIT, EnvelopeSerializer, errors, write
from orchestration.bulk.enums import BulkAction, JobState, Outcome
from orchestration.bulk.serializers import BulkOrderSerializer, UndoSerializer


class RefusedSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    count = serializers.IntegerField()


class ResultSerializer(serializers.Serializer[Any]):
    taskId = serializers.CharField()
    outcome = serializers.ChoiceField([outcome.value for outcome in Outcome])
    code = serializers.CharField(allow_null=True)


class BulkAnswerSerializer(EnvelopeSerializer):
    jobId = serializers.CharField(allow_null=True, help_text="Null in a dry run.")
    dryRun = serializers.BooleanField()
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    refused = RefusedSerializer(many=True)
    results = ResultSerializer(many=True)
    undoUntil = serializers.DateTimeField(allow_null=True)
    selectionId = serializers.CharField(
        allow_null=True,
        required=False,
        help_text="Of a dry run over a filter: for an hour, exactly these tasks can be ordered.",
    )
    action = serializers.ChoiceField([action.value for action in BulkAction])
    state = serializers.ChoiceField(
        [state.value for state in JobState], allow_null=True, help_text="Null in a dry run."
    )
    reason = serializers.CharField(allow_null=True)
    agentId = serializers.CharField(allow_null=True)
    selection = serializers.DictField()
    actor = serializers.CharField()
    createdAt = serializers.DateTimeField(allow_null=True, help_text="Null in a dry run.")
    finishedAt = serializers.DateTimeField(allow_null=True)
    undoOf = serializers.CharField(allow_null=True)
    undoneBy = serializers.CharField(allow_null=True)


class BulkJobSerializer(BulkAnswerSerializer):
    nextCursor = serializers.CharField(allow_null=True)


_ANSWERS = {200: BulkAnswerSerializer, 202: BulkAnswerSerializer}

ORDER: dict[str, Any] = {
    "operation_id": "bulk_order",
    "summary": "Do one action to many tasks",
    "request": BulkOrderSerializer,
    **write(_ANSWERS),
}
RETRIEVE: dict[str, Any] = {
    "operation_id": "bulk_job",
    "summary": "How far a bulk job is, and what came of each task",
    "parameters": [LIMIT, CURSOR],
    "responses": {200: BulkJobSerializer, **errors(403, 404)},
}
UNDO: dict[str, Any] = {
    "operation_id": "bulk_undo",
    "summary": "Take back a bulk cancel or reject",
    "request": UndoSerializer,
    **write(_ANSWERS, 404),
}
