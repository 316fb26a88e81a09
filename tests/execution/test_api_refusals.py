"""Refusals that name everything at once, in the reader's language."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from rest_framework.test import APIClient

from accounts.roles import Role
from execution.enums import TaskStatus
from execution.models import Task
from tests.envelope import refused, refused_fields
from tests.factories import make_task, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
URL = "/api/marketplace/orchestration/task-execution"
LOGS, BULK = f"{URL}/<id>/logs", f"{URL}/bulk"
NEW = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}


@pytest.fixture
def head() -> APIClient:
    client = APIClient(enforce_csrf_checks=True)
    client.force_authenticate(make_user(Role.HEAD))
    return client


def test_an_unknown_field_hides_no_other_error(head: APIClient) -> None:
    wrong = {**NEW, "channel": "ebay", "foo": 1, "estimatedHours": "1"}
    fields = {"channel", "foo", "estimatedHours"}
    assert refused_fields(head.post(URL, wrong, format="json")) == fields
    assert refused_fields(head.post(URL, [NEW, wrong], format="json")) == {
        f"[1].{name}" for name in fields
    }
    assert Task.objects.count() == 0


@pytest.mark.parametrize("name", ["taskId", "agent", "taskType", "createdAfter"])
def test_a_filter_of_white_space_is_refused(head: APIClient, name: str) -> None:
    make_task()
    assert refused_fields(head.get(f"{URL}?{name}=%20")) == {name}


def test_a_form_that_is_not_offered_names_its_parameter(head: APIClient) -> None:
    assert refused_fields(head.get(f"{URL}?format=xml")) == {"format"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("null", "nulo"),
        ("{", "linha"),
        ('{"a": NaN}', "não é JSON"),
        ('{"a": 1, "a": 2}', "duas vezes"),
        ("[" * 100, "aninhados"),
    ],
)
def test_a_broken_body_is_explained_in_portuguese(head: APIClient, body: str, word: str) -> None:
    answer = head.post(URL, body, content_type="application/json")
    assert answer.status_code == 400
    assert word in answer.json()["error"]


def test_a_missing_csrf_token_is_explained_in_portuguese() -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(make_user(Role.HEAD))
    body = refused(client.post(URL, NEW, format="json"), 403, "csrf_failed")
    assert "token CSRF" in body["error"]
    assert "Failed" not in body["error"]


@pytest.mark.parametrize("command", ["seed_demo", "import_tasks"])
def test_a_database_that_is_behind_is_a_sentence(command: str, tmp_path: Path) -> None:
    MigrationRecorder(connection).migration_qs.filter(app="execution").delete()
    arguments = [str(tmp_path / "log.csv")] if command == "import_tasks" else []
    with pytest.raises(CommandError, match="migrate"):
        call_command(command, *arguments, stdout=StringIO())


def test_who_may_not_is_told_so_in_the_products_own_words() -> None:
    client = APIClient()
    client.force_authenticate(make_user(Role.QA))
    answer = client.post(URL, NEW, format="json", headers={"Accept-Language": "pt-BR"})
    assert answer.status_code == 403
    sentence = "Você não tem permissão para fazer isto. Fale com um administrador."
    assert answer.json()["error"] == sentence


CHANNELS = "amazon, mercadolivre, shopee, shein, tiktokshop, kaway"


@pytest.mark.parametrize(
    ("path", "body", "english", "portuguese"),
    [
        (
            URL,
            {**NEW, "channel": "ebay"},
            f"ebay is not one of {CHANNELS}.",
            f"ebay não é um dos valores possíveis: {CHANNELS}.",
        ),
        (URL, "x", "Expected a JSON object.", "Era esperado um objeto JSON."),
        (URL, {**NEW, "targets": "x"}, "Expected a list.", "Era esperada uma lista."),
        (LOGS, {"logs": "x"}, "Expected a list.", "Era esperada uma lista."),
        (URL, {**NEW, "title": 1}, "Must be text.", "Precisa ser um texto."),
        (URL, {**NEW, "estimatedHours": "1"}, "Must be a number.", "Precisa ser um número."),
        (
            URL,
            {**NEW, "estimatedHours": 2000},
            "Ensure this value is less than or equal to 1000.",
            "Certifique-se de que este valor seja menor ou igual a 1000.",
        ),
        (BULK, {"dryRun": 1}, "Must be true or false.", "Deve ser true ou false."),
    ],
)
def test_what_is_wrong_with_a_value_is_said_in_words_of_the_product(
    head: APIClient, path: str, body: Any, english: str, portuguese: str
) -> None:
    path = path.replace("<id>", make_task().row["task_id"])
    for language, sentence in (("en", english), ("pt-BR", portuguese)):
        answer = head.post(path, body, format="json", headers={"Accept-Language": language})
        assert answer.status_code == 400
        assert [sentence] in answer.json()["details"].values()


@pytest.mark.parametrize(
    ("headers", "status", "sentence"),
    [
        ({}, 401, "Entre ou envie o cabeçalho Authorization: Token <chave>."),
        ({"Accept": "image/png"}, 406, "Nada do que o cabeçalho Accept aceita é oferecido aqui."),
    ],
)
def test_what_a_client_left_out_is_said(
    headers: dict[str, str], status: int, sentence: str
) -> None:
    answer = APIClient().get(URL, headers={"Accept-Language": "pt-BR", **headers})
    assert answer.status_code == status
    assert answer.json()["error"] == sentence


def test_the_first_refusal_does_not_settle_the_language_of_the_next(head: APIClient) -> None:
    task_id = make_task().row["task_id"]
    wrong = {"taskId": task_id, "status": "in_progress", "progress": 101}
    told = {}
    for language in ("pt-BR", "en", "pt-BR"):
        answer = head.patch(URL, wrong, format="json", headers={"Accept-Language": language})
        (sentence,) = answer.json()["details"]["progress"]
        assert told.setdefault(language, sentence) == sentence
    assert "or equal to 100" in told["en"]
    assert "ou igual a 100" in told["pt-BR"]


@pytest.mark.parametrize(
    ("status", "progress", "english", "portuguese"),
    [
        (
            "pending",
            50,
            "In status “Pending”, progress must be 0.",
            "Com o status “Aguardando”, o progresso precisa ser 0.",
        ),
        (
            "in_progress",
            80,
            "In status “In progress”, progress must be from 50 to 74.",
            "Com o status “Em Progresso”, o progresso precisa estar entre 50 e 74.",
        ),
    ],
)
def test_a_refused_progress_names_the_status_as_pages_do(
    head: APIClient, status: str, progress: int, english: str, portuguese: str
) -> None:
    body = {"taskId": make_task().row["task_id"], "status": status, "progress": progress}
    for language, sentence in (("en", english), ("pt-BR", portuguese)):
        answer = head.patch(URL, body, format="json", headers={"Accept-Language": language})
        assert answer.json()["details"]["progress"] == [sentence]


def test_a_refused_step_names_where_the_task_stands(head: APIClient) -> None:
    task_id = make_task_in(TaskStatus.APPROVED).row["task_id"]
    for command, sentence in (
        ("approve", "The task is “Approved” already. Nothing was changed."),
        (
            "retry",
            "This is for tasks that are “Failed”; the task is “Approved”. Nothing was changed.",
        ),
        ("sync", "Targets can be sent only once the task is “Syncing”."),
    ):
        answer = head.post(
            f"{URL}/{task_id}/{command}", {}, format="json", headers={"Accept-Language": "en"}
        )
        assert refused(answer, 409, "invalid_transition")["error"] == sentence
