"""A real log, imported, and its 42 agents measured: equal to a second computation from the CSV.

The second one reads the file with its own eyes and computes one number at a time; it shares no
code with the product. Told where the log lies by NEXO_TEST_DATA.
"""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient
from scipy import stats

from accounts.roles import Role
from tests.factories import make_user
from tests.optimization.facts import plain_rates, plain_score, plain_weights

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
NAME = "bpi12_tasks_dev.csv"
BUSINESS = ZoneInfo("America/Sao_Paulo")
WINDOW = 30
CHANNELS = (
    "faixa_1=amazon,faixa_2=mercadolivre,faixa_3=shopee,faixa_4=shein,faixa_5=tiktokshop,*=kaway"
)
Day = dict[str, float]


def half_up(value: float) -> int:
    return int(value + 0.5 + 1e-9)


def sessions(path: Path, *, end: date) -> Iterator[tuple[str, datetime, datetime, float, bool]]:
    """Agent, start, end, estimate and success of each row, moved so that the log ends on `end`."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ("created_at", "started_at", "completed_at")
    last = max(datetime.fromisoformat(row[c]) for row in rows for c in columns if row[c])
    shift = end - last.astimezone(BUSINESS).date()
    for row in rows:
        started, ended = (
            (datetime.fromisoformat(row[c]).astimezone(BUSINESS).replace(tzinfo=None) + shift)
            for c in ("started_at", "completed_at")
        )
        estimate = float(row["estimated_minutes"])
        yield row["agent_id"], started, ended, estimate, row["status"] == "completed"


def expected(path: Path, today: date) -> dict[str, dict[str, Any]]:
    first = today - timedelta(days=WINDOW - 1)
    agents: dict[str, list[Day]] = defaultdict(
        lambda: [defaultdict(float) for _ in range(WINDOW)]  # type: ignore[misc]  # a factory
    )
    for agent, started, ended, estimate, completed in sessions(path, end=today - timedelta(1)):
        days = agents[agent]
        # Nobody approved: the start did.
        if started.date() >= first:
            days[(started.date() - first).days]["approved"] += 1
        if ended.date() < first:
            continue
        day = days[(ended.date() - first).days]
        if not completed:
            day["failed"] += 1
            continue
        day["completed"] += 1
        day["timed"] += 1
        day["estimated_minutes"] += estimate
        day["executed_minutes"] += (ended - started).total_seconds() / 60
    return {agent: measured(days) for agent, days in agents.items()}


def measured(days: list[Day]) -> dict[str, Any]:
    weights = plain_weights(days)
    whole: Day = defaultdict(float)
    for day in days:
        for name, amount in day.items():
            whole[name] += amount
    rates = plain_rates(whole)
    score = plain_score(rates, weights)
    daily = [plain_score(plain_rates(day), weights) for day in days]
    scored = [(x, y) for x, y in enumerate(daily) if y is not None]
    prediction = score or 0.0
    if len(scored) > 1:
        line = stats.linregress(*zip(*scored, strict=True))
        prediction = min(100.0, max(0.0, line.intercept + line.slope * WINDOW))
    return {
        "baseScore": half_up(score or 0.0),
        "predictedPerformance": half_up(prediction),
        "rates": [None if rate is None else round(rate, 2) for rate in rates],
        "history": [None if points is None else half_up(points) for points in daily],
        "weights": weights,
    }


def test_scores_of_a_real_log_equal_a_second_computation() -> None:
    folder = os.environ.get("NEXO_TEST_DATA")
    if folder is None:
        pytest.skip(f"NEXO_TEST_DATA names no folder: the real log {NAME} is NOT measured")
    path = Path(folder) / NAME
    options = ("--columns", "external_id=task_id", "--channels", CHANNELS, "--end", "yesterday")
    call_command("import_tasks", str(path), *options, stdout=io.StringIO(), stderr=io.StringIO())
    client = APIClient()
    client.force_authenticate(make_user(Role.HEAD))
    answer = client.get("/api/marketplace/orchestration/optimization").json()
    found = {
        one["agentId"]: {
            "baseScore": one["baseScore"],
            "predictedPerformance": one["predictedPerformance"],
            "rates": [
                one["terms"][term]["rate"]
                for term in ("approvalRate", "completionRate", "executionTime")
            ],
            "history": one["history"],
            "weights": pytest.approx(list(one["adaptiveWeights"].values())),
        }
        for one in answer["optimizations"]
    }
    today = datetime.now(BUSINESS).date()
    assert found == expected(path, today)
    assert len(found) == 42
