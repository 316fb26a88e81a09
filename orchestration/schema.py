"""What the OpenAPI document says of the calls about orchestration."""

from typing import Any

from rest_framework import serializers

from execution.enums import MarketplaceSlug
from nexo.shared.schema import IDEMPOTENCY_KEY, EnvelopeSerializer, errors
from orchestration.enums import PlanStatus, SkipReason
from orchestration.serializers import ActivateSerializer


class SkippedSerializer(serializers.Serializer[Any]):
    template = serializers.CharField(help_text="`channel/key`, as the playbook names it.")
    reason = serializers.ChoiceField([reason.value for reason in SkipReason])


class PlanSerializer(serializers.Serializer[Any]):
    planId = serializers.CharField(allow_null=True, help_text="Null in a dry run.")
    channels = serializers.ListField(child=serializers.ChoiceField(MarketplaceSlug.choices))
    totalTasksGenerated = serializers.IntegerField()
    skipped = SkippedSerializer(many=True)
    tasks = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField([status.value for status in PlanStatus])


class PlanAnswerSerializer(EnvelopeSerializer):
    plan = PlanSerializer()


ACTIVATE: dict[str, Any] = {
    "operation_id": "activate",
    "summary": "Make tasks of the playbook's templates",
    "parameters": [IDEMPOTENCY_KEY],
    "request": ActivateSerializer,
    "responses": {
        200: PlanAnswerSerializer,
        201: PlanAnswerSerializer,
        **errors(403, 409, 413, 415, 422),
    },
}
