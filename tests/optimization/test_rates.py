import pytest

from optimization.arrays import Known
from optimization.rates import error_rate, rates_of
from tests.optimization.facts import Day, facts

pytestmark = pytest.mark.unit


def only(rate: Known) -> float | None:
    return float(rate.values[0, 0]) if rate.known[0, 0] else None


@pytest.mark.parametrize(
    ("day", "rates"),
    [
        ({}, (None, None, None, None)),
        # 7 of 10 decisions; nothing ended.
        ({"approved": 7, "rejected": 3}, (70.0, None, None, None)),
        # 6 ÷ (6 + 2 + 2); 2 ÷ (6 + 2); 600 ÷ 800 minutes.
        (
            {
                "completed": 6,
                "failed": 2,
                "late": 2,
                "timed": 6,
                "estimated_minutes": 600,
                "executed_minutes": 800,
            },
            (None, 60.0, 75.0, 25.0),
        ),
        # Twice as fast as estimated is 100, not 200.
        (
            {"completed": 1, "timed": 1, "estimated_minutes": 60, "executed_minutes": 30},
            (None, 100.0, 100.0, 0.0),
        ),
        # Done in no time at all.
        ({"completed": 1, "timed": 1, "estimated_minutes": 60}, (None, 100.0, 100.0, 0.0)),
        # Only late work: completion is 0, and nothing has ended in error.
        ({"late": 3}, (None, 0.0, None, None)),
        # Completed without ever having been started: no execution time is known.
        ({"completed": 2, "failed": 2}, (None, 50.0, None, 50.0)),
    ],
)
def test_rates_of_one_day(day: Day, rates: tuple[float | None, ...]) -> None:
    found = (*rates_of(facts([day])).terms, error_rate(facts([day])))
    assert tuple(map(only, found)) == rates


def test_the_window_is_rated_as_one_day() -> None:
    days = [{"approved": 1, "rejected": 1}, {"approved": 8}]
    # (1 + 8) ÷ 10, not the mean of 50 and 100.
    assert only(rates_of(facts(days).whole()).approval) == 90.0
