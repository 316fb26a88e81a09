"""What is read for agents: late work for whoever had it, and no more rows than are asked about."""

from dataclasses import fields
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from execution import services
from execution.assignment import ASSIGNMENT_ACTOR, Assignment
from execution.changes import Edits
from execution.commands import Command
from execution.enums import EventKind, FailureReason, TaskStatus
from execution.models import Task, TaskEvent
from nexo.shared import clock
from optimization import projection, queries
from optimization.arrays import Facts
from optimization.optimizations import optimizations
from optimization.queries import Window
from tests.factories import OPERATOR, make_agent, make_task_in
from tests.optimization.work import at_noon, completed, failed, moved

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def late_of(*slugs: str) -> dict[str, float]:
    """Late tasks of each agent, read for all of them, for each alone, and as its metrics are."""
    window = Window(clock.now())
    together = queries.history(slugs, window).facts.late.sum(axis=1).tolist()
    alone = [float(queries.history([slug], window).facts.late.sum()) for slug in slugs]
    pooled = [float(queries.pooled(window, agent_id=slug).facts.late.sum()) for slug in slugs]
    assert together == alone == pooled
    return dict(zip(slugs, together, strict=True))


def overdue_task(agent_id: str | None, *, days: float = 5) -> str:
    """An approved task of 60 minutes: it has been late since two hours after its approval."""
    task_id: str = make_task_in(TaskStatus.APPROVED, agent_id=agent_id).row["task_id"]
    moved(task_id, clock.now() - timedelta(days=days))
    return task_id


def give(task_id: str, agent_id: str) -> None:
    services.command_task(task_id, Command.ASSIGN, caller=OPERATOR, edits=Edits(agent_id=agent_id))


class TestFewAgents:
    def test_no_row_of_others_is_read(self) -> None:
        """Of a hundred thousand agents one is recommended, each time a task is made."""
        now = clock.now()
        for slug in ("alex", "bia"):
            make_agent(slug)
            completed(slug, at=at_noon(1, now))
            overdue_task(slug)
        projection.catch_up()
        window = Window(now)
        with CaptureQueriesContext(connection) as asked:
            history = queries.history(["alex"], window)
        assert (history.facts.completed.sum(), history.facts.late.sum()) == (1, 1)
        assert len(asked) == 2
        assert all("'alex'" in one["sql"] for one in asked)

    def test_many_are_read_as_few_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = clock.now()
        for slug in ("alex", "bia", "caio"):
            make_agent(slug)
            completed(slug, at=at_noon(1, now))
            completed(slug, at=at_noon(40, now))
            overdue_task(slug)
        projection.catch_up()
        few = queries.history(["alex", "caio"], Window(now))
        monkeypatch.setattr(queries, "FEW", 1)
        many = queries.history(["alex", "caio"], Window(now))
        for field in fields(Facts):
            assert (getattr(few.facts, field.name) == getattr(many.facts, field.name)).all()
        assert few.ended.tolist() == many.ended.tolist() == [1, 1]


