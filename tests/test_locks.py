"""Whatever is done at once, nobody waits in a circle."""

import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from rest_framework.exceptions import APIException

from accounts.callers import Caller, caller_for_agent, caller_for_user
from accounts.tokens import issue_token
from execution import agents, claiming, services, task_logs
from execution.assignment import Assignment
from execution.changes import Edits, TaskChange
from execution.commands import Command
from execution.consistency import differences
from execution.enums import LogLevel, TaskStatus
from execution.models import Agent, Lease, Task
from execution.services import NewTask
from execution.task_logs import LogLine
from optimization.services import clear_weights, set_weights
from orchestration.bulk.enums import BulkAction
from orchestration.bulk.orders import Order
from orchestration.bulk.services import start_job
from orchestration.models import PlanTask
from orchestration.services import PLAYBOOK_ACTOR, activate, run_due_templates
from tests.envelope import refused
from tests.factories import OPERATOR, make_agent, make_task_in, make_user
from tests.orchestration.playbook import only
from tests.servers import PROJECT

API = "/api/marketplace/orchestration/task-execution"
AGENTS = ("alex", "marina", "sunny")
# Nobody works on the last, so that its tasks wait for an agent.
SLUGS = ("amazon", "mercadolivre", "shopee", "shein", "tiktokshop", "kaway")
SIX = datetime(2026, 11, 26, 9, tzinfo=UTC)  # at the marketplaces
HEADS = [Caller(actor=f"user:head-{number}", is_superuser=True) for number in range(4)]
THREADS = 6
SECONDS = 4.0
PACKAGES = ("accounts", "execution", "optimization", "orchestration", "nexo")
# PostgreSQL's FOR UPDATE keeps off whoever only refers to the row, as every new event does to its
# agent and task; FOR NO KEY UPDATE keeps off those who would change it.
TOO_STRONG = re.compile(r"select_for_update\((?!.*no_key=True)|FOR UPDATE\b")


@pytest.mark.unit
def test_no_lock_keeps_off_those_who_only_refer_to_a_row() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for package in PACKAGES
        for path in sorted((PROJECT / package).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if TOO_STRONG.search(line)
    ]
    assert found == []


