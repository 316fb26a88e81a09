"""The tasks that wait for a decision, the longest first, with what one decides by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from execution import assignment, queries, texts
from execution.assignment import Reasoning
from execution.enums import Priority, TaskStatus, marketplace_name
from execution.filters import TaskSelection
from execution.models import Task
from execution.page_filters import PageFilters, read_filters
from execution.representations import whole_minutes
from execution.rows import TargetRow, TaskRow
from nexo.shared.pagination import Listing, encode_cursor

PAGE_SIZE: Final = 50
WAITS_LONG_AFTER: Final = timedelta(hours=24)
# What the row has room for; the others are a press away.
TARGETS_SHOWN: Final = 2
FILTERS: Final = ("channel", "agent", "taskType", "cursor")


@dataclass(frozen=True, slots=True)
class PendingRow:
    """One task as the inbox shows it. `key` names it with the version that was seen."""

    task_id: str
    version: int
    title: str
    task_type: str
    channel: str
    agent: str
    how_chosen: str
    reasoning: Reasoning | None
    score: str
    estimate: str
    priority: str
    priority_text: str
    targets: str
    first_targets: str
    more_targets: int
    attempt_text: str
    creator: str
    created_at: datetime
    since: datetime
    waiting: str
    waits_long: bool
    is_own: bool

    @property
    def key(self) -> str:
        return f"{self.task_id}:{self.version}"


@dataclass(frozen=True, slots=True)
class Inbox:
    """`total` is all that waits, `by_channel` what waits under the filters but the channel's."""

    position: queries.Position
    rows: Sequence[PendingRow]
    next_cursor: str | None
    total: int
    by_channel: Mapping[str, int]


def inbox_filters(parameters: Mapping[str, str], *, now: datetime) -> PageFilters:
    return read_filters({name: parameters.get(name, "") for name in FILTERS}, now=now)


def read_inbox(
    filters: PageFilters,
    *,
    actor: str,
    names: Mapping[str, str],
    with_scores: bool,
    now: datetime,
) -> Inbox:
    """One page of the inbox as `actor` sees it; `names` are the agents'."""
    # The position first: rows read after it can only be newer than the number says.
    position = queries.stream_position()
    pending = Task.objects.filter(status=TaskStatus.PENDING)
    selection = TaskSelection(filters.values, pending, sees_all=True)
    found = queries.oldest_first(selection.tasks(), limit=PAGE_SIZE, after=filters.after)
    page = found[:PAGE_SIZE]
    tallies = queries.tallies_by_marketplace()
    everything = {slug: tally.counts[TaskStatus.PENDING] for slug, tally in tallies.items()}
    by_channel = everything
    if not selection.is_rolled_up:
        by_channel = queries.counts_by_marketplace(selection.tasks(without=("channel",)))
    return Inbox(
        position=position,
        rows=_rows(page, actor, names, now, with_scores=with_scores),
        next_cursor=(
            encode_cursor(page[-1]["created_at"], page[-1]["id"], of=Listing.TASKS)
            if len(found) > PAGE_SIZE
            else None
        ),
        total=sum(everything.values()),
        by_channel=by_channel,
    )


def _rows(
    page: Sequence[TaskRow],
    actor: str,
    names: Mapping[str, str],
    now: datetime,
    *,
    with_scores: bool,
) -> list[PendingRow]:
    if not page:
        return []
    pks = [row["id"] for row in page]
    targets = queries.targets_of(pks)
    explanations = queries.assignments_of(pks)
    creators = queries.creators_of(pks)
    handovers = queries.handovers(pks)
    retried = queries.retried_at(pks)
    own = queries.touched_by(pks, actor)
    return [
        _row(
            row,
            targets[row["id"]],
            assignment.reasoning(explanations[row["id"]], with_scores=with_scores),
            explanations[row["id"]],
            handovers[row["id"]],
            creator=creators.get(row["id"], ""),
            since=retried.get(row["id"], row["created_at"]),
            is_own=row["id"] in own,
            names=names,
            now=now,
        )
        for row in page
    ]


def _row(
    row: TaskRow,
    targets: Sequence[TargetRow],
    reasoning: Reasoning | None,
    explanation: Mapping[str, Any] | None,
    handovers: Sequence[Mapping[str, Any]],
    *,
    creator: str,
    since: datetime,
    is_own: bool,
    names: Mapping[str, str],
    now: datetime,
) -> PendingRow:
    first_agent = handovers[0]["agents"][0] if handovers else row["agent_id"]
    chosen = texts.assignment_text(explanation, agent_id=first_agent, channel=row["marketplace_id"])
    priority = Priority(row["priority"])
    places = [marketplace_name(target["marketplace_id"]) for target in targets]
    agent = row["agent_id"]
    return PendingRow(
        task_id=row["task_id"],
        version=row["version"],
        title=row["title"],
        task_type=row["task_type"],
        channel=marketplace_name(row["marketplace_id"]),
        agent=names.get(agent, agent) if agent else texts.NOTHING,
        how_chosen=texts.handover_text(handovers[-1], names) if handovers else chosen,
        reasoning=reasoning,
        score=_score_text(reasoning, row["agent_id"]),
        estimate=texts.minutes_text(whole_minutes(row["estimated_minutes"])),
        priority=priority.value,
        priority_text=str(priority.label),
        targets=", ".join(places),
        first_targets=", ".join(places[:TARGETS_SHOWN]),
        more_targets=max(0, len(places) - TARGETS_SHOWN),
        attempt_text=(
            texts.word("row.attempt", count=row["attempt"]) if row["attempt"] > 1 else ""
        ),
        creator=texts.actor_text(creator, names),
        created_at=row["created_at"],
        since=since,
        waiting=waiting_text(now - since),
        waits_long=now - since >= WAITS_LONG_AFTER,
        is_own=is_own,
    )


def _score_text(reasoning: Reasoning | None, agent_id: str | None) -> str:
    """What the recommendation gave the agent; nothing where it did not look at it."""
    for one in reasoning.candidates if reasoning else ():
        if one.agent_id == agent_id:
            return _("not enough data") if one.low_data else f"{one.score}/100"
    return ""


def waiting_text(waited: timedelta) -> str:
    """How long somebody has been waiting, in the largest unit that tells enough."""
    minutes = int(waited.total_seconds() // 60)
    if minutes < 1:
        return _("just arrived")
    if minutes < 60:
        return _("waits {count} min").format(count=minutes)
    if minutes < 48 * 60:
        return _("waits {count} h").format(count=minutes // 60)
    return _("waits {count} days").format(count=minutes // (24 * 60))
