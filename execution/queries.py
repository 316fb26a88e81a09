"""Reads of the execution core: pages of tasks, totals from the roll-up, agents and their load."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, F, Max, Q, QuerySet, Sum

from accounts.caching import BriefCache
from execution.enums import (
    ENDED_STATUSES,
    MARKETPLACES,
    OPEN_STATUSES,
    EventKind,
    TaskStatus,
    marketplace_place,
)
from execution.lifecycle import ENTRY_PROGRESS
from execution.models import (
    Agent,
    Lease,
    Marketplace,
    SavedView,
    Stream,
    Task,
    TaskCount,
    TaskEvent,
    TaskLog,
    TaskTarget,
)
from execution.rows import (
    LEASE_COLUMNS,
    TARGET_COLUMNS,
    TASK_COLUMNS,
    LeaseRow,
    TargetRow,
    TaskRow,
    TaskState,
)
from execution.totals import Tally, Totals
from nexo.shared.pipelines import one_round_trip, this_connection
from nexo.shared.reading import Asked, TableReader, among

# More than a page would carry; whoever is beyond them goes by the id.
MOST_NAMES = 500
# An agent that reports without end must not make one answer of all it ever said.
MOST_EVENTS = 1_000
EVENT_COLUMNS = (
    "sequence",
    "kind",
    "from_status",
    "to_status",
    "progress",
    "actor",
    "reason",
    "at",
    "agent_id",
    "attempt",
    "failure_reason",
    "details",
)
FEED_COLUMNS = (
    "sequence",
    "kind",
    "from_status",
    "to_status",
    "progress",
    "actor",
    "at",
    "task_id",
)

TASKS: TableReader[TaskRow] = TableReader(Task, TASK_COLUMNS, literals=TaskStatus.values)
TARGETS: TableReader[TargetRow] = TableReader(TaskTarget, TARGET_COLUMNS)
LEASES: TableReader[LeaseRow] = TableReader(Lease, LEASE_COLUMNS)
# Tasks, each once for every target. `seen` is the version that a task had when the statement began;
# every change of its targets raises it.
TASKS_BY_TARGET: TableReader[Mapping[str, Any]] = TableReader(
    Task,
    TASK_COLUMNS,
    join="LEFT JOIN execution_tasktarget ON execution_tasktarget.task_id = execution_task.id",
    joined={
        **{f"targets__{name}": f"execution_tasktarget.{name}" for name in TARGET_COLUMNS},
        "seen": "(SELECT version FROM execution_task seen WHERE seen.id = execution_task.id)",
    },
)
FEED_EVENTS: TableReader[Mapping[str, Any]] = TableReader(
    TaskEvent,
    FEED_COLUMNS,
    join="JOIN execution_task ON execution_task.id = execution_taskevent.task_id",
    joined={"task__task_id": "execution_task.task_id"},
)
# With the event number that the counts are of: one statement sees one state of the database.
COUNTS: TableReader[Mapping[str, Any]] = TableReader(
    TaskCount,
    ("status", "marketplace_id", "count", "progress_sum"),
    joined={"sequence": "(SELECT sequence FROM execution_stream WHERE id = 1)"},
)
TASKS_COUNTED: TableReader[Mapping[str, Any]] = TableReader(
    Task,
    ("marketplace_id", "status"),
    joined={"tasks": "COUNT(*)", "progress_sum": "0"},
    literals=TaskStatus.values,
)
# An index has what is counted here, and of ten million tasks it is read in a hundredth of the time
# that their rows take. So progress is read of open tasks alone.
COUNTED_REST = """{where} GROUP BY 1, 2 UNION ALL
    SELECT marketplace_id, status, 0, SUM(progress) FROM execution_task
    {where} AND ended_at IS NULL GROUP BY 1, 2"""
ENDED_PROGRESS = {status.value: ENTRY_PROGRESS[status] for status in ENDED_STATUSES}
STREAM: TableReader[Mapping[str, Any]] = TableReader(Stream, ("epoch", "sequence"))
OF_TASK = "WHERE task_id = (SELECT id FROM execution_task WHERE task_id = %s)"


@dataclass(frozen=True, slots=True)
class Position:
    """Where the live feed stands: the newest event, in the database of this epoch."""

    epoch: str
    sequence: int


def stream_position() -> Position:
    (row,) = STREAM.read("WHERE id = 1")
    return Position(row["epoch"], row["sequence"])


# -- Tasks ---------------------------------------------------------------------------------------


def newest_first(
    tasks: QuerySet[Task], *, limit: int, after: tuple[datetime, int] | None = None
) -> list[TaskRow]:
    """Up to `limit` + 1 rows in keyset order; the extra row says that there is a next page.

    `after` is (created_at, id) of the last row already read.
    """
    return TASKS.matching(older_than(tasks, after), in_order(limit))


def older_than(tasks: QuerySet[Task], after: tuple[datetime, int] | None) -> QuerySet[Task]:
    if after is None:
        return tasks
    created_at, row_id = after
    # The first condition alone lets the index seek; the second settles equal instants.
    return tasks.filter(
        Q(created_at__lte=created_at),
        Q(created_at__lt=created_at) | Q(id__lt=row_id),
    )


def in_order(limit: int) -> str:
    """The newest first, and one more than `limit`."""
    return f"ORDER BY created_at DESC, id DESC LIMIT {limit + 1:d}"


def states_of(task_pks: Collection[int]) -> list[TaskState]:
    """Tasks with their targets, in no order."""
    with one_round_trip():
        asked = _ask_states(task_pks)
    return _states(*asked)


def _ask_states(task_pks: Collection[int]) -> tuple[Asked[TaskRow], Asked[TargetRow]]:
    these, values = f"IN ({among(task_pks)})", [*task_pks]
    return TASKS.ask(f"WHERE id {these}", values), TARGETS.ask(f"WHERE task_id {these}", values)


def _states(rows: Asked[TaskRow], targets: Asked[TargetRow]) -> list[TaskState]:
    by_task = _by_task(targets.rows())
    return [TaskState(row, by_task[row["id"]]) for row in rows.rows()]


def oldest_first(
    tasks: QuerySet[Task], *, limit: int, after: tuple[datetime, int] | None = None
) -> list[TaskRow]:
    """As `newest_first`, the other way round."""
    if after is not None:
        created_at, row_id = after
        tasks = tasks.filter(
            Q(created_at__gte=created_at),
            Q(created_at__gt=created_at) | Q(id__gt=row_id),
        )
    return TASKS.matching(tasks, f"ORDER BY created_at, id LIMIT {limit + 1:d}")


def targets_of(task_pks: Collection[int]) -> dict[int, list[TargetRow]]:
    """The targets of each task, in the order of the marketplaces."""
    if not task_pks:
        return defaultdict(list)
    return _by_task(TARGETS.read(f"WHERE task_id IN ({among(task_pks)})", [*task_pks]))


def states_and_totals(task_pks: Collection[int]) -> tuple[list[TaskState], Totals]:
    """Tasks with their targets, and the totals, which are read last."""
    with one_round_trip():
        asked = _ask_states(task_pks)
        counts = COUNTS.ask()
    return _states(*asked), feed_totals(counts)


def _by_task(rows: Iterable[TargetRow]) -> dict[int, list[TargetRow]]:
    targets: defaultdict[int, list[TargetRow]] = defaultdict(list)
    for row in rows:
        targets[row["task_id"]].append(row)
    for found in targets.values():
        found.sort(key=lambda row: marketplace_place(row["marketplace_id"]))
    return targets


def task_state(tasks: QuerySet[Task], task_id: str) -> TaskState | None:
    """One of `tasks` with its targets; None when it is not among them."""
    rows = TASKS.matching(tasks.filter(task_id=task_id))
    return TaskState(rows[0], targets_of([rows[0]["id"]])[rows[0]["id"]]) if rows else None


def task_key(task_id: str) -> int | None:
    """A task's primary key."""
    return Task.objects.filter(task_id=task_id).values_list("pk", flat=True).first()


