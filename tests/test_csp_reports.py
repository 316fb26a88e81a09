"""/csp-report: both forms are counted and logged; whatever else is sent does nothing."""

import json
import logging
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from nexo import csp_reports
from nexo.csp_reports import MAX_BODY_BYTES, MAX_REPORTS, NEW_FORM, OLD_FORM
from nexo.shared.logs import JsonFormatter

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PATH = "/csp-report"
OLD = {
    "csp-report": {
        "document-uri": "https://nexo.example/marketplace/audit?q=maria@example.com#top",
        "violated-directive": "script-src-elem 'self'",
        "effective-directive": "script-src-elem",
        "blocked-uri": "https://ana:senha@evil.example/x.js?k=v",
        "source-file": "https://nexo.example/static/a.js",
        "line-number": 7,
        "disposition": "enforce",
    }
}
NEW = [
    {
        "type": "csp-violation",
        "age": 10,
        "url": "https://nexo.example/",
        "user_agent": "Mozilla/5.0",
        "body": {
            "documentURL": "https://nexo.example/marketplace/audit?q=maria@example.com",
            "effectiveDirective": "img-src",
            "blockedURL": "data",
            "lineNumber": 3,
            "disposition": "enforce",
        },
    },
    {"type": "deprecation", "age": 1, "url": "https://nexo.example/", "body": {"id": "x"}},
]


def send(body: Any, content_type: str = OLD_FORM, **options: Any) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client(enforce_csrf_checks=True, **options).generic("POST", PATH, raw, content_type)


def counted(**labels: str) -> float:
    name = "nexo_csp_reports_refused_total" if "reason" in labels else "nexo_csp_reports_total"
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_the_old_form_is_counted_and_logged_without_queries(
    caplog: Any, django_assert_num_queries: Any
) -> None:
    before = counted(directive="script-src-elem")
    with django_assert_num_queries(0):
        assert send(OLD).status_code == 204
    assert counted(directive="script-src-elem") == before + 1
    (record,) = [record for record in caplog.records if record.name == "nexo.csp_reports"]
    assert record.fields["csp"] == {
        "directive": "script-src-elem",
        "blocked": "https://evil.example/x.js",
        "page": "https://nexo.example/marketplace/audit",
        "source": "https://nexo.example/static/a.js",
        "line": 7,
        "disposition": "enforce",
    }


def test_the_reporting_apis_form_is_counted_and_other_reports_are_passed_over(caplog: Any) -> None:
    before = counted(directive="img-src")
    assert send(NEW, NEW_FORM).status_code == 204
    assert counted(directive="img-src") == before + 1
    assert [record.name for record in caplog.records].count("nexo.csp_reports") == 1


def test_a_made_up_directive_becomes_no_label() -> None:
    before = counted(directive="other")
    assert send({"csp-report": {"effective-directive": "x" * 500}}).status_code == 204
    assert counted(directive="other") == before + 1


@pytest.mark.parametrize(
    "text",
    ["a\nb", '"}\n{"level": "critical"', "a\u2028b", "\x1b[2J", "\x9b", "\u202e", "x" * 5000],
)
def test_no_report_forges_a_line(caplog: Any, text: str) -> None:
    names = ("effective-directive", "blocked-uri", "document-uri", "source-file", "disposition")
    assert send({"csp-report": dict.fromkeys(names, text)}).status_code == 204
    (record,) = [record for record in caplog.records if record.name == "nexo.csp_reports"]
    line = JsonFormatter().format(record)
    assert line.isascii() and line.isprintable()
    assert len(line) < 4_000
    assert json.loads(line)["level"] == "warning"


BAD = {
    "no JSON": b"<xml/>",
    "a list": [OLD],
    "no report": {"other": {}},
    "a text": {"csp-report": "x"},
    "null": {"csp-report": None},
    "a number": b"1",
    "NaN": b'{"csp-report": {"line-number": NaN}}',
    "a repeated key": b'{"csp-report": {}, "csp-report": {}}',
    "NUL": b'{"csp-report": {"blocked-uri": "\\u0000"}}',
    "a lone surrogate": b'{"csp-report": {"blocked-uri": "\\ud800"}}',
    "broken UTF-8": b'{"csp-report": {"blocked-uri": "\xff"}}',
    "deep": b'{"csp-report": ' + b"[" * 9000 + b"]" * 9000 + b"}",
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_what_is_no_report_is_refused_and_counted(caplog: Any, body: Any) -> None:
    before = counted(reason="malformed")
    assert send(body).status_code == 400
    assert counted(reason="malformed") == before + 1
    assert caplog.records == [] or {r.name for r in caplog.records} == {"django.request"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        OLD,
        [1],
        [{"type": "csp-violation", "body": None}],
        [{"type": "csp-violation"}],
        NEW * MAX_REPORTS,
    ],
    ids=["an object", "the old form", "numbers", "null", "no body", "too many"],
)
def test_what_is_no_list_of_reports_is_refused(body: Any) -> None:
    assert send(body, NEW_FORM).status_code == 400


@pytest.mark.parametrize("odd", [None, 1, 1.5, True, [], {}, [{}], "http://[", "//", "://", ""])
def test_odd_values_in_a_report_break_nothing(odd: Any) -> None:
    assert send({"csp-report": dict.fromkeys(OLD["csp-report"], odd)}).status_code == 204


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "multipart/form-data", "é"])
def test_another_content_type_is_refused(kind: str) -> None:
    assert send(OLD, kind).status_code == 415


def test_a_long_body_is_refused() -> None:
    before = counted(reason="too_large")
    body = {"csp-report": {"blocked-uri": "x" * MAX_BODY_BYTES}}
    assert send(body).status_code == 413
    assert counted(reason="too_large") == before + 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_reports_are_posted(method: str) -> None:
    assert Client().generic(method, PATH).status_code == 405


def test_an_address_is_throttled_and_so_are_all_together(monkeypatch: Any) -> None:
    monkeypatch.setattr(csp_reports.AddressRate, "rate", "2/min")
    monkeypatch.setattr(csp_reports.WholeRate, "rate", "3/min")
    addresses = ("2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.2", "192.0.2.3")
    answers = [send(OLD, REMOTE_ADDR=address) for address in addresses]
    assert [answer.status_code for answer in answers] == [204, 204, 429, 204, 429]
    assert int(answers[2]["Retry-After"]) > 0


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_reports_are_taken_and_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(csp_reports.AddressRate, "rate", "2/min")
    assert [send(OLD).status_code for _report in range(3)] == [204, 204, 429]


def test_metrics_show_the_reports(settings: Any) -> None:
    settings.METRICS_TOKEN = "a-token-of-the-operators"
    send(OLD)
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    assert 'nexo_csp_reports_total{directive="script-src-elem"}' in answer.content.decode()


@pytest.fixture(autouse=True)
def _heard(caplog: Any) -> None:
    caplog.set_level(logging.WARNING)
