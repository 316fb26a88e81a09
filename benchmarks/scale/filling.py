"""Fills a database by SQL, true in every number. Runs where Django is set up, on PostgreSQL.

Counters, facts, targets and event numbers are what the product would have made of the same
history, so `check_consistency` agrees. Indexes and unique constraints are taken off meanwhile and
built at the end, as any large import does; foreign keys are not looked at row by row.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django.db import connection

from benchmarks.scale.shapes import ENDED, EVENTS_OF_ENDED, EVENTS_OF_OPEN, OPEN, SHAPES, extent
from benchmarks.scale.shapes import slots as all_slots
from execution import consistency
from execution.enums import MarketplaceSlug
from execution.models import Agent, Marketplace, Task
from nexo.shared import clock
from optimization.consistency import facts as facts_agree
from optimization.models import COUNTED
from optimization.projection import catch_up

AGENTS: Final = 50
SPAN: Final = timedelta(days=180)
# The newest task was made so long ago; its last event is later by a few steps.
AGO: Final = timedelta(hours=2)
CHUNK: Final = 500_000
# Recounting facts goes through every event in Python; up to here that takes a minute or two.
FACTS_RECOUNTED_UP_TO: Final = 1_000_000
TABLES: Final = ("execution_task", "execution_tasktarget", "execution_taskevent")
TASK_TYPES: Final = (
    *("listing_optimization", "photo", "price_review", "stock_sync", "keyword_research"),
    *("competitor_scan", "review_answer", "campaign", "return_check", "catalogue", "video", "ads"),
)

# `n` counts the tasks made here from 0; multiplied by a prime, its bits choose the rest.
_PLAN: Final = """
    plan AS (
        SELECT n, slot.*, %(sequence)s + block + slot.before AS sequence_before,
            %(start)s + n * %(gap)s AS created_at, 30 + n %% 7 * 15 AS estimate,
            (%(agents)s::text[])[1 + (n * 48271 >> 5) %% %(agent_count)s] AS agent,
            (%(marketplaces)s::text[])[1 + (n * 16807 >> 7) %% 6] AS marketplace,
            (%(task_types)s::text[])[1 + (n * 69621 >> 6) %% 12] AS task_type
        FROM (
            SELECT n,
                CASE WHEN n < %(ended)s THEN n %% {ended_turn}
                    ELSE {ended_turn} + (n - %(ended)s) %% {open_turn} END AS place,
                CASE WHEN n < %(ended)s THEN n / {ended_turn} * {ended_events}
                    ELSE %(ended_events)s + (n - %(ended)s) / {open_turn} * {open_events}
                    END AS block
            FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
        ) AS turns JOIN slot USING (place)
    )
""".format(
    ended_turn=len(ENDED),
    open_turn=len(OPEN),
    ended_events=EVENTS_OF_ENDED,
    open_events=EVENTS_OF_OPEN,
)
_SLOT: Final = """
    slot (place, before, events, status, progress, failure_reason, progress_at_failure,
        approved_step, started_step, ended_step) AS (VALUES {slots}),
    step (place, number, kind, from_status, to_status, progress, actor, failure_reason)
        AS (VALUES {steps})
"""
TASKS: Final = """
    WITH {slot}, {plan}
    INSERT INTO execution_task (id, task_id, title, task_type, marketplace_id, agent_id, status,
        progress, priority, estimated_minutes, created_at, approved_at, started_at, ended_at,
        updated_at, due_at, error, failure_reason, progress_at_failure, attempt, version, sequence,
        search_text)
    SELECT %(task)s + n, task_id, title, task_type, marketplace, agent, status, progress,
        (ARRAY['low', 'normal', 'normal', 'normal', 'high', 'urgent'])[1 + (n * 40692 >> 4) %% 6],
        estimate, created_at,
        created_at + approved_step * %(step)s, created_at + started_step * %(step)s,
        created_at + ended_step * %(step)s, created_at + (events - 1) * %(step)s,
        created_at + estimate * interval '1 minute',
        CASE failure_reason WHEN 'error' THEN 'O canal recusou a oferta.' END,
        failure_reason, progress_at_failure, 1, events, sequence_before + events,
        lower(title || ' ' || task_id || ' ')
    FROM (
        SELECT plan.*, 'task-' || gen_random_uuid() AS task_id,
            'Revisar oferta ' || n || ' em ' || marketplace AS title
        FROM plan
    ) AS named
    ORDER BY n
"""
TARGETS: Final = """
    INSERT INTO execution_tasktarget (task_id, marketplace_id, state, attempts, updated_at)
    SELECT id, marketplace_id,
        CASE status WHEN 'completed' THEN 'not_required' ELSE 'planned' END, 0, updated_at
    FROM execution_task WHERE id BETWEEN %(task)s + %(first)s AND %(task)s + %(last)s ORDER BY id
