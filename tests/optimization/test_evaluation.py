"""Many agents are computed in blocks; nobody's numbers depend on who stands beside them."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from optimization import evaluation
from optimization.arrays import Facts
from optimization.evaluation import Evaluation, evaluate

pytestmark = pytest.mark.unit


def some_facts(agents: int) -> Facts:
    rng = np.random.default_rng(7)
    return Facts(*(rng.integers(0, 9, (agents, 30)).astype(np.float64) for _ in range(8)))


def flat(record: Any) -> list[Any]:
    """All arrays of a record, however deep."""
    if isinstance(record, np.ndarray):
        return [record]
    return [array for field in fields(record) for array in flat(getattr(record, field.name))]


@pytest.mark.parametrize("block", [1, 3, 10, 11, 4096])
def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    facts = some_facts(10)
    pinned, is_pinned = np.full((10, 3), 1 / 3), np.arange(10) % 2 == 0
    whole = evaluate(facts, pinned, is_pinned)
    monkeypatch.setattr(evaluation, "BLOCK_AGENTS", block)
    blocks = evaluate(facts, pinned, is_pinned)
    assert isinstance(blocks, Evaluation)
    for ours, theirs in zip(flat(blocks), flat(whole), strict=True):
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, atol=1e-9)


def test_the_order_of_agents_makes_no_difference() -> None:
    facts = some_facts(20)
    pinned, is_pinned = np.zeros((20, 3)), np.zeros(20, dtype=bool)
    order = np.random.default_rng(3).permutation(20)
    shuffled = Facts(*(getattr(facts, field.name)[order] for field in fields(facts)))
    straight, other = evaluate(facts, pinned, is_pinned), evaluate(shuffled, pinned, is_pinned)
    assert (straight.score[order] == other.score).all()
    assert (straight.prediction[order] == other.prediction).all()