def task_to_change(
    task_id: str, *, agent_id: str | None = None, with_lease: bool = False, lock: bool = True
) -> TaskState | None:
    """One task, an agent's only where it is given: locked until the transaction ends, or as it was
    when it was read."""
    where, values = "WHERE execution_task.task_id = %s", [task_id]
    if agent_id is not None:
        where, values = f"{where} AND execution_task.agent_id = %s", [task_id, agent_id]
    if lock and this_connection().features.has_select_for_update:
        where = f"{where} FOR NO KEY UPDATE OF execution_task"
    # With the BEGIN that a lock comes after.
    with one_round_trip() if lock or with_lease else nullcontext():
        asked = TASKS_BY_TARGET.ask(where, values)
        leases = LEASES.ask(OF_TASK, [task_id]) if with_lease else None
    found = asked.tuples()
    if not found:
        return None
    row = _named(TASK_COLUMNS, found[0])
    lease = next(iter(leases.rows()), None) if leases else None
    if row["version"] != found[0][-1]:
        # It waited for somebody's change: then the task is the newest, its targets are not.
        return TaskState(row, targets_of([row["id"]])[row["id"]], lease)
    targets = [_named(TARGET_COLUMNS, columns[len(TASK_COLUMNS) :]) for columns in found]
    return TaskState(row, _by_task(t for t in targets if t["task_id"])[row["id"]], lease)


