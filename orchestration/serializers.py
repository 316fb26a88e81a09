"""What a call about orchestration may say."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from execution.enums import MarketplaceSlug
from execution.serializers import Choice
from nexo.shared.fields import Flag, Items, StrictSerializer


class ActivateSerializer(StrictSerializer):
    channels = Items(
        child=Choice(choices=MarketplaceSlug.choices),
        required=False,
        allow_empty=False,
        max_length=len(MarketplaceSlug),
    )
    dryRun = Flag(required=False, default=False)

    def validate_channels(self, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise serializers.ValidationError(_("Each marketplace may be given once."))
        return value
