"""What writers asked and were told, held against what the log says has happened."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from execution.enums import TaskStatus
from execution.lifecycle import allowed_transitions


class Outcome(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # a 4xx: nothing may have changed
    UNANSWERED = "unanswered"  # a connection broke, the database's too: old or new is right


@dataclass(frozen=True, slots=True)
class Write:
    """One PATCH; its mark is the reason it gave, which no other has."""

    task_id: str
    mark: str
    outcome: Outcome
    sequence: int = 0  # of the event that the answer spoke of


@dataclass(frozen=True, slots=True)
class Logged:
    sequence: int
    task_id: str
    before: str | None
    after: str
    mark: str | None


def contradictions(writes: Iterable[Write], log: Iterable[Logged]) -> list[str]:
    """Each way in which the log belies an answer, or itself; none when all is well.

    Parameters
    ----------
    writes : in the order in which each writer was answered
    log : every event of the tasks written to, in any order
    """
    events = sorted(log, key=lambda event: event.sequence)
    sent = {write.mark: write for write in writes}
    times = Counter(event.mark for event in events if event.mark)
    places = {event.mark: event for event in events if event.mark}
    found = []
    for mark, write in sent.items():
        if write.outcome is Outcome.ACKNOWLEDGED and mark not in times:
            found.append(f"lost: {mark} was acknowledged as event {write.sequence}")
        elif write.outcome is Outcome.ACKNOWLEDGED and places[mark].sequence != write.sequence:
            found.append(f"moved: {mark} was {write.sequence}, is {places[mark].sequence}")
        elif write.outcome is Outcome.REFUSED and mark in times:
            found.append(f"phantom: {mark} was refused")
    found += [f"phantom: nobody sent {mark}" for mark in times if mark not in sent]
    found += [f"twice: {mark}" for mark, count in times.items() if count > 1]
    return found + _broken_chains(events) + _gaps(events)


def _broken_chains(events: Iterable[Logged]) -> list[str]:
    """Where a task did not go on from where it was, or by a step that there is not."""
    found = []
    status: dict[str, str] = {}
    for event in events:
        if event.task_id in status and event.before != status[event.task_id]:
            found.append(f"torn: {event} follows {status[event.task_id]}")
        old, new = event.before, event.after
        if old and old != new and new not in allowed_transitions(TaskStatus(old)):
            found.append(f"illegal: {event}")
        status[event.task_id] = new
    return found


def _gaps(events: Iterable[Logged]) -> list[str]:
    by_number = Counter(event.sequence for event in events)
    return [f"number {number} twice" for number, count in by_number.items() if count > 1]


def created_wrongly(titles: Mapping[str, Outcome], log: Iterable[str]) -> list[str]:
    """Tasks that were acknowledged must be there once; whatever was repeated, never twice."""
    times: dict[str, int] = defaultdict(int)
    for title in log:
        times[title] += 1
    found = [
        f"lost: task {title}"
        for title, outcome in titles.items()
        if outcome is Outcome.ACKNOWLEDGED and title not in times
    ]
    return found + [f"twice: task {title}" for title, count in times.items() if count > 1]