def lock_counters() -> None:
    """Before the first of several changes in one transaction, and after its tasks: every counter.

    A change holds the events' numbers until the commit, and whoever waits for those holds the
    counters that it has raised: who then wanted one of them would wait for a waiter. In the order
    that a change raises them in.
    """
    list(TaskCount.objects.order_by("status", "marketplace_id").select_for_update(no_key=True))


def _named(names: Sequence[str], values: Sequence[Any]) -> Any:
    """Of more values those that have a name."""
    return dict(zip(names, values, strict=False))


def has_result(task_pk: int, result: Mapping[str, Any]) -> bool:
    """Whether it is what the task has already; `1`, `1.0` and `true` are three results."""
    kept = Task.objects.values_list("result", flat=True).get(pk=task_pk)
    return json.dumps(kept, sort_keys=True) == json.dumps(result, sort_keys=True)


def task_story(task_pk: int) -> tuple[dict[str, Any] | None, dict[str, Any] | None, str]:
    """What a task's page shows beyond its row: who chose its agent and why, its result, and the
    actor that created it."""
    assignment, result = Task.objects.values_list("assignment", "result").get(pk=task_pk)
    first = TaskEvent.objects.filter(task_id=task_pk).order_by("sequence")
    return assignment, result, first.values_list("actor", flat=True)[0]


def assignments_of(task_pks: Collection[int]) -> dict[int, dict[str, Any] | None]:
    """What is kept of how each task's first agent was chosen."""
    return dict(Task.objects.filter(pk__in=task_pks).values_list("pk", "assignment"))


def creators_of(task_pks: Collection[int]) -> dict[int, str]:
    created = TaskEvent.objects.filter(task_id__in=task_pks, kind=EventKind.CREATED)
    return dict(created.values_list("task_id", "actor"))


def retried_at(task_pks: Collection[int]) -> dict[int, datetime]:
    """When each of these tasks was last tried again; none that never was."""
    retries = TaskEvent.objects.filter(task_id__in=task_pks, kind=EventKind.RETRIED)
    return dict(retries.order_by().values_list("task_id").annotate(Max("at")))


def is_touched_by(task_pk: int, actor: str) -> bool:
    """Whether `actor` created the task, or changed what it is to be."""
    return touches(actor).filter(task_id=task_pk).exists()


