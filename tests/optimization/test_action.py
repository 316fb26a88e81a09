import pytest

from optimization.action import Action, Trend, recommended_action, trend_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("score", "prediction", "action"),
    [
        # The seed's table
        (80, 81, Action.INCREASE_WORKLOAD),
        (100, 100, Action.MAINTAIN),
        (80, 80, Action.MAINTAIN),
        (85, 60, Action.MAINTAIN),
        (79, 95, Action.MAINTAIN),
        (70, 50, Action.MAINTAIN),
        (69, 90, Action.REDUCE_WORKLOAD),
        (60, 60, Action.REDUCE_WORKLOAD),
        # 50-59 is in no row of it: critical, and maintained.
        (59, 70, Action.MAINTAIN),
        (50, 40, Action.MAINTAIN),
        (49, 90, Action.RETRAIN),
        (0, 0, Action.RETRAIN),
    ],
)
def test_action(score: int, prediction: int, action: Action) -> None:
    assert recommended_action(score, prediction) == action


@pytest.mark.parametrize(
    ("score", "prediction", "trend"),
    [
        (70, 76, Trend.UP),
        (70, 75, Trend.STABLE),
        (70, 65, Trend.STABLE),
        (70, 64, Trend.DOWN),
    ],
)
def test_trend(score: int, prediction: int, trend: Trend) -> None:
    assert trend_of(score, prediction) == trend
