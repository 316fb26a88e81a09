"""The pages as the server draws them: who may open them, what they show, what they do."""

import csv
import json
import os
import re
from collections import Counter
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.callers import caller_for_user
from accounts.roles import Role
from execution.changes import Edits
from execution.commands import Command
from execution.enums import FailureReason, TaskStatus
from execution.models import Agent, Task, TaskEvent
from execution.page_filters import IN_DETAILS
from execution.services import command_task
from nexo.shared import clock
from tests.factories import OPERATOR, change, make_agent, make_task, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
LIST = "/marketplace/tasks/execution"
JSON = {"Accept": "application/json"}


def client_of(role: str | None, **options: Any) -> Client:
    client = Client(headers={"Accept-Language": "pt-BR"}, **options)
    client.force_login(make_user(role), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def page_data(client: Client, address: str = LIST) -> dict[str, Any]:
    html = client.get(address).content.decode()
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', html)
    assert found is not None
    return json.loads(found[1])


def address_of(task: Any) -> str:
    return reverse("task", args=[task.row["task_id"]])


def total_of(html: str) -> str:
    found = re.search(r'id="shown">([^<]*)<', html)
    assert found is not None
    return found[1].split(" de ")[1]


def card_of(html: str, card: str) -> str:
    found = re.search(rf'data-card="{card}".*?data-field="count">([^<]*)<', html, re.DOTALL)
    assert found is not None
    return found[1]


def test_a_list_of_today_ends_with_the_business_day(monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(None)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 2, 24, 15, tzinfo=UTC))
    assert page_data(client, f"{LIST}?period=today")["turnsAt"] == "2026-02-25T03:00:00Z"
    assert page_data(client)["turnsAt"] is None


@pytest.mark.parametrize(
    ("status", "told"), [("approved", True), ("failed", True), ("completed", False)]
)
def test_a_tasks_page_says_that_its_agent_begins_nothing(status: str, told: bool) -> None:
    make_agent("alex")
    state = make_task_in(TaskStatus(status), agent_id="alex")
    client = client_of(None)
    assert "não inicia tarefas" not in client.get(address_of(state)).content.decode()
    Agent.objects.update(is_paused=True)
    assert ("pausado: não inicia" in client.get(address_of(state)).content.decode()) == told
    Agent.objects.update(is_active=False)
    assert ("inativo: não inicia" in client.get(address_of(state)).content.decode()) == told


# -- Who may open them -----------------------------------------------------------------------------


@pytest.mark.parametrize("address", [LIST, f"{LIST}/summary", "/marketplace/tasks/task-1"])
def test_visitors_are_led_to_sign_in_and_back(address: str) -> None:
    answer = Client().get(f"{address}?q=a")
    assert answer.status_code == 302
    assert (
        answer["Location"] == f"/accounts/login/?{urlencode({'next': f'{address}?q=a'}, safe='/')}"
    )


@pytest.mark.parametrize("address", [LIST, f"{LIST}/", f"{LIST}?status=failed"])
def test_everybody_signed_in_sees_the_list(address: str) -> None:
    assert client_of(None).get(address).status_code == 200


def test_root_leads_to_the_list() -> None:
    assert client_of(None).get("/")["Location"] == LIST


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (None, set()),
        (Role.QA, {"approve", "reject"}),
        (
            Role.HEAD,
            {
                *("approve", "start", "send", "complete", "return"),
                *("retry", "reject", "fail", "cancel"),
            },
        ),
    ],
)
def test_page_offers_what_the_role_may_do(role: str | None, names: set[str]) -> None:
    data = page_data(client_of(role))
    assert {action["name"] for action in data["actions"]} == names
    assert data["mayOperate"] == (role == Role.HEAD)


# -- What they show --------------------------------------------------------------------------------


def test_filters_select_and_cards_ignore_the_status() -> None:
    make_task_in(TaskStatus.FAILED)
    make_task_in(TaskStatus.IN_PROGRESS)
    make_task(marketplace_id="shein")
    html = client_of(None).get(f"{LIST}?channel=amazon&status=failed").content.decode()
    assert total_of(html) == "1"
    cards = [card_of(html, name) for name in ("pending", "inProgress", "completed", "failed")]
    assert cards == ["0", "1", "0", "1"]


def test_each_filter_has_its_field() -> None:
    html = client_of(None).get(LIST).content.decode()
    fields = {"q", *IN_DETAILS}
    assert {name for name in fields if f'name="{name}"' in html} == fields


