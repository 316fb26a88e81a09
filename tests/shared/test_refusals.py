"""Answers given before Django is asked look as if it had given them, and need no database."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils import translation

from nexo.shared import refusals
from nexo.shared.refusals import refuse
from nexo.shared.requests import RequestIdMiddleware
from nexo.shared.threads import build_environ
from tests.envelope import refused

pytestmark = pytest.mark.unit  # so that pytest-django refuses to reach the database
CALL = "/api/marketplace/orchestration/task-execution"
FORM = "/accounts/login/"
SENTENCES = {
    (413, "payload_too_large"): ("O corpo é grande demais.", "The body is too large."),
    (408, "request_timeout"): (
        "O corpo da requisição não chegou a tempo.",
        "The request's body did not arrive in time.",
    ),
    (500, "server_error"): (
        "Algo deu errado do nosso lado, e não sabemos se alguma mudança foi feita. Confira antes"
        " de tentar de novo e informe o id da requisição.",
        "Something went wrong on our side, so we do not know whether a change was made. Look before"
        " you try again, and quote the request id.",
    ),
}
TITLES = {
    413: ("Isso é grande demais", "That is too large"),
    408: ("Não conseguimos ler isso", "We could not read that"),
    500: ("Algo quebrou do nosso lado", "Something broke on our side"),
}
# Of what is said or of what was asked, not of the site.
OF_THE_ANSWER = {"Content-Type", "Content-Length", "Cache-Control", "Vary", "X-Request-ID"}


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(refusals, "_pages", {})
    refusals._answering.cache_clear()
    yield
    refusals._answering.cache_clear()


def environ(path: str, **headers: str) -> dict[str, Any]:
    scope = {
        "method": "POST",
        "path": path,
        "query_string": b"",
        "http_version": "1.1",
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
    }
    return build_environ(scope, io.BytesIO(), 0)


@pytest.mark.parametrize("asked", ["", "pt-BR", "en", "de"])
@pytest.mark.parametrize(("status", "code"), SENTENCES)
def test_a_call_is_refused_in_the_envelope_and_the_readers_language(
    status: int, code: str, asked: str
) -> None:
    with translation.override("en"):
        answer = refuse(environ(CALL, accept_language=asked), status)
        assert translation.get_language() == "en"
    body = refused(answer, status, code)
    assert (body["error"], body["details"]) == (SENTENCES[status, code][asked == "en"], None)
    assert answer["Content-Language"] == ("en" if asked == "en" else "pt-br")


@pytest.mark.parametrize("asked", ["", "pt-BR", "en"])
@pytest.mark.parametrize("status", TITLES)
def test_anything_else_is_refused_with_a_page(status: int, asked: str) -> None:
    answer = refuse(environ(FORM, accept_language=asked), status)
    html = answer.content.decode()
    assert (answer.status_code, answer["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{TITLES[status][asked == 'en']}</h1>" in html
    assert f">{answer['X-Request-ID']}</span>" in html
    assert "csrfmiddlewaretoken" not in html


def test_the_pages_own_scripts_are_told_the_sentence() -> None:
    refused(refuse(environ(FORM, accept="application/json"), 413), 413, "payload_too_large")


def test_a_page_is_rendered_once_for_each_language_and_theme(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rendered = []
    render = refusals._rendered

    def counted(status: int, request: HttpRequest) -> bytes:
        rendered.append(status)
        return render(status, request)

    monkeypatch.setattr(refusals, "_rendered", counted)
    for cookie in ("", "nexo_theme=dark", "nexo_theme=x", "nexo_theme=y"):
        for language in ("pt", "en", "xx", "pt-BR"):
            headers = {"cookie": cookie, "accept_language": language}
            answer = refuse(environ(FORM, **headers), 413)
            assert answer["X-Request-ID"] in answer.content.decode()
    assert len(rendered) == 4


@pytest.mark.parametrize("path", [CALL, FORM])
def test_it_has_the_headers_of_every_other_answer(path: str) -> None:
    others = Client().get("/api/nothing").headers
    answer = refuse(environ(path), 413)
    expected = {name: value for name, value in others.items() if name not in OF_THE_ANSWER}
    assert "Content-Security-Policy" in expected
    assert {name: answer.get(name) for name in expected} == expected
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Length"] == str(len(answer.content))


def test_over_https_it_says_so_and_is_sent_nowhere_else(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 60
    plain = refuse(environ(CALL, host="of.nobody"), 413)
    assert (plain.status_code, "Strict-Transport-Security" in plain) == (413, False)
    secure = refuse({**environ(CALL, host="of.nobody"), "wsgi.url_scheme": "https"}, 413)
    assert secure["Strict-Transport-Security"].startswith("max-age=60")


def test_a_request_keeps_a_harmless_id_of_its_own() -> None:
    assert refuse(environ(CALL, x_request_id="trace-0815"), 413)["X-Request-ID"] == "trace-0815"
    for bad in ("", "short", "x" * 65, "<b>in bold</b>"):
        made = refuse(environ(CALL, x_request_id=bad), 413)["X-Request-ID"]
        assert len(made) == 32 and made != bad


def test_what_broke_off_is_answered_under_the_id_that_it_had() -> None:
    had: list[str] = []

    def get_response(request: HttpRequest) -> HttpResponse:
        had.append(refusals.current_request_id())
        raise SystemExit

    asked = environ(CALL)
    with pytest.raises(SystemExit):
        RequestIdMiddleware(get_response)(WSGIRequest(asked))
    assert [refuse(asked, 500)["X-Request-ID"]] == had


def test_it_is_logged_as_every_other_answer_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="nexo.access"):
        refuse(environ(CALL), 413)
    (record,) = caplog.records
    assert record.getMessage() == f"POST {CALL}"
    assert record.__dict__["fields"]["status"] == 413