"""
EVENTS: Final = """
    WITH {slot}, {plan}
    INSERT INTO execution_taskevent (sequence, task_id, kind, from_status, to_status, progress,
        actor, at, agent_id, attempt, failure_reason, estimated_minutes, execution_minutes)
    SELECT sequence_before + 1 + number, %(task)s + n, kind, from_status, to_status, step.progress,
        CASE WHEN actor LIKE '%%:' THEN actor || agent ELSE actor END,
        created_at + number * %(step)s, agent, 1, step.failure_reason, estimate,
        CASE kind WHEN 'completed'
            THEN extract(epoch FROM (ended_step - started_step) * %(step)s) / 60 END
    FROM plan JOIN step USING (place)
    ORDER BY n, number
"""
COUNTS: Final = """
    INSERT INTO execution_taskcount (status, marketplace_id, count, progress_sum)
    SELECT status, marketplace_id, count(*), sum(progress) FROM execution_task GROUP BY 1, 2
    ON CONFLICT (status, marketplace_id)
        DO UPDATE SET count = excluded.count, progress_sum = excluded.progress_sum
"""
FACTS: Final = """
    CREATE TEMPORARY TABLE new_fact AS
    SELECT (event.at AT TIME ZONE 'America/Sao_Paulo')::date AS day,
        coalesce(event.agent_id, '') AS agent_id, task.marketplace_id, task.task_type,
        count(*) FILTER (WHERE kind = 'created') AS created,
        count(*) FILTER (WHERE kind = 'approved' OR kind = 'started' AND from_status = 'pending')
            AS approved,
        count(*) FILTER (WHERE event.failure_reason = 'rejected') AS rejected,
        count(*) FILTER (WHERE kind = 'completed') AS completed,
        count(*) FILTER (WHERE event.failure_reason = 'error') AS failed_error,
        count(*) FILTER (WHERE event.failure_reason = 'timeout') AS failed_timeout,
        count(*) FILTER (WHERE event.failure_reason = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE kind = 'completed') AS timed,
        coalesce(sum(event.estimated_minutes) FILTER (WHERE kind = 'completed'), 0)
            AS estimated_minutes,
        coalesce(sum(execution_minutes) FILTER (WHERE kind = 'completed'), 0) AS executed_minutes,
        max(event.at) FILTER (WHERE kind IN ('started', 'completed')
            OR event.failure_reason IN ('error', 'timeout')) AS worked_at
    FROM execution_taskevent AS event JOIN execution_task AS task ON task.id = event.task_id
    WHERE event.sequence > %(sequence)s
    GROUP BY 1, 2, 3, 4
"""


def main(tasks: int) -> None:
    """Print how long each part took, and what there is then, as JSON."""
    took: dict[str, float] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        _tell(f"{name} …")
        began = time.monotonic()
        yield
        took[name] = took.get(name, 0.0) + time.monotonic() - began

    catch_up()
    _more_agents()
    size, values = extent(tasks), _values(tasks)
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET jit = off")
        cursor.execute("SET session_replication_role = replica")
        with _without_indexes(cursor, timed):
            for first in range(0, size.tasks, CHUNK):
                part = {**values, "first": first, "last": min(first + CHUNK, size.tasks) - 1}
                for name, statement in (("tasks", TASKS), ("targets", TARGETS), ("events", EVENTS)):
                    with timed(name):
                        _execute(cursor, statement, part)
        with timed("counters and facts"):
            _execute(cursor, COUNTS, values)
            _facts(cursor, values)
            last = values["sequence"] + size.events
            cursor.execute("UPDATE execution_stream SET sequence = %s", [last])
            cursor.execute("UPDATE optimization_factcursor SET sequence = %s", [last])
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('execution_task', 'id'), max(id))"
                " FROM execution_task"
            )
        with timed("vacuum and analyze"):
            cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT pg_database_size(current_database())")
        (size_bytes,) = cursor.fetchone()
    sys.stdout.write(
        json.dumps(
            {
                "tasks": Task.objects.count(),
                "events": values["sequence"] + size.events,
                "bytes": size_bytes,
                "took": took,
            }
        )
    )


def check() -> None:
    """Print what does not agree and which checks were left out, as JSON."""
    left_out = []
    if Task.objects.count() > FACTS_RECOUNTED_UP_TO:
        left_out.append("facts")
        consistency._checks.remove(facts_agree)
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SET work_mem = '256MB'; SET jit = off")
    found = list(consistency.differences())
    seconds = time.monotonic() - began
    told = {"differences": found[:20], "left_out": left_out, "seconds": seconds}
    sys.stdout.write(json.dumps(told))


def _tell(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def _more_agents() -> None:
    marketplaces = list(Marketplace.objects.all())
    missing = AGENTS - Agent.objects.filter(is_active=True).count()
    for number in range(missing):
        agent = Agent.objects.create(slug=f"agent-{number:03}", name=f"Agente {number}")
        agent.marketplaces.set(marketplaces)


def _values(tasks: int) -> dict[str, Any]:
    """What the statements are told besides a chunk's bounds."""
    size = extent(tasks)
    end = clock.now() - AGO
    agents = list(Agent.objects.filter(is_active=True).order_by("pk").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) + 1 FROM execution_task")
        (task,) = cursor.fetchone()
        cursor.execute("SELECT sequence FROM execution_stream")
        (sequence,) = cursor.fetchone()
    return {
        "task": task,
        "sequence": sequence,
        "start": end - SPAN,
        "gap": SPAN / size.tasks,
        "step": timedelta(minutes=7),
        "ended": size.ended,
        "ended_events": size.ended // len(ENDED) * EVENTS_OF_ENDED,
        # As arrays in the text: a subquery would be run for every row.
        "agents": agents,
        "agent_count": len(agents),
        "marketplaces": list(MarketplaceSlug.values),
        "task_types": list(TASK_TYPES),
    }


