"""Errors outside the API are pages that say what happened, what was lost and what to do."""

import re
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import translation

from nexo.shared import errors, exports
from nexo.shared.exceptions import NeedsRole

pytestmark = pytest.mark.unit


@pytest.fixture
def request_() -> Any:
    with translation.override("pt-br"):
        yield RequestFactory().get("/marketplace/tasks/execution")


def unavailable(request: HttpRequest) -> HttpResponse | None:
    middleware = errors.DatabaseUnavailableMiddleware(lambda request: HttpResponse())
    return middleware.process_exception(request, OperationalError("database is locked"))


@pytest.mark.parametrize(
    ("handler", "status", "title"),
    [
        (errors.bad_request, 400, "Não conseguimos ler isso"),
        (errors.permission_denied, 403, "Você não tem acesso a esta página"),
        (errors.csrf_failure, 403, "Não conseguimos aceitar esse formulário"),
        (errors.page_not_found, 404, "Não há nada aqui"),
        (lambda request: errors.bad_request(request, RequestDataTooBig()), 413, "grande demais"),
        (
            lambda request: errors.too_many_requests(request, exports.OWN, retry_after=10),
            *(429, "Espere um momento"),
        ),
        (errors.server_error, 500, "Algo quebrou do nosso lado"),
        (unavailable, 503, "ocupado"),
    ],
)
def test_error_is_a_page_that_says_what_next(
    request_: HttpRequest, handler: Callable[..., HttpResponse], status: int, title: str
) -> None:
    answer = handler(request_)
    html = answer.content.decode()
    assert answer.status_code == status
    # The heading's words are what the tab and a screen reader's first sentence say.
    (heading,) = re.findall(r"<h1>(.*)</h1>", html)
    assert title in heading
    assert f"<title>{heading} · NEXO</title>" in html
    assert '<a class="button" href="/">Voltar às tarefas</a>' in html
    assert "database is locked" not in html


@pytest.mark.parametrize(
    ("language", "roles", "sentences"),
    [
        (
            "pt-br",
            ["Qualidade (qa)", "Gestão (head)", "Administração (admin)"],
            [
                "para os papéis Qualidade (qa), Gestão (head) ou Administração (admin).",
                "peça um desses papéis a quem administra o NEXO",
            ],
        ),
        ("pt-br", ["Gestão (head)"], ["para o papel Gestão (head).", "peça o papel"]),
        ("pt-br", [], ["um papel que sua conta não tem", "peça o papel"]),
        (
            "en",
            ["Quality (qa)", "Head (head)"],
            ["the roles Quality (qa) or Head (head).", "ask an administrator for one of these"],
        ),
    ],
)
def test_what_needs_a_role_names_it(language: str, roles: list[str], sentences: list[str]) -> None:
    with translation.override(language):
        request = RequestFactory().get("/marketplace/orchestration/optimization")
        html = errors.permission_denied(request, NeedsRole(roles)).content.decode()
    for sentence in sentences:
        assert sentence in html


def shown(answer: HttpResponse) -> str:
    """What of the page is read, without what its scripts may yet say."""
    return re.sub(r"<script.*?</script>", "", answer.content.decode(), flags=re.DOTALL)


def test_busy_database_says_once_what_became_of_it(request_: HttpRequest) -> None:
    answer = unavailable(request_)
    assert answer is not None
    html = shown(answer)
    # What broke in the middle may have been done: only the sentence of the error knows.
    assert html.count("Confira se foi feito") == 1
    assert "Nada foi alterado" not in html
    locked = OperationalError("database is locked")
    locked.__cause__ = sqlite3.OperationalError()
    locked.__cause__.sqlite_errorcode = sqlite3.SQLITE_BUSY
    middleware = errors.DatabaseUnavailableMiddleware(lambda request: HttpResponse())
    answer = middleware.process_exception(request_, locked)
    assert answer is not None
    assert shown(answer).count("Nada foi alterado") == 1


def test_busy_database_says_when_to_come_back(request_: HttpRequest) -> None:
    answer = unavailable(request_)
    assert answer is not None
    assert int(answer["Retry-After"]) > 0
