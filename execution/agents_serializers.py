"""Bodies of the calls for agents; every one may be left out whole."""

from execution.serializers import MAX_LEASE_ID, Slug
from nexo.shared.fields import Items, Line, StrictSerializer, Text, WholeNumber

MAX_CLAIMED = 100
MAX_TYPES = 100
MAX_LEASES = 500
MAX_REASON = 1000


class ClaimSerializer(StrictSerializer):
    limit = WholeNumber(default=1, min_value=1, max_value=MAX_CLAIMED)
    taskTypes = Items(
        child=Slug(max_length=64), required=False, allow_empty=False, max_length=MAX_TYPES
    )


class HeartbeatSerializer(StrictSerializer):
    """Without the list all the agent's leases; two workers of one agent each name their own."""

    leaseIds = Items(child=Line(max_length=MAX_LEASE_ID), required=False, max_length=MAX_LEASES)


class PauseSerializer(StrictSerializer):
    reason = Text(required=False, allow_blank=True, allow_null=True, max_length=MAX_REASON)