def _execute(cursor: Any, statement: str, values: dict[str, Any]) -> None:
    """By the driver's own cursor, which puts the values into the text: their types are plain."""
    import psycopg

    text = statement.replace("{slot}", _SLOT.format(slots=_slots(), steps=_steps()))
    text = text.replace("{plan}", _PLAN)
    named = {name: value for name, value in values.items() if f"%({name})s" in text}
    with psycopg.ClientCursor(connection.connection) as plain:
        plain.execute(text, named)


def _slots() -> str:
    rows = []
    for (place, before, events), shape in zip(all_slots(), SHAPES, strict=True):
        kinds = [step.kind for step in shape]
        last = shape[-1]
        started = kinds.index("started") if "started" in kinds else None
        approved = kinds.index("approved") if "approved" in kinds else started
        ended = events - 1 if last.after in ("completed", "failed") else None
        at_failure = shape[-2].progress if last.after == "failed" else None
        rows.append(
            _row(
                *(place, before, events, last.after, last.progress, last.failure_reason),
                *(at_failure, approved, started, ended),
            )
        )
    return ", ".join(rows)


def _steps() -> str:
    return ", ".join(
        _row(place, number, step.kind, step.before, step.after, step.progress, step.actor, reason)
        for place, shape in enumerate(SHAPES)
        for number, step in enumerate(shape)
        for reason in (step.failure_reason,)
    )


def _row(*values: Any) -> str:
    """As SQL; no value holds a quotation mark."""
    texts = ["NULL" if value is None else str(value) for value in values]
    shown = [
        f"'{text}'" if isinstance(v, str) else text for v, text in zip(values, texts, strict=True)
    ]
    return f"({', '.join(shown)})"


def _facts(cursor: Any, values: dict[str, Any]) -> None:
    _execute(cursor, FACTS, values)
    columns = ", ".join(COUNTED)
    sums = ", ".join(f"sum({name})" for name in COUNTED)
    for table, key in (
        ("optimization_dailyfact", "day, agent_id, marketplace_id, task_type"),
        ("optimization_agentday", "day, agent_id"),
    ):
        added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COUNTED)
        worked = ", worked_at" if table.endswith("agentday") else ""
        newest = ", max(worked_at)" if worked else ""
        later = f", worked_at = greatest({table}.worked_at, excluded.worked_at)" if worked else ""
        cursor.execute(
            f"INSERT INTO {table} ({key}, {columns}{worked})"
            f" SELECT {key}, {sums}{newest} FROM new_fact GROUP BY {key}"
            f" ON CONFLICT ({key}) DO UPDATE SET {added}{later}"
        )


@contextmanager
def _without_indexes(cursor: Any, timed: Any) -> Iterator[None]:
    """Unique constraints and indexes are dropped, and made again at the end; primary keys stay."""
    cursor.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'u' AND conrelid = ANY(%s::regclass[])",
        [list(TABLES)],
    )
    constraints = cursor.fetchall()
    for table, name, _definition in constraints:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE NOT indisprimary AND indrelid = ANY(%s::regclass[])",
        [list(TABLES)],
    )
    indexes: Sequence[tuple[str, str]] = cursor.fetchall()
    for name, _definition in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    with timed("indexes"):
        for table, name, definition in constraints:
            _tell(name)
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
        for name, definition in indexes:
            _tell(name)
            cursor.execute(definition)
