"""What numbers were counted from: as many lines as the numbers say, whatever happened."""

import random
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.exceptions import APIException

from accounts.roles import Role
from execution import queries as tasks
from execution import services
from execution.changes import Edits, TaskChange
from execution.commands import Command
from execution.enums import EventKind, FailureReason, TaskStatus
from execution.models import Task, TaskEvent
from nexo.shared import clock
from optimization import behind, queries
from optimization.behind import Fact, Line, read_behind
from optimization.optimizations import optimizations
from tests.factories import OPERATOR, change, make_agent, make_task, make_task_in, make_user
from tests.optimization.work import at_noon, completed, failed, moved

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PAGE = "/marketplace/orchestration/optimization/facts"


def all_lines(agent_id: str, fact: Fact) -> list[Line]:
    """Page by page to the end."""
    now = clock.now()
    found: list[Line] = []
    after = None
    while True:
        page = read_behind(agent_id, fact, now=now, after=after)
        found += page.lines
        after = page.after
        if after is None:
            return found


def do_something(chance: random.Random) -> None:
    agent = chance.choice(("alex", "bia"))
    tasks = list(Task.objects.values_list("task_id", flat=True))
    task_id = chance.choice(tasks) if tasks else ""
    match chance.randrange(8):
        case 0 | 1:
            make_task(agent_id=agent)
        case 2:
            services.command_task(task_id, Command.RETRY, caller=OPERATOR)
        case 3:
            edits = Edits(agent_id=agent)
            services.command_task(task_id, Command.ASSIGN, caller=OPERATOR, edits=edits)
        case 4:
            failure = TaskEvent.objects.filter(kind=EventKind.FAILED).order_by("-sequence").first()
            if failure:
                services.undo_failure(
                    failure.task.task_id, sequence=failure.sequence, caller=OPERATOR
                )
        case 5:
            # Some days earlier, with all that has happened to it.
            moved(task_id, clock.now() - timedelta(days=chance.choice((1, 2, 2, 40))))
        case _:
            reason = chance.choice((None, *FailureReason))
            status = TaskStatus.FAILED if reason else chance.choice(list(TaskStatus)[1:-1])
            asked = TaskChange(status, failure_reason=reason)
            services.update_task(task_id, asked, caller=OPERATOR)


@pytest.mark.parametrize("seed", range(4))
def test_there_are_as_many_lines_as_the_numbers_say(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "PAGE_SIZE", 3)
    for slug in ("alex", "bia"):
        make_agent(slug)
    chance = random.Random(seed)
    for _step in range(150):
        try:
            do_something(chance)
        except (APIException, Task.DoesNotExist):
            continue
    for one in optimizations(queries.agents(["alex", "bia"]), clock.now()).agents:
        seen = {fact: all_lines(one.agent.slug, fact) for fact in Fact}
        counts = read_behind(one.agent.slug, Fact.LATE, now=clock.now()).counts
        for fact, lines in seen.items():
            assert len(lines) == counts[fact], fact
            assert len(set(lines)) == len(lines)
            assert lines == sorted(lines, key=lambda line: (line.at, line.place), reverse=True)
        for name in ("approved", "rejected", "completed", "failed", "late"):
            assert counts[Fact(name)] == one.counts[name], name
    assert TaskEvent.objects.filter(kind=EventKind.UNDONE).exists()


def test_what_happened_to_others_tasks_now_is_still_there() -> None:
    for slug in ("alex", "bia"):
        make_agent(slug)
    now = clock.now()
    task_id = failed("alex", at=at_noon(3, now), reason=FailureReason.ERROR)
    services.command_task(task_id, Command.RETRY, caller=OPERATOR)
    services.command_task(task_id, Command.ASSIGN, caller=OPERATOR, edits=Edits(agent_id="bia"))
    old = completed("alex", at=at_noon(35, now))
    TaskEvent.objects.filter(task__task_id=old, kind=EventKind.COMPLETED).update(at=at_noon(1, now))
    assert [line.task_id for line in all_lines("alex", Fact.FAILED)] == [task_id]
    assert [line.task_id for line in all_lines("alex", Fact.COMPLETED)] == [old]
    assert all_lines("bia", Fact.FAILED) == []


def test_days_without_such_facts_are_not_looked_at(django_assert_max_num_queries: Any) -> None:
    make_agent("alex")
    now = clock.now()
    for days_ago in range(1, 25):
        completed("alex", at=at_noon(days_ago, now))
    failed("alex", at=at_noon(20, now), reason=FailureReason.TIMEOUT)
    read_behind("alex", Fact.FAILED, now=now)
    with django_assert_max_num_queries(8):
        assert len(read_behind("alex", Fact.FAILED, now=now).lines) == 1


# -- The page --------------------------------------------------------------------------------------


