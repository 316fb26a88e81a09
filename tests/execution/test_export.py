"""The list for a spreadsheet: what the page's filters select, and nothing that it carries out."""

import csv
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.roles import Role
from execution import export
from execution.enums import TaskStatus
from execution.models import Task
from nexo.shared.clock import BUSINESS_ZONE
from tests.factories import change, make_agent, make_task, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PATH = "/marketplace/tasks/execution/csv"


@pytest.fixture
def reader() -> Client:
    client = Client(headers={"Accept-Language": "pt-BR"})
    client.force_login(make_user(), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def lines(answer: Any) -> list[dict[str, str]]:
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines(), delimiter=";"))


def test_it_has_what_the_page_has_the_newest_first(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 2)
    make_agent("alex")
    made = [make_task(title=f"Foto {n}", agent_id="alex", targets=["shein"]) for n in range(5)]
    change(made[0], status=TaskStatus.FAILED, error="sem estoque")
    found = lines(reader.get(PATH))
    assert [line["Título"] for line in found] == [f"Foto {n}" for n in (4, 3, 2, 1, 0)]
    last = found[-1]
    assert last["Id"] == made[0].row["task_id"]
    assert (last["Status"], last["Falha"], last["Erro"]) == ("Falha", "Erro", "sem estoque")
    assert (last["Agente"], last["Estimativa (min)"]) == ("Alex", "60")
    assert last["Marketplaces de destino"] == "Shein: planejado"
    ended = Task.objects.get(pk=made[0].row["id"]).ended_at
    assert ended is not None
    # As in the reports and the audit: the reader's way of writing a day, and whose time it is.
    local = ended.astimezone(BUSINESS_ZONE)
    assert last["Encerrada em, horário de São Paulo"] == f"{local:%d/%m/%Y %H:%M:%S}"
    assert found[0]["Encerrada em, horário de São Paulo"] == ""


def test_in_english_days_are_written_so_that_they_cannot_be_misread(reader: Client) -> None:
    created = make_task().row["created_at"].astimezone(BUSINESS_ZONE)
    answer = reader.get(PATH, headers={"Accept-Language": "en"})
    (line,) = csv.DictReader(answer.getvalue().decode("utf-8-sig").splitlines())
    assert line["Created at, São Paulo time"] == f"{created:%Y-%m-%d %H:%M:%S}"


def test_it_keeps_the_filters(reader: Client) -> None:
    make_task(title="Preço")
    make_task_in(TaskStatus.FAILED, title="Foto")
    assert [line["Título"] for line in lines(reader.get(f"{PATH}?status=failed"))] == ["Foto"]
    assert [line["Título"] for line in lines(reader.get(f"{PATH}?q=preco"))] == ["Preço"]
    page = reader.get("/marketplace/tasks/execution?status=failed&q=foto").content.decode()
    assert f'href="{PATH}?status=failed&amp;q=foto"' in page


@pytest.mark.parametrize("query", ["status=nada", "period=x", "createdAfter=2026-01-01"])
def test_no_file_holds_more_than_was_asked_for(reader: Client, query: str) -> None:
    assert reader.get(f"{PATH}?{query}").status_code == 400


def test_a_cell_is_no_formula(reader: Client) -> None:
    make_task(title="=1+1")
    assert [line["Título"] for line in lines(reader.get(PATH))] == ["'=1+1"]


def test_it_says_where_it_ends(reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_TASKS", 2)
    for _ in range(2):
        make_task()
    assert len(lines(reader.get(PATH))) == 2
    make_task()
    assert "O arquivo termina aqui" in lines(reader.get(PATH))[-1]["Id externo"]


def test_strangers_are_asked_who_they_are() -> None:
    assert Client().get(PATH)["Location"].startswith("/accounts/login/")


def test_the_next_file_waits_for_the_one_before_whichever_it_is(reader: Client) -> None:
    head = Client(headers={"Accept-Language": "pt-BR"})
    head.force_login(make_user(Role.HEAD), settings.AUTHENTICATION_BACKENDS[-1])
    begun = head.get(PATH)
    for path in (PATH, "/marketplace/audit/csv"):
        refused = head.get(path)
        assert (refused.status_code, refused["Retry-After"]) == (429, "10")
        assert "O arquivo que você pediu antes ainda" in refused.content.decode()
    assert reader.get(PATH).status_code == 200
    begun.close()
    assert head.get("/marketplace/audit/csv").status_code == 200
