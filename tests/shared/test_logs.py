"""Log lines: one JSON object each, whatever a client sends, found by the request id."""

import json
import logging

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from nexo.shared.access import AccessLogMiddleware
from nexo.shared.logs import JsonFormatter, ServerFilter
from nexo.shared.requests import RequestIdFilter, RequestIdMiddleware, current_request_id

pytestmark = pytest.mark.unit


def formatted(message: str, *args: object, **fields: object) -> str:
    record = logging.LogRecord("test", logging.INFO, "", 0, message, args, None)
    record.__dict__.update(fields)
    return JsonFormatter().format(record)


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\r\nb",
        'a"}\n{"level": "critical"',
        "a\u2028b",
        "a\x85b",
        "\x1b[2J",
        "\x9b2J",
        "\ud800",
    ],
)
def test_no_text_can_forge_a_line_or_drive_a_terminal(text: str) -> None:
    line = formatted("signed in: %s", text)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == f"signed in: {text}"


def test_a_line_carries_the_fields_and_the_exception() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        failure = (type(error), error, error.__traceback__)
    line = json.loads(formatted("GET /", fields={"status": 500}, exc_info=failure))
    assert (line["level"], line["status"]) == ("info", 500)
    assert line["exception"].endswith("ValueError: broken")


def answer_through(middleware_answer: HttpResponse, **headers: str) -> tuple[str, HttpResponse]:
    """The request id seen inside, and the answer as it leaves."""
    seen = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(current_request_id())
        return middleware_answer

    request = RequestFactory().get("/somewhere", headers=headers)
    answer = RequestIdMiddleware(AccessLogMiddleware(view))(request)
    return seen[0], answer


@pytest.mark.parametrize(
    ("status", "level"), [(200, "INFO"), (404, "INFO"), (500, "WARNING"), (503, "WARNING")]
)
def test_each_answer_leaves_one_line(caplog, status: int, level: str) -> None:
    caplog.set_level(logging.INFO, "nexo.access")
    caplog.handler.addFilter(RequestIdFilter())
    _, answer = answer_through(HttpResponse(status=status))
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == (level, "GET /somewhere")
    assert record.fields["status"] == status
    assert record.request_id == answer["X-Request-ID"]


def test_a_proxys_harmless_request_id_is_kept() -> None:
    seen, answer = answer_through(HttpResponse(), **{"X-Request-ID": "abc-123_def.4"})
    assert seen == answer["X-Request-ID"] == "abc-123_def.4"


@pytest.mark.parametrize(
    "offered", ["short", "x" * 65, "with space", "<script>", "linha\u0301nova"]
)
def test_any_other_request_id_is_replaced(offered: str) -> None:
    seen, answer = answer_through(HttpResponse(), **{"X-Request-ID": offered})
    assert seen == answer["X-Request-ID"] != offered
    assert len(seen) == 32


def test_the_request_id_ends_with_its_request() -> None:
    answer_through(HttpResponse())
    assert current_request_id() == ""


@pytest.mark.unit
def test_the_address_of_a_socket_is_logged_without_its_query() -> None:
    text = '%s - "WebSocket %s" [accepted]'
    arguments = ("127.0.0.1:5", "/ws/marketplace/tasks/execution/?token=nexo_geheim")
    record = logging.LogRecord("uvicorn.error", logging.INFO, "x", 1, text, arguments, None)
    assert ServerFilter().filter(record)
    assert (
        record.getMessage()
        == '127.0.0.1:5 - "WebSocket /ws/marketplace/tasks/execution/" [accepted]'
    )


@pytest.mark.unit
def test_what_a_client_did_wrong_is_no_error_of_ours() -> None:
    text = "Invalid UTF-8 sequence received from client."
    cause = (ValueError, ValueError("x"), None)
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "x", 1, text, (), cause)
    assert ServerFilter().filter(record)
    assert (record.levelno, record.exc_info) == (logging.INFO, None)