def test_unreadable_filters_are_left_out_and_said() -> None:
    make_task()
    html = client_of(None).get(f"{LIST}?status=nada&channel=amazon&cursor=x").content.decode()
    assert "<code>status=nada</code>" in html
    assert "<code>cursor=x</code>" in html
    assert total_of(html) == "1"


def test_text_from_outside_is_never_markup() -> None:
    task = make_task_in(TaskStatus.FAILED, title="<script>alert(1)</script>")
    change(task, error="</script><img src=x onerror=alert(1)>")
    client = client_of(None)
    for address in (f"{LIST}?q=<script>", LIST, address_of(task)):
        html = client.get(address).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html


@pytest.mark.usefixtures("who_asks_is_kept")
def test_list_asks_as_much_for_40_tasks_as_for_one() -> None:
    client = client_of(None)
    make_task(targets=("amazon", "shein"))
    client.get(LIST)
    with CaptureQueriesContext(connection) as one:
        client.get(LIST)
    for _ in range(39):
        make_task(targets=("amazon", "shein"))
    with CaptureQueriesContext(connection) as many:
        assert client.get(LIST).content.count(b'<tr role="row" class="task"') == 41
    assert len(many) == len(one)


def test_older_tasks_follow_by_cursor_without_gap_or_double() -> None:
    ids = [make_task().row["task_id"] for _ in range(60)]
    client = client_of(None)
    html = client.get(LIST).content.decode()
    first = re.findall(r'data-task="(task-[^"]+)"', html)
    found = re.search(r'id="more" href="([^"]+)"', html)
    assert found is not None
    rest = re.findall(r'data-task="(task-[^"]+)"', client.get(found[1]).content.decode())
    assert first + rest == ids[::-1]


def test_task_page_tells_the_whole_story() -> None:
    make_agent("marina")
    task = make_task(agent_id="marina", estimated_minutes=90.0, external_id="ERP-7")
    change(task, status=TaskStatus.IN_PROGRESS, reason="é urgente")
    change(
        change(task, status=TaskStatus.FAILED, error="sem estoque"),
        status=TaskStatus.PENDING,
    )
    html = client_of(None).get(address_of(task)).content.decode()
    for text in (
        "Aguardando · tentativa 2",
        "0min / 1h 30min",
        "ERP-7",
        "operator aprovou e iniciou a execução: “é urgente”",
        "operator registrou uma falha: “sem estoque”",
        "operator tentou de novo",
    ):
        assert text in html, text


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        ({"failure_reason": FailureReason.CANCELLED, "reason": "repetida"}, "repetida"),
        ({"failure_reason": FailureReason.REJECTED, "reason": "fora do padrão"}, "fora do padrão"),
        ({"failure_reason": FailureReason.CANCELLED, "error": "sem estoque"}, "sem estoque"),
        ({"failure_reason": FailureReason.CANCELLED}, "Nenhuma causa foi registrada."),
        ({"failure_reason": FailureReason.TIMEOUT}, "API lenta"),
        ({"error": "sem estoque", "reason": "de novo"}, "sem estoque"),
    ],
)
def test_panel_tells_why_it_ended_and_not_what_was_noted_before(
    ending: dict[str, Any], cause: str
) -> None:
    task = change(make_task(), error="API lenta")
    change(task, status=TaskStatus.FAILED, **ending)
    html = client_of(None).get(address_of(task)).content.decode()
    found = re.search(r"<dt>Causa</dt>\s*<dd>([^<]*)</dd>", html)
    assert found is not None
    assert found[1] == cause


def test_task_page_leads_back_to_the_list_one_came_from() -> None:
    task = make_task()
    client = client_of(None)

    def list_address(referer: str) -> str:
        html = client.get(address_of(task), headers={"Referer": referer}).content.decode()
        found = re.search(r'class="breadcrumb".*?href="([^"]*)"', html, re.DOTALL)
        assert found is not None
        return found[1]

    assert list_address(f"http://testserver{LIST}?status=failed&q=a") == (
        f"{LIST}?status=failed&amp;q=a"
    )
    assert list_address("http://elsewhere.example/?status=failed") == LIST
    assert list_address(f"http://elsewhere.example{LIST}?status=failed") == LIST


def test_unknown_task_is_404() -> None:
    assert client_of(None).get("/marketplace/tasks/task-none").status_code == 404
    data = {"action": "approve", "version": 1}
    assert client_of(Role.HEAD).post("/marketplace/tasks/task-none", data).status_code == 404


# -- What they do ----------------------------------------------------------------------------------