def touched_by(task_pks: Collection[int], actor: str) -> set[int]:
    """Those of these tasks that `actor` created or edited."""
    return set(touches(actor).filter(task_id__in=task_pks).values_list("task_id", flat=True))


def touches(actor: str) -> QuerySet[TaskEvent]:
    """The events by which `actor` created tasks, or changed what they are to be."""
    return TaskEvent.objects.filter(
        Q(kind__in=(EventKind.CREATED, EventKind.EDITED))
        | Q(kind=EventKind.APPROVED, details__has_key="edits"),
        actor=actor,
    )


def handovers(task_pks: Collection[int]) -> dict[int, list[Mapping[str, Any]]]:
    """When people gave these tasks to another agent, oldest first: actor, instant, both agents."""
    found: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    events = TaskEvent.objects.filter(
        task_id__in=task_pks,
        kind__in=(EventKind.EDITED, EventKind.APPROVED),
        details__edits__has_key="agent_id",
    ).order_by("sequence")
    for task_pk, actor, at, details in events.values_list("task_id", "actor", "at", "details"):
        agents = (details or {})["edits"]["agent_id"]
        found[task_pk].append({"actor": actor, "at": at, "agents": agents})
    return found


def returns_of(task_pk: int, *, attempt: int) -> int:
    """How often the task has come back from its agents in this attempt."""
    events = TaskEvent.objects.filter(task_id=task_pk, attempt=attempt)
    return events.filter(kind=EventKind.LEASE_EXPIRED).count()


def was_leased(task_id: str, lease_id: str) -> bool:
    """Whether the task was once held under this lease, which an event then ended."""
    events = TaskEvent.objects.filter(task__task_id=task_id, details__lease=lease_id)
    return events.exists()


def failure_of(task_pk: int, *, sequence: int) -> Mapping[str, Any] | None:
    """The failure with this event number: where the task came from, and the lease it ended."""
    events = TaskEvent.objects.filter(pk=sequence, task_id=task_pk, kind=EventKind.FAILED)
    return events.values("from_status", "details", "agent_id", "failure_reason").first()


def overdue(at: datetime) -> Q:
    """Tasks past their due instant at `at`, or past it when they ended."""
    return Q(ended_at__isnull=True, due_at__lt=at) | Q(ended_at__gt=F("due_at"))


# -- Summaries -----------------------------------------------------------------------------------


def counted_tallies(tasks: QuerySet[Task]) -> dict[str, Tally]:
    """Per marketplace, counted from the rows: for filters that the roll-up does not know."""
    tallies = {slug: Tally.empty() for slug in MARKETPLACES}
    condition = TASKS_COUNTED.condition(tasks)
    if condition is None:
        return tallies
    rest = COUNTED_REST.format(where=condition.where or "WHERE TRUE")
    for slug, status, count, progress_sum in TASKS_COUNTED.ask(rest, condition.values * 2).tuples():
        ended = count * ENDED_PROGRESS.get(status, 0)
        tallies.setdefault(slug, Tally.empty()).add(status, count, ended + progress_sum)
    return tallies


def counts_by_marketplace(tasks: QuerySet[Task]) -> dict[str, int]:
    """Counted from the rows; marketplaces without a task stand there with 0."""
    counts = dict.fromkeys(MARKETPLACES, 0)
    counts.update(tasks.order_by().values_list("marketplace_id").annotate(Count("id")))
    return counts


def tallies_by_marketplace(rows: Asked[Any] | None = None) -> dict[str, Tally]:
    """From the rows of the roll-up, read now unless they were asked for already."""
    tallies = {slug: Tally.empty() for slug in MARKETPLACES}
    for status, slug, count, progress_sum, _sequence in (rows or COUNTS.ask()).tuples():
        tallies.setdefault(slug, Tally.empty()).add(status, count, progress_sum)
    return tallies


def pending_total() -> int:
    """How many tasks wait for a decision, from the roll-up."""
    counts = TaskCount.objects.filter(status=TaskStatus.PENDING)
    return counts.aggregate(total=Sum("count"))["total"] or 0


