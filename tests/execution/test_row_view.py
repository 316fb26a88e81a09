"""A row of the list as the server makes it; the scripts' rows are held against the same tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from execution.representations import is_overdue, time_spent, whole_minutes
from execution.row_view import RowView, row_view

pytestmark = pytest.mark.unit
CREATED = datetime(2026, 2, 24, 17, 30, tzinfo=UTC)

# Seconds it took, minutes estimated (told rounded half up), and the two texts.
TIMES = [
    (45 * 60, 60, "45min / 60min", ""),
    (250, 3, "4min / 3min", "atrasada 1min"),
    (185, 3, "3min / 3min", "atrasada <1min"),
    # Two whole minutes of 2:30, which are told as 3.
    (130, 2.5, "2min / 3min", ""),
    (165, 2.5, "3min / 3min", "atrasada <1min"),
    (140, 2.4, "2min / 2min", ""),
    (150, 2.4, "2min / 2min", "atrasada <1min"),
]


def ended_task(seconds: float, estimate: float) -> dict[str, Any]:
    """Of a task that ended so long after its creation, what its row says about time."""
    row: Any = {
        "created_at": CREATED,
        "due_at": CREATED + timedelta(minutes=estimate),
        "ended_at": CREATED + timedelta(seconds=seconds),
    }
    return {
        "createdAt": row["created_at"].isoformat(),
        "endedAt": row["ended_at"].isoformat(),
        "timeEstimate": whole_minutes(estimate),
        "timeSpent": time_spent(row, CREATED),
        "overdue": is_overdue(row, CREATED),
    }


def view_of(**fields: Any) -> RowView:
    task = {
        "taskId": "task-1",
        "title": "Foto",
        "status": "completed",
        "channel": "amazon",
        "agentId": None,
        "progress": 100,
        "startedAt": None,
        "attempt": 1,
        "error": None,
        "failureReason": None,
        "progressAtFailure": None,
        **ended_task(60, 60),
        **fields,
    }
    return row_view(task, short_names={}, agent_names={}, now=CREATED)


def time_texts(seconds: float, estimate: float) -> tuple[str, str]:
    view = view_of(**ended_task(seconds, estimate))
    return view.time_text, view.over_text


@pytest.mark.parametrize(("seconds", "estimate", "time", "over"), TIMES)
def test_how_much_was_used_and_how_late_it_was(
    seconds: float, estimate: float, time: str, over: str
) -> None:
    with translation.override("pt-br"):
        assert time_texts(seconds, estimate) == (time, over)


def test_figures_and_words_never_contradict_each_other() -> None:
    for tenths in range(1, 40):
        for seconds in range(0, 300, 7):
            time, over = time_texts(seconds, tenths / 10)
            used, estimate = (int(part.removesuffix("min")) for part in time.split(" / "))
            assert used >= estimate if over else used <= estimate, (tenths, seconds)


@pytest.mark.parametrize(
    ("reason", "error", "label", "cause"),
    [
        ("error", "API lenta", "Ver erro", "API lenta"),
        ("timeout", None, "Ver motivo", "O motivo está na página da tarefa."),
        ("cancelled", None, "Ver motivo", "O motivo está na página da tarefa."),
        # Noted before a person ended it: not why.
        ("cancelled", "API lenta", "Ver motivo", "O motivo está na página da tarefa."),
        ("rejected", "API lenta", "Ver motivo", "O motivo está na página da tarefa."),
        (None, "API lenta", "Ver erro", "API lenta"),
        (None, None, "", ""),
    ],
)
def test_an_error_from_before_is_not_told_as_the_cause_of_a_decision(
    reason: str | None, error: str | None, label: str, cause: str
) -> None:
    status = "failed" if reason else "in_progress"
    with translation.override("pt-br"):
        view = view_of(status=status, failureReason=reason, error=error)
    assert (view.cause_label, view.error) == (label, cause)
