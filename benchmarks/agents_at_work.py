"""Seconds per `GET optimization` and per bare read, in turns. Runs where Django is set up."""

import json
import sys
import time
from dataclasses import asdict
from datetime import timedelta

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from accounts.callers import Caller
from benchmarks.measures import interleave
from benchmarks.optimizing import DAYS, closed_form
from execution import services
from execution.changes import TaskChange
from execution.enums import TaskStatus
from execution.models import Agent, Marketplace, Task
from nexo.shared import clock
from optimization.models import AgentDay
from optimization.projection import catch_up
from optimization.queries import SUMMED

OPERATOR = Caller(actor="user:head", is_superuser=True)
URL = "/api/marketplace/orchestration/optimization"
# Copies of one ended task, each under an id of its own.
COPY = {
    "sqlite": "WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies "
    "WHERE n < {count}) INSERT INTO execution_task ({columns}) SELECT {values} FROM copies, "
    "execution_task WHERE id = {original}",
    "postgresql": "INSERT INTO execution_task ({columns}) SELECT {values} FROM "
    "generate_series(1, {count}) AS copies(n), execution_task WHERE id = {original}",
}


def main(rounds: int, agents: int, tasks: int) -> None:
    """Print the rounds as JSON."""
    catch_up()
    slugs = _agents(agents)
    _days(slugs)
    _tasks(tasks)
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.get(username="head"), settings.AUTHENTICATION_BACKENDS[-1])
    kept = interleave(rounds, lambda: _called(client, agents), lambda: _bare(slugs))
    sys.stdout.write(json.dumps(asdict(kept)))


def _agents(count: int) -> list[str]:
    Agent.objects.update(is_active=False)
    marketplaces = list(Marketplace.objects.all())
    made = [Agent(slug=f"agent{number:05}", name=f"Agent {number}") for number in range(count)]
    Agent.objects.bulk_create(made)
    through = Agent.marketplaces.through
    through.objects.bulk_create(
        through(agent_id=agent.slug, marketplace_id=marketplaces[(number + shift) % 6].slug)
        for number, agent in enumerate(made)
        for shift in range(3)
    )
    return [agent.slug for agent in made]


def _days(slugs: list[str]) -> None:
    """A full month of facts for each."""
    rng = np.random.default_rng(1)
    today = clock.business_day(clock.now())
    AgentDay.objects.bulk_create(
        AgentDay(
            agent_id=slug,
            day=today - timedelta(days=back),
            **dict(zip(SUMMED, rng.integers(1, 9, len(SUMMED)).tolist(), strict=True)),
        )
        for slug in slugs
        for back in range(DAYS)
    )


def _tasks(count: int) -> None:
    original = Task.objects.earliest("pk")
    services.update_task(original.task_id, TaskChange(TaskStatus.COMPLETED), caller=OPERATOR)
    names = [field.column for field in Task._meta.concrete_fields if not field.primary_key]
    replaced = {"task_id": "'copy-' || n", "external_id": "NULL"}
    values = [replaced.get(name, name) for name in names]
    statement = COPY[connection.vendor].format(
        columns=", ".join(names), values=", ".join(values), count=count, original=original.pk
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.execute("ANALYZE")


def _called(client: Client, agents: int) -> float:
    began = time.perf_counter()
    answer = client.get(URL)
    took = time.perf_counter() - began
    assert len(answer.json()["optimizations"]) == agents
    return took


def _bare(slugs: list[str]) -> float:
    first = clock.business_day(clock.now()) - timedelta(days=DAYS - 1)
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT agent_id, day, {', '.join(SUMMED)} FROM optimization_agentday"
            " WHERE day >= %s AND agent_id >= %s AND agent_id <= %s ORDER BY agent_id, day",
            [connection.ops.adapt_datefield_value(first), slugs[0], slugs[-1]],
        )
        rows = [row[2:] for row in cursor.fetchall()]
    # Any column serves: the closed form takes as long whatever the numbers say.
    closed_form(np.array(rows, dtype=np.float64)[:, 0].reshape(-1, DAYS))
    return time.perf_counter() - began