RECENT_TOTALS: BriefCache[str, int] = BriefCache()


def recent_pending_total() -> int:
    """As `pending_total`, up to five seconds old: for what every page shows and none is about."""
    return RECENT_TOTALS.get("pending", pending_total)


def feed_totals(rows: Asked[Any] | None = None) -> Totals:
    """The roll-up, read now unless it was asked for already."""
    counts = (rows or COUNTS.ask()).tuples()
    return Totals.of((count[:4] for count in counts), counts[0][4])


def feed_summary() -> dict[str, Any]:
    """`{"all": {...}, "byChannel": {amazon: {...}, ...}}`, as every frame carries it."""
    return feed_totals().summary()


# -- Events --------------------------------------------------------------------------------------


def titles_of(task_ids: Collection[str]) -> dict[str, str]:
    return dict(Task.objects.filter(task_id__in=task_ids).values_list("task_id", "title"))


def events_of(
    task_pk: int, *, limit: int = MOST_EVENTS, before: int | None = None
) -> list[Mapping[str, Any]]:
    """The end of a task's timeline, oldest first: up to `limit` events, or those before one."""
    return newest_events_of(task_pk, limit=limit, before=before)[::-1]


def newest_events_of(
    task_pk: int, *, limit: int, before: int | None = None
) -> list[Mapping[str, Any]]:
    """Up to `limit` of a task's events, or of those before one, the newest first."""
    events = TaskEvent.objects.filter(task_id=task_pk)
    if before is not None:
        events = events.filter(sequence__lt=before)
    return list(events.order_by("-sequence")[:limit].values(*EVENT_COLUMNS))


def newest_logs_of(task_pk: int, *, limit: int) -> list[Mapping[str, Any]]:
    """The last `limit` log lines, in the order they were written."""
    lines = TaskLog.objects.filter(task_id=task_pk).order_by("-id")[:limit]
    found: list[Mapping[str, Any]] = list(lines.values("id", "level", "message", "at"))
    return found[::-1]


def logs_after(task_pk: int, *, after: int, limit: int) -> list[Mapping[str, Any]]:
    """Up to `limit` log lines in the order they were written, after the line with id `after`."""
    lines = TaskLog.objects.filter(task_id=task_pk, id__gt=after).order_by("id")[:limit]
    return list(lines.values("id", "level", "message", "at"))


def newest_log_ids(task_pks: Collection[int]) -> dict[int, int]:
    """The number of the last log line of each of these tasks that has any."""
    lines = TaskLog.objects.filter(task_id__in=task_pks).order_by()
    return dict(lines.values_list("task_id").annotate(Max("id")))


EventRow = Mapping[str, Any]


def events_after(sequence: int, *, limit: int) -> list[EventRow]:
    """The events after a number, oldest first, each with its task's id."""
    after = "WHERE execution_taskevent.sequence > %s ORDER BY execution_taskevent.sequence LIMIT %s"
    return FEED_EVENTS.read(after, [sequence, limit])


# -- Marketplaces and task types -----------------------------------------------------------------


def short_names() -> dict[str, str]:
    """The short name of every marketplace, in their order."""
    return dict(Marketplace.objects.values_list("slug", "short_name"))


DISTINCT_TYPES = """
WITH RECURSIVE found(name) AS (
    SELECT MIN(task_type) FROM execution_task
    UNION ALL
    SELECT (SELECT MIN(task_type) FROM execution_task WHERE task_type > found.name)
    FROM found WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL LIMIT %s
"""


def task_types(*, limit: int) -> list[str]:
    """The types that tasks have. Steps from one to the next in the index; DISTINCT reads it all."""
    with connection.cursor() as cursor:
        cursor.execute(DISTINCT_TYPES, [limit])
        return [name for (name,) in cursor.fetchall()]


# -- Agents --------------------------------------------------------------------------------------


