"""What the OpenAPI document says of the calls about orchestration."""

from typing import Any

from rest_framework import serializers

from execution.enums import MarketplaceSlug
from nexo.shared.schema import EnvelopeSerializer, errors, query, write
from orchestration.enums import Health, PlanStatus, SkipReason, UnassignedReason
from orchestration.reports import ReportType
from orchestration.serializers import ActivateSerializer


class SkippedSerializer(serializers.Serializer[Any]):
    template = serializers.CharField(help_text="`channel/key`, as the playbook names it.")
    reason = serializers.ChoiceField([reason.value for reason in SkipReason])


class UnassignedSerializer(serializers.Serializer[Any]):
    template = serializers.CharField()
    taskId = serializers.CharField(allow_null=True, help_text="Null in a dry run.")
    reason = serializers.ChoiceField([reason.value for reason in UnassignedReason])


class PlanSerializer(serializers.Serializer[Any]):
    planId = serializers.CharField(
        allow_null=True,
        help_text="Null in a dry run; the running plan's where nothing was left to make.",
    )
    channels = serializers.ListField(child=serializers.ChoiceField(MarketplaceSlug.choices))
    totalTasksGenerated = serializers.IntegerField()
    skipped = SkippedSerializer(many=True)
    tasks = serializers.ListField(child=serializers.CharField())
    unassigned = UnassignedSerializer(many=True)
    status = serializers.ChoiceField([status.value for status in PlanStatus])


class PlanAnswerSerializer(EnvelopeSerializer):
    plan = PlanSerializer()


ACTIVATE: dict[str, Any] = {
    "operation_id": "activate",
    "summary": "Make tasks of the playbook's templates",
    "description": (
        "One pending task of each active template that has no open task of its own, for the "
        "recommended agent; a template that needs no approval is approved at once. "
        "200 where nothing is made: in a dry run, or when every template has its open task."
    ),
    "request": ActivateSerializer,
    **write({200: PlanAnswerSerializer, 201: PlanAnswerSerializer}),
}


class _TotalsSerializer(serializers.Serializer[Any]):
    """Counts of all time; `failed` is for error or timeout."""

    open = serializers.IntegerField(help_text="Now.")
    generated = serializers.IntegerField()
    approved = serializers.IntegerField(help_text="By people; not by the playbook.")
    rejected = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    successRate = serializers.FloatField(allow_null=True, help_text="Percent.")
    lastActivity = serializers.DateTimeField(allow_null=True)


class AgentStateSerializer(_TotalsSerializer):
    agentId = serializers.CharField()
    agentName = serializers.CharField()
    active = serializers.BooleanField()
    paused = serializers.BooleanField()
    score = serializers.IntegerField(
        required=False, allow_null=True, help_text="Only to those who may see optimization."
    )


class StateSummarySerializer(_TotalsSerializer):
    agents = serializers.IntegerField()
    active = serializers.IntegerField()
    paused = serializers.IntegerField()


class StatusSerializer(EnvelopeSerializer):
    agents = AgentStateSerializer(many=True)
    summary = StateSummarySerializer()
    health = serializers.ChoiceField([health.value for health in Health])


class WindowMetricsSerializer(serializers.Serializer[Any]):
    approvalRate = serializers.FloatField(allow_null=True)
    completionRate = serializers.FloatField(allow_null=True)
    executionTime = serializers.FloatField(allow_null=True)
    errorRate = serializers.FloatField(allow_null=True)
    score = serializers.IntegerField(allow_null=True, help_text="Null without data.")
    generated = serializers.IntegerField()
    approved = serializers.IntegerField()
    rejected = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    late = serializers.IntegerField()
    open = serializers.IntegerField()


class MetricsSerializer(EnvelopeSerializer):
    type = serializers.ChoiceField(["system", "agent", "channel"])
    metrics = WindowMetricsSerializer()


class ReportColumnSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField(  # type: ignore[assignment]  # fields are gathered, not kept
        help_text="In the caller's language."
    )


class ReportSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField([type_.value for type_ in ReportType])
    title = serializers.CharField()
    to = serializers.DateField()
    health = serializers.ChoiceField([health.value for health in Health])
    columns = ReportColumnSerializer(many=True)
    rows = serializers.ListField(
        child=serializers.DictField(), help_text="Values by the columns' keys."
    )

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's.
        return {**super().get_fields(), "from": serializers.DateField()}


class ReportAnswerSerializer(EnvelopeSerializer):
    report = ReportSerializer()


STATUS: dict[str, Any] = {
    "operation_id": "getStatus",
    "summary": "What each agent has done and is doing, and how the whole is",
    "filters": False,
    "responses": {200: StatusSerializer, **errors(403)},
}
METRICS: dict[str, Any] = {
    "operation_id": "getMetrics",
    "summary": "Rates and counts of the last thirty days",
    "filters": False,
    "parameters": [
        query("agent", str, "An agent's id."),
        query("channel", str, "A marketplace.", enum=MarketplaceSlug.values),
    ],
    "responses": {200: MetricsSerializer, **errors(403, 404)},
}
REPORTS: dict[str, Any] = {
    "operation_id": "getReport",
    "summary": "The numbers of the overview as a document",
    "filters": False,
    "parameters": [
        query("type", str, "Default: summary.", enum=[type_.value for type_ in ReportType]),
    ],
    "responses": {
        (200, "application/json"): ReportAnswerSerializer,
        (200, "text/markdown"): {"type": "string"},
        (200, "text/csv"): {"type": "string"},
        **errors(403),
    },
}
