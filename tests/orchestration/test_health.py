import pytest

from orchestration.bottlenecks import Bottleneck, Measure, bottlenecks
from orchestration.enums import Health
from orchestration.health import system_health

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("approval", "completion", "health"),
    [
        (85, 85, Health.EXCELLENT),
        (100, 84.99, Health.GOOD),
        (70, 90, Health.GOOD),
        (69.99, 100, Health.FAIR),
        (60, 60, Health.FAIR),
        (59.99, 100, Health.POOR),
        (0, 0, Health.POOR),
        # A rate without data has no say.
        (None, 90, Health.EXCELLENT),
        (65, None, Health.FAIR),
        (None, None, Health.UNKNOWN),
    ],
)
def test_system_health(approval: float | None, completion: float | None, health: Health) -> None:
    assert system_health(approval, completion) == health


def found(**values: float | int | None) -> list[tuple[Measure, float, int]]:
    everything = {"approval": None, "completion": None, "error": None, "score": None, **values}
    return [
        (one.measure, one.value, one.threshold)
        for one in bottlenecks("alex", "Alex", **everything)  # type: ignore[arg-type]  # values of the case
    ]


def test_what_is_on_the_wrong_side_of_its_threshold() -> None:
    assert found(approval=69.99, completion=10.0, error=10.01, score=59) == [
        (Measure.APPROVAL, 69.99, 70),
        (Measure.COMPLETION, 10.0, 70),
        (Measure.ERROR, 10.01, 10),
        (Measure.SCORE, 59, 60),
    ]
    assert found(approval=70.0, completion=70.0, error=10.0, score=60) == []
    assert found() == []


def test_it_names_the_agent() -> None:
    (one,) = bottlenecks("alex", "Alex", approval=None, completion=None, error=None, score=0)
    assert one == Bottleneck("alex", "Alex", Measure.SCORE, 0)