def ask_targets(task_pks: Collection[int]) -> Asked[TargetRow]:
    return TARGETS.ask(f"WHERE task_id IN ({among(task_pks)})", [*task_pks])


def with_targets(rows: Iterable[TaskRow], targets: Asked[TargetRow]) -> list[TaskState]:
    by_task = _by_task(targets.rows())
    return [TaskState(row, by_task[row["id"]]) for row in rows]


@dataclass(frozen=True, slots=True)
class AssignableAgent:
    slug: str
    capacity: int | None
    open_tasks: int


def assignable_agents(
    marketplaces: Collection[str], *, waking: Collection[str] = ()
) -> dict[str, list[AssignableAgent]]:
    """Active, unpaused agents of each marketplace with the number of their open tasks; as if those
    that are `waking` were active."""
    active = Q(is_active=True) | Q(slug__in=waking) if waking else Q(is_active=True)
    pairs = list(
        Agent.objects.filter(active, is_paused=False, marketplaces__in=marketplaces).values_list(
            "marketplaces__slug", "slug", "capacity"
        )
    )
    loads = open_tasks_by_agent({slug for _, slug, _ in pairs})
    found: defaultdict[str, list[AssignableAgent]] = defaultdict(list)
    for marketplace, slug, capacity in pairs:
        found[marketplace].append(AssignableAgent(slug, capacity, loads.get(slug, 0)))
    return found


def open_tasks_by_agent(slugs: Collection[str]) -> dict[str, int]:
    rows = (
        Task.objects.filter(agent_id__in=slugs, ended_at__isnull=True, status__in=OPEN_STATUSES)
        .order_by()
        .values_list("agent_id")
        .annotate(Count("id"))
    )
    return dict(rows)


def active_agents(*, limit: int) -> list[str]:
    """Ids that a filter can suggest."""
    return list(Agent.objects.filter(is_active=True).values_list("slug", flat=True)[:limit])


def agent_names() -> dict[str, str]:
    """Names by id, the active agents first."""
    agents = Agent.objects.order_by("-is_active", "slug")
    return dict(agents.values_list("slug", "name")[:MOST_NAMES])


def agent_name(agent_id: str) -> str | None:
    """The name of one agent, however many there are; None where no agent has this id."""
    if "\x00" in agent_id:  # PostgreSQL looks for no text with one
        return None
    return Agent.objects.filter(pk=agent_id).values_list("name", flat=True).first()


def agent_flags(agent_id: str) -> tuple[bool, bool]:
    """Whether an agent is active, and whether it is paused."""
    return Agent.objects.values_list("is_active", "is_paused").get(pk=agent_id)


def all_agents() -> list[tuple[str, str]]:
    """Ids and names."""
    return list(Agent.objects.order_by("slug").values_list("slug", "name"))


def agents_by_marketplace(marketplace_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Names of the active agents by id: those that work there, and the others."""
    there = set(
        Agent.objects.filter(marketplaces=marketplace_id, is_active=True).values_list(
            "slug", flat=True
        )
    )
    names = dict(Agent.objects.filter(is_active=True).values_list("slug", "name"))
    return (
        {slug: name for slug, name in names.items() if slug in there},
        {slug: name for slug, name in names.items() if slug not in there},
    )


def known_agents(slugs: Collection[str]) -> set[str]:
    return set(Agent.objects.filter(slug__in=slugs).values_list("slug", flat=True))


def known_external_ids(external_ids: Sequence[str]) -> set[str]:
    found = Task.objects.filter(external_id__in=external_ids)
    return {str(external_id) for external_id in found.values_list("external_id", flat=True)}


# -- Saved views ---------------------------------------------------------------------------------


def views_for(user_id: int, *, limit: int) -> list[SavedView]:
    """A person's own saved views, then what others share, each by name."""
    own = SavedView.objects.filter(owner_id=user_id)
    shared = SavedView.objects.filter(is_shared=True).exclude(owner_id=user_id)
    return [*own, *shared.select_related("owner")[:limit]]
