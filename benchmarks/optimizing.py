"""Goal 9: what computing every agent costs, and reading five hundred of them over a million tasks.

The computation (rates, weights, daily scores, forecast, interval) against the closed form of the
regression alone, in numpy, on the same agents and days. The call against the bare SQL that reads
the same rows and that closed form.
"""

import json
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.measures import Measure, Rounds, interleave, shown
from benchmarks.site import DatabaseName, Ground, Site, in_django
from optimization.arrays import Facts
from optimization.evaluation import evaluate

DAYS = 30
AGENTS = 100_000
COMPUTING_AT_MOST = 40.0
CALLED_AGENTS = 500
TASKS = 1_000_000
CALL_AT_MOST = 3.0

Array = NDArray[np.float64]


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    yield compute(1_000 if quick else AGENTS, rounds=2 if quick else 9)
    databases: tuple[DatabaseName, ...] = ("sqlite",) if quick else ("sqlite", "postgres")
    for database in databases:
        yield call(ground.site(database), database, quick=quick)


def compute(agents: int, *, rounds: int) -> Measure:
    rng = np.random.default_rng(1)
    facts = Facts(*(rng.integers(0, 9, (agents, DAYS)).astype(np.float64) for _ in range(8)))
    scores = np.clip(70 + rng.normal(0, 8, (agents, DAYS)).cumsum(axis=1) * 0.3, 0, 100)
    pinned, is_pinned = np.zeros((agents, 3)), np.zeros(agents, dtype=bool)
    with machine.on_core(machine.SERVERS):
        kept = interleave(
            rounds,
            lambda: timed(lambda: evaluate(facts, pinned, is_pinned)),
            lambda: timed(lambda: closed_form(scores)),
        )
    ours, theirs = kept.middle()
    return Measure(
        goal=9,
        what=f"{agents:,} agents over {DAYS} days, against the regression",
        product=shown(ours, "ms"),
        limit=shown(theirs, "ms"),
        ratio=kept.ratio(),
        bound=COMPUTING_AT_MOST,
    )


def closed_form(scores: Array) -> Array:
    """Tomorrow on the least-squares line through every row, shape (a,)."""
    days = np.arange(scores.shape[1], dtype=np.float64)
    centred = days - days.mean()
    slope = scores @ (centred / (centred @ centred))
    ahead = scores.shape[1] - days.mean()
    return np.clip(scores.mean(axis=1) + slope * ahead, 0, 100)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def call(site: Site, database: DatabaseName, *, quick: bool) -> Measure:
    rounds, agents, tasks = (2, 20, 1_000) if quick else (21, CALLED_AGENTS, TASKS)
    with machine.on_core(machine.SERVERS):
        inside = f"agents_at_work.main({rounds}, {agents}, {tasks})"
        kept = Rounds(**json.loads(in_django(site.environment, inside)))
    ours, theirs = kept.middle()
    return Measure(
        goal=9,
        what=f"{database}: GET optimization, {agents} agents, {tasks:,} tasks",
        product=shown(ours, "ms"),
        limit=shown(theirs, "ms"),
        ratio=kept.ratio(),
        bound=CALL_AT_MOST,
    )