class TestLateWork:
    @pytest.fixture(autouse=True)
    def agents(self) -> None:
        for slug in ("alex", "bia", "caio"):
            make_agent(slug)

    def test_stays_with_the_agent_that_had_it_when_it_became_late(self) -> None:
        task_id = overdue_task("alex")
        assert late_of("alex", "bia", "caio") == {"alex": 1, "bia": 0, "caio": 0}
        give(task_id, "bia")
        give(task_id, "caio")
        assert late_of("alex", "bia", "caio") == {"alex": 1, "bia": 0, "caio": 0}
        alex, bia = optimizations(queries.agents(["alex", "bia"]), clock.now()).agents
        assert not bia.has_score
        # The approval, and that it became late.
        assert (sum(alex.facts), sum(bia.facts)) == (2, 0)

    def test_is_of_the_agent_that_was_given_the_task_before_it_became_late(self) -> None:
        task_id = overdue_task("alex", days=0)
        give(task_id, "bia")
        moved(task_id, clock.now() - timedelta(days=5))
        assert late_of("alex", "bia", "caio") == {"alex": 0, "bia": 1, "caio": 0}
        give(task_id, "caio")
        assert late_of("alex", "bia", "caio") == {"alex": 0, "bia": 1, "caio": 0}

    def test_of_a_task_that_waited_for_an_agent_is_nobodys(self) -> None:
        task_id = overdue_task("alex")
        Task.objects.update(agent_id=None)
        assert services.give_agent(task_id, Assignment("bia", {}), actor="system:assignment")
        assert late_of("alex", "bia", "caio") == {"alex": 0, "bia": 0, "caio": 0}
        assert queries.pooled(Window(clock.now())).facts.late.sum() == 1

    def test_that_was_approved_before_it_was_created_stays_too(self) -> None:
        task_id = overdue_task("alex")
        now = clock.now()
        Task.objects.update(
            created_at=now - timedelta(minutes=1), due_at=now + timedelta(minutes=59)
        )
        give(task_id, "bia")
        assert late_of("alex", "bia") == {"alex": 1, "bia": 0}

    def test_of_one_marketplace_stays_too(self) -> None:
        give(overdue_task("alex"), "bia")
        window = Window(clock.now())
        for slug, late in (("alex", 1), ("bia", 0)):
            pool = queries.pooled(window, agent_id=slug, marketplace_id="amazon")
            assert pool.facts.late.sum() == late
        assert queries.pooled(window, marketplace_id="amazon").facts.late.sum() == 1
        assert queries.pooled(window, marketplace_id="kaway").facts.late.sum() == 0

    def test_two_tasks_of_one_day_count_twice(self) -> None:
        overdue_task("alex")
        overdue_task("alex")
        assert late_of("alex", "bia") == {"alex": 2, "bia": 0}
        assert queries.pooled(Window(clock.now())).facts.late.sum() == 2


def test_peers_are_the_active_agents_of_its_marketplaces_and_itself() -> None:
    make_agent("alex", "amazon", "kaway", is_active=False)
    make_agent("bia", "amazon")
    make_agent("caio", "amazon", is_active=False)
    make_agent("davi", "shein")
    assert [agent.slug for agent in queries.peers_of("alex")] == ["alex", "bia"]


def test_cancelled_tasks_are_among_those_that_ended() -> None:
    make_agent("alex")
    noon = at_noon(1, clock.now())
    completed("alex", at=noon)
    for reason in FailureReason:
        failed("alex", at=noon, reason=reason)
    (alex,) = optimizations(queries.peers_of("alex"), clock.now()).agents
    assert alex.ended_tasks == 1 + len(FailureReason)


def test_outcomes_are_those_of_the_window() -> None:
    make_agent("alex")
    now = clock.now()
    for days_ago in (29, 30):
        moved(
            make_task_in(TaskStatus.COMPLETED, agent_id="alex").row["task_id"],
            at_noon(days_ago, now),
        )
    Task.objects.update(assignment={"rule": "recommended", "ranking": [{"agentId": "alex"}]})
    make_task_in(TaskStatus.PENDING, agent_id="alex")  # somebody's own choice
    outcomes = queries.decision_outcomes("alex", Window(now))
    assert (outcomes.recommended, outcomes.completed) == (1, 1)


def test_an_outcome_is_of_the_window_in_which_the_task_was_given() -> None:
    make_agent("alex")
    for days_ago, given_days_ago in ((45, 2), (45, 40)):
        task_id = make_task_in(TaskStatus.APPROVED).row["task_id"]
        Task.objects.filter(task_id=task_id).update(agent_id=None)
        kept = {"rule": "recommended", "ranking": [{"agentId": "alex"}]}
        assert services.give_agent(task_id, Assignment("alex", kept), actor=ASSIGNMENT_ACTOR)
        moved(task_id, at_noon(days_ago, clock.now()))
        given = TaskEvent.objects.filter(task__task_id=task_id, kind=EventKind.EDITED)
        given.update(at=at_noon(given_days_ago, clock.now()))
    outcomes = queries.decision_outcomes("alex", Window(clock.now()))
    assert (outcomes.recommended, outcomes.open) == (1, 1)
