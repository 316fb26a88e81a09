"""How the whole is doing, in a word: pure."""

from typing import Final

from orchestration.enums import Health

# Both rates must reach it.
LEAST: Final = ((85.0, Health.EXCELLENT), (70.0, Health.GOOD), (60.0, Health.FAIR))


def system_health(approval: float | None, completion: float | None) -> Health:
    """From the approval and completion rates of the window, percent 0-100 and unrounded.

    A rate without data has no say; without either nothing is known.

    Source: docs/reference/formulas.md, "System health"
    """
    known = [rate for rate in (approval, completion) if rate is not None]
    if not known:
        return Health.UNKNOWN
    worst = min(known)
    return next((health for least, health in LEAST if worst >= least), Health.POOR)
