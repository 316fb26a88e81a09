"""What people read of a task, word by word."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from execution import texts
from execution.enums import EventKind, FailureReason

pytestmark = pytest.mark.unit
NOW = datetime(2026, 2, 24, 17, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _portuguese() -> Any:
    with translation.override("pt-br"):
        yield


@pytest.mark.parametrize(
    ("spent", "estimate", "text"),
    [
        (45, 60, "45min / 60min"),
        (150, 180, "2h 30min / 3h"),
        (61, 120, "1h 1min / 2h"),
        (0, 30, "0min / 30min"),
    ],
)
def test_time_used_against_estimate(spent: int, estimate: int, text: str) -> None:
    assert texts.time_text(spent, estimate) == text


def test_what_took_no_whole_minute_did_not_take_none() -> None:
    told = [texts.span_text(minutes) for minutes in (0, 1, 120)]
    assert told == ["menos de 1min", "1min", "2h"]


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("pt-br", ["atrasada <1min", "atrasada 12min", "atrasada 2h 30min"]),
        ("en", ["overdue <1min", "overdue 12min", "overdue 2h 30min"]),
    ],
)
def test_how_late_a_task_is_in_words(language: str, told: list[str]) -> None:
    with translation.override(language):
        assert [texts.over_text(minutes) for minutes in (0, 12, 150)] == told


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=59), "agora"),
        (timedelta(minutes=3), "há 3 min"),
        (timedelta(hours=23, minutes=59), "há 23 h"),
        (timedelta(days=1), "23/02/2026 14:30"),
        # A clock that runs behind must not tell of the future.
        (timedelta(minutes=-3), "agora"),
    ],
)
def test_moments_are_told_by_age_within_a_day(age: timedelta, text: str) -> None:
    assert texts.moment_text(NOW - age, now=NOW) == text


def test_exact_moment_is_business_time() -> None:
    assert texts.exact_text(NOW) == "24/02/2026 14:30:00"


@pytest.mark.parametrize(("language", "text"), [("pt-br", "12.345"), ("en", "12,345")])
def test_numbers_are_grouped_as_the_language_does(language: str, text: str) -> None:
    with translation.override(language):
        assert texts.number_text(12_345) == text


def test_mark_tells_state_attempts_time_and_cause() -> None:
    detail = {"state": "failed", "attempts": 3, "error": "preço abaixo do mínimo"}
    assert texts.mark_text("shein", detail, changed="24/02/2026 14:30:00") == (
        "Shein: falhou · 3 tentativas · 24/02/2026 14:30:00 · preço abaixo do mínimo"
    )
    assert texts.mark_text("kaway", None, changed=None) == "Kaway: não é destino desta tarefa"


@pytest.mark.parametrize(
    ("actor", "text"),
    [
        ("user:ana", "ana"),
        ("agent:alex", "agente alex"),
        ("system:sync", "sincronização automática"),
        ("system:assignment", "atribuição das tarefas em espera"),
        ("system:outra", "sistema (outra)"),
    ],
)
def test_actors_have_names(actor: str, text: str) -> None:
    assert texts.actor_text(actor) == text


def event(kind: str, **values: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "actor": "user:ana",
        "from_status": "approved",
        "progress": 60,
        "reason": None,
        "failure_reason": None,
        "details": None,
        **values,
    }


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (event("approved"), "ana aprovou"),
        (event("started"), "ana iniciou a execução"),
        (event("started", from_status="pending"), "ana aprovou e iniciou a execução"),
        (event("progress", actor="agent:alex"), "agente alex informou 60%"),
        (
            event("failed", failure_reason="cancelled", reason="anúncio repetido"),
            "ana cancelou a tarefa: “anúncio repetido”",
        ),
        (
            event("failed", failure_reason="error", details={"error": "sem estoque"}),
            "ana registrou uma falha: “sem estoque”",
        ),
        (
            event("sync", details={"sync": {"amazon": True, "shein": False}}),
            "ana marcou como sincronizado: Amazon; ana marcou como não sincronizado: Shein",
        ),
        (
            event("syncing", details={"sync": {"amazon": True, "kaway": True}}, reason="foi"),
            "ana enviou aos marketplaces; marcou como sincronizado: Amazon, Kaway: “foi”",
        ),
        (
            event("completed", details={"sync": {"amazon": False}, "withdrawn": ["amazon"]}),
            "ana concluiu a tarefa; marcou como não sincronizado: Amazon; deixou de ser exigido:"
            " Amazon",
        ),
        (
            event("sync", details={"queued": ["shein", "kaway"]}, reason="agora vai"),
            "ana mandou sincronizar de novo: Shein, Kaway: “agora vai”",
        ),
        (
            event(
                "approved",
                details={"edits": {"estimated_minutes": [60.0, 90.0]}},
                reason="foto nova",
            ),
            "ana aprovou e alterou a estimativa de 60 para 90 min: “foto nova”",
        ),
        (
            event(
                "approved",
                details={
                    "edits": {
                        "targets": [["amazon"], ["amazon", "shein"]],
                        "priority": ["normal", "urgent"],
                        "title": ["Foto", "Foto nova"],
                        "estimated_minutes": [60.0, 66.6],
                    }
                },
            ),
            "ana aprovou e alterou o título de “Foto” para “Foto nova”, a estimativa de 60 para"
            " 66,6 min, a prioridade de normal para urgente e os destinos de Amazon para Amazon,"
            " Shein",
        ),
        (
            event("edited", details={"edits": {"agent_id": [None, "marina"]}}),
            "ana alterou o agente de ninguém para marina",
        ),
        (event("edited"), "ana editou a tarefa"),
        (
            event("lease_expired", actor="system:leases"),
            "controle de reservas: a reserva do agente venceu, a tarefa voltou a esperar",
        ),
    ],
)
def test_events_are_sentences(row: dict[str, Any], text: str) -> None:
    assert texts.event_text(row) == text


def test_whatever_happens_is_a_sentence() -> None:
    assert texts.DEEDS.keys() | {EventKind.FAILED} == set(EventKind)
    assert texts.FAILURE_DEEDS.keys() == set(FailureReason)


def test_completion_by_hand_names_what_it_withdrew() -> None:
    row = event("completed", details={"withdrawn": ["shein", "kaway"]})
    assert texts.event_text(row).startswith("ana concluiu a tarefa; ")
    assert texts.event_text(row).endswith("deixaram de ser exigidos: Shein, Kaway")
    row = event("completed", details={"withdrawn": ["kaway"]})
    assert texts.event_text(row).endswith("deixou de ser exigido: Kaway")
