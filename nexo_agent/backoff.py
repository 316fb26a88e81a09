"""How long to wait before the next try."""

import random
from typing import Final

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 15.0


def seconds_before(attempt: int, retry_after: float | None = None) -> float:
    """Before try number `attempt` (1 is the second): doubled each time up to 15 s, as long as the
    server asks, and spread so that many workers do not come back at once."""
    grown = min(FIRST_SECONDS * 2.0 ** min(attempt - 1, 10), LONGEST_SECONDS)
    spread = grown * (0.5 + random.random() / 2)  # noqa: S311  # no secret
    return max(spread, retry_after or 0.0)