def status_of(task: Any) -> str:
    return Task.objects.get(task_id=task.row["task_id"]).status


def test_form_moves_the_task_and_says_so() -> None:
    task = make_task()
    client = client_of(Role.HEAD)
    answer = client.post(address_of(task), {"action": "approve", "version": 1}, follow=True)
    assert "Feito." in answer.content.decode()
    assert status_of(task) == "approved"


def test_form_needs_its_token() -> None:
    task = make_task()
    client = client_of(Role.HEAD, enforce_csrf_checks=True)
    answer = client.post(address_of(task), {"action": "approve", "version": 1})
    assert answer.status_code == 403
    assert status_of(task) == "pending"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"action": "cancel", "version": 1}, "Diga o motivo."),
        ({"action": "cancel", "version": 1, "note": "  "}, "Diga o motivo."),
        ({"action": "cancel", "version": 1, "note": "\u200b \u2800"}, "Diga o motivo."),
        ({"action": "reject", "version": 1, "note": "\u200b"}, "Diga o motivo."),
        ({"action": "fail", "version": 1, "note": "\u200b"}, "Diga o motivo."),
        ({"version": 1}, "Escolha uma ação."),
        ({"action": "approve", "channel": "amazon", "version": 1}, "Escolha uma ação."),
        (
            {"action": "send", "version": 1},
            "A tarefa não pode passar de “Aguardando” para “Sincronizando”.",
        ),
        ({"action": "approve", "version": 7}, "A tarefa mudou enquanto você decidia."),
        ({"channel": "amazon", "synced": "true", "version": 1}, ""),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    fields: dict[str, Any], sentence: str
) -> None:
    task = make_task()
    before = TaskEvent.objects.count()
    answer = client_of(Role.HEAD).post(address_of(task), fields, follow=True)
    html = answer.content.decode()
    assert 'class="toast" data-tone="red"' in html
    assert sentence in html
    assert status_of(task) == "pending"
    assert TaskEvent.objects.count() == before


