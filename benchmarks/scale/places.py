"""Where deep pages begin. Runs where Django is set up."""

import json
import sys
from typing import Final

from execution.models import Task
from nexo.shared.pagination import Listing, encode_cursor

# Ten depths in the oldest twentieth: one page alone would be in every cache.
DEPTHS: Final = 10
OLDEST: Final = 20


def cursors() -> list[str]:
    oldest_first = Task.objects.order_by("created_at", "pk").values_list("created_at", "pk")
    step = Task.objects.count() // (OLDEST * DEPTHS)
    places = [oldest_first[number * step] for number in range(1, DEPTHS + 1)]
    return [encode_cursor(created_at, pk, of=Listing.TASKS) for created_at, pk in places]


def main() -> None:
    """Print the cursors as JSON."""
    sys.stdout.write(json.dumps(cursors()))
