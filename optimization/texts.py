"""What the page says of numbers: bands, actions and their reasons, in words."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from execution.texts import number_text
from optimization.action import Action, Trend
from optimization.arrays import round_half_up
from optimization.forms import plain
from optimization.optimizations import Optimization
from optimization.recommendation import HIGH_ERROR_ABOVE, ConfidenceBand
from optimization.score import Band

BANDS: Final = {
    Band.EXCELLENT: pgettext_lazy("score band", "Excellent"),
    Band.GOOD: pgettext_lazy("score band", "Good"),
    Band.FAIR: pgettext_lazy("score band", "Fair"),
    Band.CRITICAL: pgettext_lazy("score band", "Critical"),
}
BAND_TONES: Final = {
    Band.EXCELLENT: "green",
    Band.GOOD: "blue",
    Band.FAIR: "amber",
    Band.CRITICAL: "red",
}
ACTIONS: Final = {
    Action.INCREASE_WORKLOAD: gettext_lazy("Increase workload"),
    Action.MAINTAIN: gettext_lazy("Maintain"),
    Action.REDUCE_WORKLOAD: gettext_lazy("Reduce workload"),
    Action.RETRAIN: gettext_lazy("Retrain"),
}
ACTION_TONES: Final = {
    Action.INCREASE_WORKLOAD: "green",
    Action.MAINTAIN: "blue",
    Action.REDUCE_WORKLOAD: "amber",
    Action.RETRAIN: "red",
}
ACTION_ICONS: Final = {
    Action.INCREASE_WORKLOAD: "trend-up",
    Action.MAINTAIN: "steady",
    Action.REDUCE_WORKLOAD: "trend-down",
    Action.RETRAIN: "retrain",
}
TRENDS: Final = {
    Trend.UP: gettext_lazy("above the score"),
    Trend.STABLE: gettext_lazy("close to the score"),
    Trend.DOWN: gettext_lazy("below the score"),
}
ARROWS: Final = {Trend.UP: "↗", Trend.STABLE: "→", Trend.DOWN: "↘"}
CONFIDENCE: Final = {
    ConfidenceBand.HIGH: pgettext_lazy("confidence", "high"),
    ConfidenceBand.MODERATE: pgettext_lazy("confidence", "moderate"),
    ConfidenceBand.LOW: pgettext_lazy("confidence", "low"),
}
TERM_NAMES: Final = (
    gettext_lazy("Approval rate"),
    gettext_lazy("Completion rate"),
    gettext_lazy("Execution time"),
)


def action_reason(one: Optimization) -> str:
    """Which rule chose the action, with the numbers it looked at."""
    values = {"score": one.score, "prediction": one.prediction}
    if not one.has_score:
        return _("No day with facts in the last 30: not enough data to say more.")
    match one.action:
        case Action.INCREASE_WORKLOAD:
            sentence = _(
                "Score %(score)d is 80 or more, and the forecast of %(prediction)d is above it."
            )
        case Action.REDUCE_WORKLOAD:
            sentence = _("Score %(score)d is between 60 and 69, whatever the forecast.")
        case Action.RETRAIN:
            sentence = _("Score %(score)d is below 50, whatever the forecast.")
        case _ if one.score >= 80:
            sentence = _(
                "Score %(score)d is 80 or more, but the forecast of %(prediction)d is not above it."
            )
        case _ if one.score >= 70:
            sentence = _("Score %(score)d is between 70 and 79: steady work.")
        case _:
            sentence = _("Score %(score)d is between 50 and 59: critical, but not yet below 50.")
    text = sentence % values
    if one.action == Action.INCREASE_WORKLOAD and one.has_many_errors:
        failed, ended = (number_text(count) for count in one.errors)
        share = {"rate": rate(one.error_rate, beside=HIGH_ERROR_ABOVE)}
        warning = _("But its error rate of %(rate)s (%(failed)s of %(ended)s) is above 10%%.")
        return f"{text} {warning % {**share, 'failed': failed, 'ended': ended}}"
    return text


def points(value: int) -> str:
    """A difference in points with its sign; the minus is a minus, not a hyphen."""
    if value == 0:
        return "±0"
    return f"+{value}" if value > 0 else f"−{-value}"


def whole_percents(shares: Sequence[float]) -> list[int]:
    """Shares that sum to 1, in whole percents that add up to 100.

    Each is less than one away from its own: the largest remainders are rounded up, of two alike the
    first. What somebody set need not sum to 1, and is told by `percent`.
    """
    exact = [100 * share for share in shares]
    whole = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: whole[index] - exact[index])
    for index in by_remainder[: 100 - sum(whole)]:
        whole[index] += 1
    return whole


def percent(share: float) -> str:
    """A share of 1 as exact as people write it: `50%`, `33,33%`."""
    return f"{number_format(plain(share * 100, places=2))}%"


MOST_DECIMALS: Final = 4


def rate(value: float | None, *, beside: float | None = None) -> str:
    """A rate with one decimal, with more where it would look as if it were `beside` itself."""
    if value is None:
        return "—"
    places = 1
    if beside is not None and value != beside:
        while places < MOST_DECIMALS and _rounded(value, places) == beside:
            places += 1
    return f"{decimal(value, places)}%"


def decimal(value: float, places: int = 1) -> str:
    """So many decimals, half up as everything that is shown, with a minus for a minus."""
    return number_format(_rounded(value, places), places).replace("-", "−")


def _rounded(value: float, places: int) -> float:
    scale = 10**places
    return int(round_half_up(np.array(value * scale))) / scale


# -- Counts, each in its own number --------------------------------------------------------------


def decided_text(approved: int, rejected: int) -> str:
    return _joined(
        (ngettext("%(count)s approved", "%(count)s approved", approved), approved),
        (ngettext("%(count)s rejected", "%(count)s rejected", rejected), rejected),
    )


def ended_text(completed: int, failed: int, late: int) -> str:
    """`1 completed, 0 ended in error, 3 became far overdue`; that none did goes unsaid."""
    parts = [
        (ngettext("%(count)s completed", "%(count)s completed", completed), completed),
        (ngettext("%(count)s ended in error", "%(count)s ended in error", failed), failed),
    ]
    if late:
        # Of the window: what was so before it began is not in it.
        became = ngettext("%(count)s became far overdue", "%(count)s became far overdue", late)
        parts.append((became, late))
    return _joined(*parts)


def minutes_text(estimated: int, executed: int) -> str:
    return _joined(
        (ngettext("%(count)s min estimated", "%(count)s min estimated", estimated), estimated),
        (ngettext("%(count)s min taken", "%(count)s min taken", executed), executed),
    )


def _joined(*parts: tuple[str, int]) -> str:
    return ", ".join(sentence % {"count": number_text(count)} for sentence, count in parts)
