from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from optimization.arrays import Known
from optimization.forecast import Backtest, Forecast, backtest, linear_forecast

pytestmark = pytest.mark.unit
scores = st.lists(
    st.one_of(st.none(), st.floats(0, 100, allow_nan=False, allow_subnormal=False)),
    min_size=30,
    max_size=30,
)


def forecast(days: Sequence[float | None], current: float = 0.0) -> Forecast:
    values = np.array([[0.0 if day is None else day for day in days]])
    known = np.array([[day is not None for day in days]])
    return linear_forecast(Known(values, known), np.array([current]))


def test_a_straight_line_goes_on() -> None:
    # Days 0-4: 50, 52, 54, 56, 58; slope 2, tomorrow 60, nothing scatters.
    found = forecast([50, 52, 54, 56, 58])
    assert found.value[0] == pytest.approx(60)
    assert found.slope[0] == pytest.approx(2)
    assert (found.low[0], found.high[0]) == (pytest.approx(60), pytest.approx(60))


def test_days_without_data_are_gaps_and_not_zeros() -> None:
    # (0, 50) and (4, 58): the same line.
    assert forecast([50, None, None, None, 58]).value[0] == pytest.approx(60)


@pytest.mark.parametrize("days", [[None, None, None], [None, 40.0, None]])
def test_one_scored_day_or_none_forecasts_the_present(days: list[float | None]) -> None:
    found = forecast(days, current=73.0)
    assert found.value[0] == 73
    assert not found.has_interval[0]


def test_two_days_make_a_line_without_an_interval() -> None:
    found = forecast([10.0, 20.0])
    assert found.value[0] == pytest.approx(30)
    assert not found.has_interval[0]


@pytest.mark.parametrize(("days", "value"), [([70.0, 90.0], 100), ([30.0, 10.0], 0)])
def test_the_forecast_stays_on_the_scale(days: list[float], value: float) -> None:
    assert forecast(days).value[0] == value


def test_each_day_is_foretold_from_the_days_before_it_and_today_is_left_out() -> None:
    # 50, 60 go on to 70, and over the gap to 90 where 70 came; before that 10 and 0 points had
    # to be added to the latest score, and then three times 10 taken off.
    days = [50, 60, 70, None, 70, 60, 50, 40]
    foretold = {day: forecast(days[:day]).value[0] for day in (2, 4, 5, 6, 7)}
    assert (foretold[2], foretold[4]) == (pytest.approx(70), pytest.approx(90))
    misses = [abs(value - (days[day] or 0)) for day, value in foretold.items()]
    found = backtest([*days, 0])
    assert found == Backtest(5, pytest.approx(sum(misses) / 5), (10 + 0 + 10 + 10 + 10) / 5)
    # Today is not over: without it there are four days.
    assert backtest(days) is None


def test_a_constant_series_is_certain() -> None:
    found = forecast([64.0] * 30)
    assert (found.value[0], found.slope[0]) == (pytest.approx(64), pytest.approx(0))
    assert found.high[0] - found.low[0] == pytest.approx(0)


@given(scores)
def test_it_is_scipys_line_and_interval(days: list[float | None]) -> None:
    x = np.array([day for day, score in enumerate(days) if score is not None], dtype=float)
    y = np.array([score for score in days if score is not None])
    found = forecast(days, current=50.0)
    if len(x) < 2:
        assert found.value[0] == 50
        return
    line = stats.linregress(x, y)
    predicted = line.intercept + line.slope * 30
    assert found.value[0] == pytest.approx(np.clip(predicted, 0, 100), abs=1e-6)
    if len(x) < 3:
        assert not found.has_interval[0]
        return
    residuals = y - line.intercept - line.slope * x
    s = np.sqrt((residuals**2).sum() / (len(x) - 2))
    sxx = ((x - x.mean()) ** 2).sum()
    reach = np.sqrt(1 + 1 / len(x) + (30 - x.mean()) ** 2 / sxx)
    width = stats.t.ppf(0.9, len(x) - 2) * s * reach
    assert found.low[0] == pytest.approx(np.clip(predicted - width, 0, 100), abs=1e-5)
    assert found.high[0] == pytest.approx(np.clip(predicted + width, 0, 100), abs=1e-5)
    assert 0 <= found.low[0] <= found.value[0] + 1e-9 <= found.high[0] + 2e-9 <= 100 + 3e-9
