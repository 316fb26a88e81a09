"""What to do about an agent, and the rule that says so."""

from enum import StrEnum

from optimization.score import EXCELLENT_FROM, FAIR_FROM, GOOD_FROM


class Action(StrEnum):
    INCREASE_WORKLOAD = "increase_workload"
    MAINTAIN = "maintain"
    REDUCE_WORKLOAD = "reduce_workload"
    RETRAIN = "retrain"


class Trend(StrEnum):
    UP = "up"
    STABLE = "stable"
    DOWN = "down"


TREND_POINTS = 5
RETRAIN_BELOW = 50


def recommended_action(score: int, prediction: int) -> Action:
    """From the shown whole score and prediction, 0-100 each.

    Source: docs/reference/formulas.md, "Action"
    """
    if score >= EXCELLENT_FROM and prediction > score:
        return Action.INCREASE_WORKLOAD
    if FAIR_FROM <= score < GOOD_FROM:
        return Action.REDUCE_WORKLOAD
    if score < RETRAIN_BELOW:
        return Action.RETRAIN
    return Action.MAINTAIN


def trend_of(score: int, prediction: int) -> Trend:
    """The arrow: more than five points up or down, or neither."""
    if prediction > score + TREND_POINTS:
        return Trend.UP
    return Trend.DOWN if prediction < score - TREND_POINTS else Trend.STABLE
