"""What is known of each agent: facts read, caught up and evaluated; the API, the page and the
recommendation all start here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from execution.queries import Position
from optimization import projection, queries
from optimization.action import RETRAIN_BELOW, Action, Trend, recommended_action, trend_of
from optimization.arrays import Array, Facts, Known, Mask, round_half_up
from optimization.evaluation import Evaluation, evaluate, has_low_data
from optimization.queries import AgentRow, Window
from optimization.recommendation import HIGH_ERROR_ABOVE
from optimization.score import EXCELLENT_FROM, Band, score_band

WeightsSource = Literal["adaptive", "manual"]
Shares = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Optimization:
    """One agent's page of numbers. Scores are whole points, weights shares of 1.

    `counts` are sums over the window; a rate is a percentage, None without data.
    """

    agent: AgentRow
    score: int
    has_score: bool
    prediction: int
    interval: tuple[int, int] | None
    action: Action
    trend: Trend
    band: Band | None
    weights: Shares
    adaptive: Shares
    source: WeightsSource
    slope: float | None  # points a day, None under two scored days
    history: tuple[int | None, ...]
    facts: tuple[int, ...]  # of each day of the history: that many it was scored from
    counts: dict[str, float]
    approval_rate: float | None
    completion_rate: float | None
    execution_rate: float | None
    error_rate: float | None
    ended_tasks: int
    low_data: bool
    at: datetime

    @property
    def errors(self) -> tuple[int, int]:
        """Failed, of how many that ended."""
        failed = int(self.counts["failed"])
        return failed, failed + int(self.counts["completed"])

    @property
    def has_many_errors(self) -> bool:
        return self.error_rate is not None and self.error_rate > HIGH_ERROR_ABOVE

    @property
    def history_days(self) -> int:
        return sum(day is not None for day in self.history)


@dataclass(frozen=True, slots=True)
class Optimizations:
    """Agents in the order asked for; every event up to `position` is counted in."""

    position: Position
    agents: list[Optimization]


def optimizations(agents: Sequence[AgentRow], now: datetime) -> Optimizations:
    """What is known of these agents, with all that was committed by now counted in."""
    position = projection.catch_up()
    history = queries.history([agent.slug for agent in agents], Window(now))
    pinned, is_pinned = queries.pinned_weights(agents)
    return Optimizations(position, _told(agents, history, pinned, is_pinned, now))


def proposed(
    agents: Sequence[AgentRow], weights: Mapping[str, Shares | None], now: datetime
) -> tuple[list[Optimization], list[Optimization]]:
    """The agents as they are, and as they would be with these weights (None: adaptive)."""
    projection.catch_up()
    history = queries.history([agent.slug for agent in agents], Window(now))
    pinned, is_pinned = queries.pinned_weights(agents)
    before = _told(agents, history, pinned, is_pinned, now)
    for row, agent in enumerate(agents):
        if agent.slug in weights:
            chosen = weights[agent.slug]
            pinned[row], is_pinned[row] = chosen or (0.0, 0.0, 0.0), chosen is not None
    return before, _told(agents, history, pinned, is_pinned, now)


def _told(
    agents: Sequence[AgentRow],
    history: queries.History,
    pinned: Array,
    is_pinned: Mask,
    now: datetime,
) -> list[Optimization]:
    evaluation = evaluate(history.facts, pinned, is_pinned)
    ended = history.ended.astype(np.int64)
    low_data = has_low_data(evaluation.scored_days, ended)
    shown_days = round_half_up(evaluation.daily.values)
    sums, per_day = _sums(history.facts), _per_day(history.facts)
    return [
        _one(
            *(row, agent, evaluation, shown_days, per_day, sums, ended, low_data),
            *(bool(is_pinned[row]), now),
        )
        for row, agent in enumerate(agents)
    ]


def _sums(facts: Facts) -> dict[str, Array]:
    whole = facts.whole()
    names = ("approved", "rejected", "completed", "failed", "late")
    minutes = ("estimated_minutes", "executed_minutes")
    return {name: getattr(whole, name)[:, 0] for name in (*names, *minutes)}


def _per_day(facts: Facts) -> Any:
    counts = facts.approved + facts.rejected + facts.completed + facts.failed + facts.late
    return counts.astype(np.int64)


def _one(
    row: int,
    agent: AgentRow,
    evaluation: Evaluation,
    shown_days: Any,
    per_day: Any,
    sums: dict[str, Array],
    ended: Any,
    low_data: Mask,
    is_pinned: bool,
    now: datetime,
) -> Optimization:
    score, prediction = int(evaluation.score[row]), int(evaluation.prediction[row])
    has_score = bool(evaluation.has_score[row])
    forecast, known = evaluation.forecast, evaluation.daily.known[row]
    interval = None
    if forecast.has_interval[row]:
        low, high = round_half_up(np.array([forecast.low[row], forecast.high[row]]))
        interval = int(low), int(high)
    return Optimization(
        agent=agent,
        score=score,
        has_score=has_score,
        prediction=prediction,
        interval=interval,
        action=recommended_action(score, prediction) if has_score else Action.MAINTAIN,
        trend=trend_of(score, prediction),
        band=score_band(score) if has_score else None,
        weights=_shares(evaluation.weights[row]),
        adaptive=_shares(evaluation.adaptive[row]),
        source="manual" if is_pinned else "adaptive",
        slope=float(forecast.slope[row]) if evaluation.scored_days[row] > 1 else None,
        history=tuple(
            points if is_known else None
            for points, is_known in zip(shown_days[row].tolist(), known.tolist(), strict=True)
        ),
        facts=tuple(per_day[row].tolist()),
        counts={name: float(values[row]) for name, values in sums.items()},
        approval_rate=_rate(evaluation.overall.approval, row),
        completion_rate=_rate(evaluation.overall.completion, row),
        execution_rate=_rate(evaluation.overall.execution, row),
        error_rate=_rate(evaluation.error, row),
        ended_tasks=int(ended[row]),
        low_data=bool(low_data[row]),
        at=now,
    )


def _shares(weights: Array) -> Shares:
    approval, completion, execution = weights.tolist()
    return approval, completion, execution


def _rate(rate: Known, row: int) -> float | None:
    return float(rate.values[row, 0]) if rate.known[row, 0] else None


@dataclass(frozen=True, slots=True)
class Summary:
    needing_retraining: int
    ready_to_scale: int
    average_prediction: int
    agents: int


def summary(found: Sequence[Optimization]) -> Summary:
    """Over the agents with a scored day; `agents` counts all."""
    scored = [one for one in found if one.has_score]
    mean = sum(one.prediction for one in scored) / len(scored) if scored else 0.0
    return Summary(
        needing_retraining=sum(one.score < RETRAIN_BELOW for one in scored),
        ready_to_scale=sum(one.score >= EXCELLENT_FROM for one in scored),
        average_prediction=int(round_half_up(np.array(mean))),
        agents=len(found),
    )
