"""Errors outside the API are pages that say what happened, what was lost and what to do."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import translation

from nexo.shared import errors

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
        (errors.page_not_found, 404, "Não há nada aqui"),
        (lambda request: errors.bad_request(request, RequestDataTooBig()), 413, "grande demais"),
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
    assert title in html
    assert '<a class="button" href="/">Voltar às tarefas</a>' in html
    assert "database is locked" not in html


def test_busy_database_says_when_to_come_back(request_: HttpRequest) -> None:
    answer = unavailable(request_)
    assert answer is not None
    assert int(answer["Retry-After"]) > 0
