"""How many cases of each kind were tried; `make abuse` prints it at its end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

Case = TypeVar("Case")
CASES: Final[Counter[str]] = Counter()


def count(kind: str, cases: int = 1) -> None:
    CASES[kind] += cases


def lines() -> list[str]:
    width = max(map(len, CASES), default=0)
    numbers = sorted(CASES.items())
    return [f"{kind:<{width}}  {cases:>9,}" for kind, cases in [*numbers, ("all", CASES.total())]]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of everything is tried: at most so many of a list, so many generated examples."""

    of_a_list: int
    examples: int
    fuzz_runs: int

    def of(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Evenly spread over the list, its first among them, the same each time."""
        step = -(-len(cases) // self.of_a_list)
        return cases[:: max(1, step)]


SHORT: Final = Extent(of_a_list=3, examples=4, fuzz_runs=300)
WHOLE: Final = Extent(of_a_list=1_000_000, examples=200, fuzz_runs=50_000)