@pytest.fixture
def head() -> Client:
    client = Client()
    client.force_login(make_user(Role.HEAD), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def text_of(client: Client, query: str) -> str:
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_each_kind_says_what_it_is(head: Client) -> None:
    make_agent("alex", name="Alex")
    now = clock.now()
    done = completed("alex", at=at_noon(2, now), minutes=80)
    failed("alex", at=at_noon(2, now), reason=FailureReason.TIMEOUT)
    moved(make_task_in(TaskStatus.APPROVED, agent_id="alex").row["task_id"], at_noon(5, now))
    text = text_of(head, "agent=alex&fact=completed")
    assert "O que conta para Alex" in text
    assert f"{done}" in text and "1h 20min / 60min" in text
    assert "Aprovações 3 Rejeições 0 Conclusões 1 Erros 1 Atrasaram muito 1" in text
    assert "Tempo esgotado" in text_of(head, "agent=alex&fact=failed")
    task = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
    change(task, status=TaskStatus.FAILED, error="A foto é pequena demais.")
    assert "Erro A foto é pequena demais." in text_of(head, "agent=alex&fact=failed")
    assert "estimativa de 60min" in text_of(head, "agent=alex&fact=late")
    assert "por operator" in text_of(head, "agent=alex")
    assert "Nada deste tipo em 30 dias" in text_of(head, "agent=alex&fact=cancelled")


def test_half_a_minute_is_rounded_up_everywhere(head: Client) -> None:
    make_agent("alex")
    at = at_noon(1, clock.now())
    completed("alex", at=at, minutes=4.5, estimated_minutes=2.5)
    TaskEvent.objects.update(estimated_minutes=2.5)
    assert "5min / 3min" in text_of(head, "agent=alex&fact=completed")
    page = head.get("/marketplace/orchestration/optimization?agent=alex").content.decode()
    assert "3 min estimados, 5 min usados" in page
    late = make_task_in(TaskStatus.APPROVED, agent_id="alex", estimated_minutes=2.5)
    moved(late.row["task_id"], at)
    assert "estimativa de 3min" in text_of(head, "agent=alex&fact=late")


def test_what_became_late_before_the_window_is_said_to_be_late_all_the_same(head: Client) -> None:
    make_agent("alex")
    for days_ago in (5, 40):
        task = make_task_in(TaskStatus.APPROVED, agent_id="alex").row["task_id"]
        moved(task, at_noon(days_ago, clock.now()))
    make_task_in(TaskStatus.APPROVED, agent_id="alex")
    text = text_of(head, "agent=alex&fact=late")
    assert "Atrasaram muito 1" in text
    assert "até terminarem ou até se passarem 30 dias." in text
    assert "2 das suas tarefas abertas já passaram disso." in text
    assert "passaram disso" not in text_of(head, "agent=alex&fact=failed")


def test_older_lines_are_a_link_away(head: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "PAGE_SIZE", 2)
    make_agent("alex")
    ids = [completed("alex", at=at_noon(days_ago, clock.now())) for days_ago in (1, 2, 3)]
    first = head.get(f"{PAGE}?agent=alex&fact=completed").content.decode()
    assert [ids[0] in first, ids[1] in first, ids[2] in first] == [True, True, False]
    (older,) = re.findall(r'id="more" href="([^"]+)"', first)
    second = head.get(older.replace("&amp;", "&")).content.decode()
    assert ids[2] in second and ids[1] not in second
    assert "Voltar" in second
    assert re.findall(r'data-copy="([^"]+)" aria-label="Copiar id"', second) == [ids[2]]


def test_what_cannot_be_read_is_left_out_and_said(head: Client) -> None:
    make_agent("alex")
    text = text_of(head, "agent=alex&fact=nada&cursor=x&colour=red")
    assert "fact=nada" in text and "cursor=x" in text and "colour=red" in text
    for unknown in ("?agent=nobody", "?agent=alex%00", "?agent=", ""):
        assert head.get(f"{PAGE}{unknown}").status_code == 404


def test_an_agent_that_the_pages_names_leave_out_has_its_facts(
    head: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_NAMES", 1)
    make_agent("alex", name="Alex")
    make_agent("bia", name="Bia", is_active=False)
    failed("bia", at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
    text = text_of(head, "agent=bia&fact=failed")
    assert "O que conta para Bia" in text and "Erros 1" in text


def test_drawer_and_bottlenecks_lead_there(head: Client) -> None:
    make_agent("alex")
    for _task in range(3):
        failed("alex", at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
    drawer = head.get("/marketplace/orchestration/optimization?agent=alex").content.decode()
    assert f'href="{PAGE}?agent=alex"' in drawer
    overview = head.get("/marketplace/orchestration").content.decode()
    assert f'href="{PAGE}?agent=alex&amp;fact=failed"' in overview
