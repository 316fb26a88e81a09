"""`check_consistency` recounts the facts too, and names what differs."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.utils import translation

from execution.consistency import differences
from execution.enums import TaskStatus
from optimization.models import AgentDay, DailyFact, FactCursor
from optimization.projection import catch_up
from tests.factories import make_agent, make_task_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _counted() -> Iterator[None]:
    make_agent()
    for status in TaskStatus:
        make_task_in(status, agent_id="alex")
    catch_up()
    with translation.override("en"):
        yield


def test_what_was_counted_agrees() -> None:
    assert AgentDay.objects.exists()
    assert list(differences()) == []


def test_what_is_not_counted_yet_is_no_difference() -> None:
    make_task_in(TaskStatus.COMPLETED, agent_id="alex")
    assert list(differences()) == []


@pytest.mark.parametrize("model", [AgentDay, DailyFact])
@pytest.mark.parametrize("column", ["completed", "failed_error", "estimated_minutes"])
def test_a_wrong_sum_is_named(model: type, column: str) -> None:
    table = model._meta.db_table  # type: ignore[attr-defined]  # a model's
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {column} + 7")
    found = list(differences())
    assert found
    assert all(line.startswith(model.__name__) and f": {column} is " in line for line in found)


@pytest.mark.parametrize("model", [AgentDay, DailyFact])
def test_a_lost_row_is_named(model: type) -> None:
    model.objects.all().delete()  # type: ignore[attr-defined]  # a model's
    assert any(line.startswith(model.__name__) for line in differences())


def test_facts_of_another_log_are_left_to_be_counted_anew() -> None:
    FactCursor.objects.update(epoch="another")
    AgentDay.objects.update(completed=99)
    assert list(differences()) == []
