"""What one event of the log adds to the facts: pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from execution.enums import EventKind, FailureReason, TaskStatus
from nexo.shared import clock

# A template that needs no approval is approved by the playbook: nobody decided anything.
PLAYBOOK_ACTOR: Final = "system:playbook"
NOBODY: Final = ""
FACT_OF_FAILURE: Final = {
    FailureReason.ERROR: "failed_error",
    FailureReason.TIMEOUT: "failed_timeout",
    FailureReason.CANCELLED: "cancelled",
    FailureReason.REJECTED: "rejected",
}

Amounts = Mapping[str, float]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a fact is counted: that of its event's instant, whatever the task became later."""

    day: date
    agent_id: str
    marketplace_id: str
    task_type: str


def place_of(event: Mapping[str, Any]) -> Place:
    at: datetime = event["at"]
    return Place(
        clock.business_day(at),
        event["agent_id"] or NOBODY,
        event["task__marketplace_id"],
        event["task__task_type"],
    )


def amounts_of(event: Mapping[str, Any]) -> Amounts:
    """The facts that an event is, by column; nothing for a report of progress.

    An undone failure is not in its own event: it takes back what the failure added.

    Source: docs/reference/formulas.md, "Facts"
    """
    match event["kind"]:
        case EventKind.CREATED:
            return {"created": 1}
        case EventKind.APPROVED:
            return {} if event["actor"] == PLAYBOOK_ACTOR else {"approved": 1}
        case EventKind.STARTED if event["from_status"] == TaskStatus.PENDING:
            return {"approved": 1}
        case EventKind.FAILED:
            return {FACT_OF_FAILURE[FailureReason(event["failure_reason"])]: 1}
        case EventKind.COMPLETED:
            return _completion(event)
    return {}


def _completion(event: Mapping[str, Any]) -> Amounts:
    if event["execution_minutes"] is None:
        return {"completed": 1}
    return {
        "completed": 1,
        "timed": 1,
        "estimated_minutes": event["estimated_minutes"],
        "executed_minutes": event["execution_minutes"],
    }


def is_work(event: Mapping[str, Any]) -> bool:
    """Whether the event is something that its agent did; decisions are other people's."""
    match event["kind"]:
        case EventKind.STARTED | EventKind.COMPLETED:
            return True
        case EventKind.FAILED:
            return event["failure_reason"] in (FailureReason.ERROR, FailureReason.TIMEOUT)
    return False


class Tally:
    """Amounts gathered per place, to be added to the tables at once."""

    def __init__(self) -> None:
        self._amounts: dict[Place, Counter[str]] = {}
        self._worked: dict[tuple[date, str], datetime] = {}

    def add(self, event: Mapping[str, Any], sign: int = 1) -> None:
        if is_work(event):
            # A failure that is undone was work all the same: its instant is noted already.
            place = place_of(event)
            key, at = (place.day, place.agent_id), event["at"]
            self._worked[key] = max(at, self._worked.get(key, at))
        amounts = amounts_of(event)
        if amounts:
            counter = self._amounts.setdefault(place_of(event), Counter())
            for name, amount in amounts.items():
                counter[name] += sign * amount  # type: ignore[assignment]  # int or Decimal

    def by_place(self) -> Iterator[tuple[Place, Amounts]]:
        """In a fixed order, so that two writers lock rows alike."""
        for place in sorted(self._amounts):
            yield place, self._amounts[place]

    def by_agent(self) -> Iterator[tuple[tuple[date, str], Amounts]]:
        agents: dict[tuple[date, str], Counter[str]] = {}
        for place, amounts in self._amounts.items():
            agents.setdefault((place.day, place.agent_id), Counter()).update(amounts)
        for key in sorted(agents):
            yield key, agents[key]

    def worked(self) -> Iterator[tuple[tuple[date, str], datetime]]:
        """When each agent worked last, by day."""
        for key in sorted(self._worked):
            yield key, self._worked[key]
