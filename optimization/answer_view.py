"""The answer to "Who should do it?", for its template: a ranked list with a bar of its terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from execution.enums import marketplace_name
from optimization import texts
from optimization.recommendation import Ranked, Recommendation, confidence_band
from optimization.representations import adjustment_text

TermKind = Literal["base", "bonus", "penalty"]


@dataclass(frozen=True, slots=True)
class Term:
    text: str
    points: str
    kind: TermKind


@dataclass(frozen=True, slots=True)
class Segment:
    """A term's stretch of the bar, in points of 100."""

    kind: TermKind
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class RankedAgent:
    place: int
    name: str
    score: int
    tone: str
    terms: Sequence[Term]
    segments: Sequence[Segment]
    open_tasks: int
    sample: int
    low_data: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The ranked agents for one task type on one marketplace."""

    task_type: str
    channel: str
    ranking: Sequence[RankedAgent]
    confidence_text: str
    expected: int


def answer_to(
    found: Recommendation, *, task_type: str, marketplace_id: str, names: Mapping[str, str]
) -> Answer:
    """`names` are the agents' by id; who is not among them goes by the id."""
    return Answer(
        task_type=task_type,
        channel=marketplace_name(marketplace_id),
        ranking=[
            _ranked(place, ranked, task_type, names)
            for place, ranked in enumerate(found.ranking, start=1)
        ],
        confidence_text=_confidence_text(found),
        expected=found.expected_success_rate,
    )


def _confidence_text(found: Recommendation) -> str:
    winner = found.winner
    if winner is not None and winner.candidate.low_data:
        ended = winner.candidate.ended_tasks
        sentence = ngettext(
            "Confidence %(confidence)d%%, from %(count)d ended task: not enough data.",
            "Confidence %(confidence)d%%, from %(count)d ended tasks: not enough data.",
            ended,
        )
        return sentence % {"confidence": found.confidence, "count": ended}
    word = texts.CONFIDENCE[confidence_band(found.confidence)]
    sentence = str(_("Confidence %(confidence)d%% (%(word)s)."))
    return sentence % {"confidence": found.confidence, "word": word}


def _ranked(place: int, ranked: Ranked, task_type: str, names: Mapping[str, str]) -> RankedAgent:
    candidate = ranked.candidate
    base = Term(str(_("Base score")), str(candidate.base_score), "base")
    adjustments = [
        Term(adjustment_text(one.reason, task_type), texts.points(one.points), _kind(one.points))
        for one in ranked.adjustments
    ]
    return RankedAgent(
        place=place,
        name=names.get(candidate.agent_id, candidate.agent_id),
        score=ranked.score,
        tone="green" if place == 1 else "neutral",
        terms=[base, *adjustments],
        segments=bar_segments(candidate.base_score, [one.points for one in ranked.adjustments]),
        open_tasks=candidate.open_tasks,
        sample=candidate.ended_tasks,
        low_data=candidate.low_data,
    )


def _kind(points: int) -> TermKind:
    return "bonus" if points > 0 else "penalty"


def bar_segments(base: int, adjustments: Sequence[int]) -> list[Segment]:
    """Base and bonuses one after another; penalties go back from their end, over them.

    Base 80, +10, −15: base 0–80, bonus 80–90, penalty 75–90. What lies outside 0–100 is cut off,
    as the score is.
    """
    stretches: list[tuple[TermKind, int, int]] = [("base", 0, base)]
    end = base
    for points in sorted(adjustments, reverse=True):
        stretches.append((_kind(points), min(end, end + points), max(end, end + points)))
        end += points
    clipped = [(kind, max(0, low), min(100, high)) for kind, low, high in stretches]
    return [Segment(kind, low, high - low) for kind, low, high in clipped if low < high]
