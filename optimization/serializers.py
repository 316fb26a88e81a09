"""Bodies that clients send, checked and turned into what the services take."""

import numpy as np
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from execution.enums import MarketplaceSlug
from execution.serializers import Choice, Slug
from nexo.shared.fields import Number, StrictSerializer, Text
from optimization.optimizations import Shares
from optimization.representations import shares_of
from optimization.weights import SUM_TOLERANCE, may_be_set, refused_sum

MAX_REASON = 1000


class WeightsSerializer(StrictSerializer):
    approvalRate = Number(min_value=0, max_value=1)
    completionRate = Number(min_value=0, max_value=1)
    executionTime = Number(min_value=0, max_value=1)


class WeightsChangeSerializer(StrictSerializer):
    agentId = Slug(max_length=64)
    weights = WeightsSerializer()
    reason = Text(required=False, allow_blank=True, allow_null=True, max_length=MAX_REASON)

    def validate_weights(self, weights: dict[str, float]) -> dict[str, float]:
        shares = np.array(shares_of(weights))
        if not may_be_set(shares):
            message = _("The weights must sum to 1, give or take %(tolerance)s; this is %(sum)s.")
            values = {
                "tolerance": number_format(SUM_TOLERANCE),
                "sum": number_format(refused_sum(float(shares.sum()))),
            }
            raise serializers.ValidationError(message % values)
        return weights

    @property
    def shares(self) -> Shares:
        return shares_of(self.validated_data["weights"])

    @property
    def reason_text(self) -> str:
        return self.validated_data.get("reason") or ""


class WeightsResetSerializer(StrictSerializer):
    reason = Text(required=False, allow_blank=True, allow_null=True, max_length=MAX_REASON)


class RecommendSerializer(StrictSerializer):
    taskType = Slug(max_length=64)
    channel = Choice(choices=MarketplaceSlug.choices)