def test_qa_approves_and_rejects_by_form() -> None:
    first, second = make_task(), make_task()
    client = client_of(Role.QA)
    answer = client.post(address_of(first), {"action": "approve", "version": 1}, headers=JSON)
    assert answer.json()["task"]["status"] == "approved"
    fields = {"action": "reject", "version": 1, "note": "fora do padrão"}
    answer = client.post(address_of(second), fields, headers=JSON)
    assert answer.json()["task"]["failureReason"] == "rejected"


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (TaskStatus.PENDING, {"action": "start"}),
        (TaskStatus.PENDING, {"action": "cancel", "note": "não"}),
        (TaskStatus.FAILED, {"action": "retry"}),
        (TaskStatus.MARKETPLACE_SYNC, {"channel": "amazon", "synced": "true"}),
    ],
)
def test_qa_does_nothing_else(status: TaskStatus, fields: dict[str, Any]) -> None:
    task = make_task_in(status)
    fields = {**fields, "version": task.row["version"]}
    answer = client_of(Role.QA).post(address_of(task), fields, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert status_of(task) == status


@pytest.mark.parametrize("role", [Role.QA, Role.HEAD])
def test_form_approves_nothing_that_one_edited(role: Role) -> None:
    client = client_of(role)
    task_id = make_task().row["task_id"]
    caller = caller_for_user(User.objects.get(username__startswith=role))
    edits = Edits(title="Novo título")
    command_task(task_id, Command.APPROVE, caller=caller, edits=edits)
    command_task(task_id, Command.CANCEL, caller=OPERATOR, reason="não")
    task = command_task(task_id, Command.RETRY, caller=OPERATOR)
    fields = {"action": "approve", "version": task.row["version"]}
    answer = client.post(address_of(task), fields, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (403, "own_task")
    html = client.post(address_of(task), fields, follow=True).content.decode()
    assert 'class="toast" data-tone="red"' in html
    assert html.count("Você criou ou editou esta tarefa: outra pessoa precisa aprová-la.") == 2
    assert status_of(task) == "pending"
    # What one edited oneself one may take back.
    client.post(address_of(task), {**fields, "action": "reject", "note": "não"})
    assert status_of(task) == "failed"


def test_decision_on_an_older_image_is_a_conflict() -> None:
    task = change(make_task(), error="nota")
    client = client_of(Role.QA)
    fields = {"action": "approve", "version": 1}
    answer = client.post(address_of(task), fields, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")
    assert answer.json()["details"]["task"]["version"] == 2


@pytest.mark.parametrize("status", [TaskStatus.APPROVED, TaskStatus.IN_PROGRESS])
def test_a_decision_that_somebody_else_made_is_told_with_where_the_task_stands(
    status: TaskStatus,
) -> None:
    task = make_task_in(status)
    fields = {"action": "reject", "version": 1, "note": "não"}
    answer = client_of(Role.QA).post(address_of(task), fields, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert answer.json()["details"]["from"] == status
    assert status_of(task) == status


def test_a_step_to_where_the_task_stands_is_not_told_as_done() -> None:
    task = make_task_in(TaskStatus.IN_PROGRESS)
    fields = {"action": "start", "version": task.row["version"]}
    client = client_of(Role.HEAD)
    answer = client.post(address_of(task), fields, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    html = client.post(address_of(task), fields, follow=True).content.decode()
    assert "A tarefa já está em “Em Progresso”. Nada foi alterado." in html


def test_user_may_do_nothing() -> None:
    task = make_task()
    answer = client_of(None).post(address_of(task), {"action": "approve", "version": 1})
    assert answer.status_code == 403
    assert status_of(task) == "pending"


# -- A real log ------------------------------------------------------------------------------------


def test_page_counts_a_real_log_as_its_file_does() -> None:
    folder = os.environ.get("NEXO_TEST_DATA")
    if folder is None:
        pytest.skip("NEXO_TEST_DATA names no folder: the page over the Olist log is NOT tested")
    path = Path(folder) / "olist_tasks_dev.csv"
    mapping = "SP=amazon,RJ=mercadolivre,MG=shopee,RS=shein,PR=tiktokshop,*=kaway"
    channels = dict(pair.split("=") for pair in mapping.split(","))
    with path.open(encoding="utf-8", newline="") as file:
        expected = Counter(
            (channels.get(line["channel"], channels["*"]), line["status"])
            for line in csv.DictReader(file)
        )
    options = ("--columns", "external_id=task_id", "--channels", mapping)
    call_command("import_tasks", str(path), *options, stdout=StringIO(), stderr=StringIO())
    client = client_of(None)
    for channel in channels.values():
        for status in TaskStatus.values:
            html = client.get(f"{LIST}?channel={channel}&status={status}").content.decode()
            shown = total_of(html).replace(".", "")
            assert int(shown) == expected[channel, status], (channel, status)


def test_why_this_agent_stays_true_when_a_person_gives_the_task_away() -> None:
    make_agent("alex")
    make_agent("marina", "amazon")
    state = make_task()
    client = client_of("head")
    first = state.row["agent_id"]
    other = {"alex": "marina", "marina": "alex"}[str(first)]
    edits = {"agentId": other}
    client.post(
        f"/api/marketplace/orchestration/task-execution/{state.row['task_id']}/approve",
        {"edits": edits},
        content_type="application/json",
    )
    html = client.get(address_of(state)).content.decode()
    old, new = str(first).capitalize(), other.capitalize()
    assert f"passou a tarefa para {new}; antes, estava com {old}." in html
    assert f"Por que {old} ficou com ela no início:" in html
    assert f"alterou o agente de {old} para {new}" in html


def test_what_cannot_be_read_names_the_choices_as_people_know_them() -> None:
    html = client_of("head").get("/marketplace/tasks/execution?status=xyz&channel=y")
    text = html.content.decode()
    assert "Escolha entre Aguardando, Aprovada, Em Progresso" in text
    assert "Escolha entre Amazon, MercadoLivre" in text


def test_a_filter_that_the_page_has_not_is_said_to_be_left_out() -> None:
    html = client_of(None).get(f"{LIST}?createdAfter=2026-01-01&estatus=failed").content.decode()
    for told in ("createdAfter=2026-01-01", "estatus=failed"):
        assert f"<code>{told}</code>: Esta página não tem esse filtro." in html
    many = "&".join(f"x{number}={number}" for number in range(1_000))
    assert client_of(None).get(f"{LIST}?{many}").content.decode().count("não tem esse filtro") == 5


@pytest.mark.parametrize(("role", "told"), [(None, True), ("qa", True), ("head", False)])
def test_who_may_not_try_again_is_told_who_may(role: str | None, told: bool) -> None:
    state = make_task_in(TaskStatus.FAILED)
    html = client_of(role).get(address_of(state)).content.decode()
    assert ("Peça à gestão (head) ou a um administrador que corrija a causa" in html) == told
    assert ("<dd>Corrija a causa e tente a tarefa de novo." in html) != told