class Work:
    """What people and agents do, at random."""

    def __init__(self) -> None:
        self._chance = random.Random()
        self._numbers = count(1)
        self._tokens = {
            agent: issue_token(name=agent, by="user:head", agent_id=agent)[1] for agent in AGENTS
        }
        # Whose orders a job carries out is looked at again, so they must exist.
        self._orderer = caller_for_user(make_user("head"))

    def all(self) -> list[Callable[[], None]]:
        often = [self.create, self.claim, self.approve, self.report]
        alone = [self.weigh, self.unweigh, self.pause, self.cancel, self.activate]
        several = [self.bulk, self.give, self.serve_due, self.claim_after_a_crash]
        return [*often, *often, *alone, *several]

    def one(self) -> Callable[[], None]:
        return self._chance.choice(self.all())

    def _agent(self) -> str:
        return self._chance.choice(AGENTS)

    def _head(self) -> Caller:
        return self._chance.choice(HEADS)

    def _task(self, *statuses: TaskStatus) -> str | None:
        newest = Task.objects.filter(status__in=statuses).order_by("-id")[:30]
        ids = list(newest.values_list("task_id", flat=True))
        return self._chance.choice(ids) if ids else None

    def create(self) -> None:
        agent, slug = self._chance.choice([None, *AGENTS]), self._chance.choice(SLUGS)
        task = NewTask("optimization", "Título", slug, 60.0, agent_id=agent)
        services.create_tasks([task] * self._chance.choice([1, 5]), caller=self._head())

    def claim(self) -> None:
        agent = self._agent()
        caller = caller_for_agent(agent)
        for one in claiming.claim_tasks(agent, caller=caller, limit=3):
            task_id, lease = one.state.row["task_id"], one.lease_id
            start = TaskChange(TaskStatus.IN_PROGRESS)
            services.update_task(task_id, start, caller=caller, lease_id=lease)
            line = LogLine(LogLevel.INFO, "lida")
            task_logs.append_logs(task_id, [line], caller=caller, lease_id=lease)

    def approve(self) -> None:
        if task := self._task(TaskStatus.PENDING):
            edits = self._chance.choice([None, Edits(agent_id=self._agent())])
            services.command_task(task, Command.APPROVE, caller=self._head(), edits=edits)

    def report(self) -> None:
        if task := self._task(TaskStatus.IN_PROGRESS):
            progress = self._chance.randint(50, 74)
            change = TaskChange(TaskStatus.IN_PROGRESS, progress=progress)
            services.update_task(task, change, caller=OPERATOR)

    def cancel(self) -> None:
        if task := self._task(TaskStatus.PENDING, TaskStatus.IN_PROGRESS):
            services.command_task(task, Command.CANCEL, caller=self._head(), reason="não precisa")

    def weigh(self) -> None:
        weights = self._chance.choice([(0.5, 0.3, 0.2), (0.4, 0.4, 0.2)])
        set_weights(self._agent(), weights, caller=OPERATOR)

    def unweigh(self) -> None:
        clear_weights(self._agent(), caller=OPERATOR)

    def pause(self) -> None:
        agent = self._agent()
        agents.pause_agent(agent, caller=OPERATOR)
        agents.resume_agent(agent, caller=OPERATOR)

    def activate(self) -> None:
        Agent.objects.filter(slug="sunny").update(is_active=False)
        activate(["amazon"], caller=OPERATOR)

    def bulk(self) -> None:
        newest = Task.objects.filter(status=TaskStatus.IN_PROGRESS).order_by("-id")
        ids = list(newest.values_list("task_id", flat=True)[:10])
        start_job(
            Order(BulkAction.CANCEL, reason="não precisa", task_ids=ids), caller=self._orderer
        )

    def give(self) -> None:
        waiting = Task.objects.filter(status=TaskStatus.PENDING, agent=None).order_by("id")
        for task_id in list(waiting.values_list("task_id", flat=True)[:3]):
            chosen = Assignment(self._agent(), {"rule": "test"})
            services.give_agent(task_id, chosen, actor="system:assignment", approver=PLAYBOOK_ACTOR)

    def serve_due(self) -> None:
        """Two templates, due at different hours of one day."""
        PlanTask.objects.all().delete()
        run_due_templates(SIX + timedelta(days=next(self._numbers), hours=2))

    def claim_after_a_crash(self) -> None:
        agent = self._agent()
        long_ago = SIX - timedelta(days=1)
        held = Lease.objects.filter(agent_id=agent)
        with transaction.atomic():
            # Two that do this at once would take them in different orders.
            list(held.select_for_update(no_key=True).order_by("pk"))
            held.update(claimed_at=long_ago, expires_at=long_ago)
        headers = {"authorization": f"Token {self._tokens[agent]}", "idempotency-key": uuid4().hex}
        address = f"/api/marketplace/orchestration/agents/{agent}/claim"
        answer = Client().post(address, {}, content_type="application/json", headers=headers)
        if answer.status_code != 200:
            raise RuntimeError(answer.content)


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
def test_everything_at_once_fails_nobody() -> None:
    for agent in AGENTS:
        make_agent(agent, *SLUGS[:-1])
    since = SIX - timedelta(days=3)
    only(
        {"recurrence": "0 6 * * *", "recurs_since": since},
        {"recurrence": "0 7 * * *", "recurs_since": since, "key": "b", "marketplace_id": "shopee"},
    )
    Agent.objects.filter(slug="alex").update(capacity=50)
    work, done, failures = Work(), Counter[str](), Counter[str]()
    everything = {step.__name__ for step in work.all()}
    began = time.monotonic()

    def goes_on() -> bool:
        """A busy machine may take longer until each has been done once."""
        so_far = time.monotonic() - began
        return so_far < SECONDS or (not done.keys() >= everything and not failures and so_far < 60)

    def keep_doing() -> None:
        try:
            while goes_on():
                step = work.one()
                try:
                    step()
                    done[step.__name__] += 1
                except APIException:
                    done["refused"] += 1  # somebody else was quicker
                except Exception as error:
                    failures[f"{step.__name__}: {error}"[:200]] += 1
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        for one in [threads.submit(keep_doing) for _ in range(THREADS)]:
            one.result()
    assert failures == {}
    assert done.keys() >= everything
    assert list(differences()) == []


def waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="on SQLite one writes at a time")
def test_who_is_rolled_back_out_of_a_circle_is_told_that_nothing_was_changed() -> None:
    task = make_task_in(TaskStatus.IN_PROGRESS)
    client = Client(headers={"accept-language": "en"})
    client.force_login(make_user("head"), settings.AUTHENTICATION_BACKENDS[-1])
    change = {"taskId": task.row["task_id"], "status": "in_progress", "progress": 60}

    def report() -> Any:
        try:
            return client.patch(API, change, content_type="application/json")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic(), connection.cursor() as cursor:
            # PostgreSQL rolls back who looks for a circle first: not this one.
            cursor.execute("SET LOCAL deadlock_timeout = '30s'")
            cursor.execute("SELECT FROM execution_stream WHERE id = 1 FOR NO KEY UPDATE")
            call = threads.submit(report)
            deadline = time.monotonic() + 5
            while not waiting_for_a_lock():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            cursor.execute("SELECT FROM execution_task FOR NO KEY UPDATE")
        answer = call.result()
    assert "Nothing was changed" in refused(answer, 503, "unavailable")["error"]
    assert Task.objects.get().progress == 50
