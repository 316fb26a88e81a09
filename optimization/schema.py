"""What the OpenAPI document says of the calls about optimization."""

from typing import Any

from rest_framework import serializers

from execution.enums import MarketplaceSlug
from nexo.shared.schema import (
    CURSOR,
    LIMIT,
    EnvelopeSerializer,
    errors,
    query,
    write,
)
from optimization.action import Action, Trend
from optimization.recommendation import ConfidenceBand
from optimization.score import Band
from optimization.serializers import (
    RecommendSerializer,
    WeightsChangeSerializer,
    WeightsResetSerializer,
)

AGENT = query("agentId", str, "The agent's id.", required=True)


class UsedWeightsSerializer(serializers.Serializer[Any]):
    approvalRate = serializers.FloatField(min_value=0, max_value=1)
    completionRate = serializers.FloatField(min_value=0, max_value=1)
    executionTime = serializers.FloatField(min_value=0, max_value=1)


class _TermSerializer(serializers.Serializer[Any]):
    rate = serializers.FloatField(allow_null=True, help_text="Percent.")


class ApprovalTermSerializer(_TermSerializer):
    approved = serializers.IntegerField()
    rejected = serializers.IntegerField()


class CompletionTermSerializer(_TermSerializer):
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    late = serializers.IntegerField()


class ExecutionTermSerializer(_TermSerializer):
    estimatedMinutes = serializers.FloatField()
    executionMinutes = serializers.FloatField()


class ErrorTermSerializer(_TermSerializer):
    failed = serializers.IntegerField()
    ended = serializers.IntegerField()


class TermsSerializer(serializers.Serializer[Any]):
    approvalRate = ApprovalTermSerializer()
    completionRate = CompletionTermSerializer()
    executionTime = ExecutionTermSerializer()
    errorRate = ErrorTermSerializer()


class _ForetoldSerializer(serializers.Serializer[Any]):
    baseScore = serializers.IntegerField(min_value=0, max_value=100)
    predictedPerformance = serializers.IntegerField(min_value=0, max_value=100)
    recommendedAction = serializers.ChoiceField([action.value for action in Action])
    history = serializers.ListField(
        child=serializers.IntegerField(allow_null=True), help_text="30 days; the last is today."
    )


class OptimizationSerializer(_ForetoldSerializer):
    agentId = serializers.CharField()
    agentName = serializers.CharField()
    channels = serializers.ListField(child=serializers.ChoiceField(MarketplaceSlug.choices))
    scoreBand = serializers.ChoiceField([band.value for band in Band], allow_null=True)
    adaptiveWeights = UsedWeightsSerializer(help_text="The weights in use; they sum to 1.")
    weightsSource = serializers.ChoiceField(["adaptive", "manual"])
    predictionInterval = serializers.ListField(
        child=serializers.IntegerField(), allow_null=True, help_text="80 %: low and high."
    )
    trend = serializers.ChoiceField([trend.value for trend in Trend])
    historyDays = serializers.IntegerField()
    terms = TermsSerializer()
    lowData = serializers.BooleanField()
    lastOptimization = serializers.DateTimeField()


class OptimizationSummarySerializer(serializers.Serializer[Any]):
    agentsNeedingRetraining = serializers.IntegerField()
    agentsReadyToScale = serializers.IntegerField()
    averagePredictedPerformance = serializers.IntegerField()


class OptimizationListSerializer(EnvelopeSerializer):
    optimizations = OptimizationSerializer(many=True)
    summary = OptimizationSummarySerializer()
    nextCursor = serializers.CharField(allow_null=True)


class OptimizationAnswerSerializer(EnvelopeSerializer):
    optimization = OptimizationSerializer()


class AlternativeSerializer(serializers.Serializer[Any]):
    agentId = serializers.CharField()
    score = serializers.IntegerField()
    reason = serializers.CharField()


class AdjustmentSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField()
    points = serializers.IntegerField()


class ExplanationSerializer(serializers.Serializer[Any]):
    agentId = serializers.CharField()
    base = serializers.IntegerField()
    adjustments = AdjustmentSerializer(many=True)
    final = serializers.IntegerField()
    sampleSize = serializers.IntegerField(help_text="Tasks ended in the window.")


class RecommendationSerializer(serializers.Serializer[Any]):
    taskType = serializers.CharField()
    channel = serializers.ChoiceField(MarketplaceSlug.choices)
    recommendedAgentId = serializers.CharField(allow_null=True)
    alternativeAgents = AlternativeSerializer(many=True)
    confidence = serializers.IntegerField(min_value=0, max_value=100)
    confidenceBand = serializers.ChoiceField([band.value for band in ConfidenceBand])
    expectedSuccessRate = serializers.IntegerField(min_value=0, max_value=100)
    lowData = serializers.BooleanField()
    explanation = ExplanationSerializer(many=True)


class RecommendationAnswerSerializer(EnvelopeSerializer):
    recommendation = RecommendationSerializer()


class WeightChangeSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    old = UsedWeightsSerializer(allow_null=True, help_text="Null: adaptive.")
    new = UsedWeightsSerializer(allow_null=True, help_text="Null: adaptive.")
    adaptive = UsedWeightsSerializer(help_text="What the adaptive rule then said.")
    reason = serializers.CharField(allow_null=True)


class WeightChangesSerializer(EnvelopeSerializer):
    changes = WeightChangeSerializer(many=True)
    nextCursor = serializers.CharField(allow_null=True)


class PreviewedSerializer(_ForetoldSerializer):
    rank = serializers.IntegerField(help_text="Among the agents of its marketplaces.")


class PreviewSerializer(EnvelopeSerializer):
    agentId = serializers.CharField()
    before = PreviewedSerializer()
    after = PreviewedSerializer()
    peers = serializers.IntegerField()


LIST: dict[str, Any] = {
    "operation_id": "listOptimizations",
    "summary": "Score, weights, forecast and action of every active agent",
    "filters": False,
    "parameters": [LIMIT, CURSOR],
    "responses": {200: OptimizationListSerializer, **errors(403)},
}
RECOMMEND: dict[str, Any] = {
    "operation_id": "recommendAgent",
    "summary": "Who should do a task of this type on this marketplace",
    "request": RecommendSerializer,
    **write({200: RecommendationAnswerSerializer}),
}
WEIGHTS_HISTORY: dict[str, Any] = {
    "operation_id": "listWeightChanges",
    "summary": "Changes of an agent's weights, newest first",
    "filters": False,
    "parameters": [AGENT, LIMIT, CURSOR],
    "responses": {200: WeightChangesSerializer, **errors(403, 404)},
}
SET_WEIGHTS: dict[str, Any] = {
    "operation_id": "setWeights",
    "summary": "Pin an agent's weights",
    "request": WeightsChangeSerializer,
    **write({200: OptimizationAnswerSerializer}, 404),
}
CLEAR_WEIGHTS: dict[str, Any] = {
    "operation_id": "clearWeights",
    "summary": "Return an agent's weights to adaptive",
    "request": WeightsResetSerializer,
    **write({200: OptimizationAnswerSerializer}, 404, parameters=[AGENT]),
}
PREVIEW_WEIGHTS: dict[str, Any] = {
    "operation_id": "previewWeights",
    "summary": "What these weights would do; changes nothing",
    "request": WeightsChangeSerializer,
    **write({200: PreviewSerializer}, 404),
}
