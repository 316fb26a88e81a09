"""What every answer carries, pages and the API alike, and what only pages are given."""

import pytest
from django.conf import settings
from django.test import Client

from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
API = "/api/marketplace/orchestration/task-execution"
PATHS = (
    API,
    f"{API}?format=api",
    f"{API}/nothing",
    "/api/nothing",
    "/api/docs/",
    "/marketplace/tasks/execution",
    "/accounts/login/",
    "/nothing",
)


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user("head"), settings.AUTHENTICATION_BACKENDS[-1])
    return client


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_says_what_a_browser_may_do_with_it(client: Client, path: str) -> None:
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert {"report-uri /csp-report", "report-to csp"} <= set(policy.split("; "))
    assert answer["Reporting-Endpoints"] == 'csp="/csp-report"'
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        (None, None, "pt-br"),
        (None, "en-GB,en;q=0.9", "en"),
        (None, "fr", "pt-br"),
        ("en", "pt-BR", "en"),
        ("xx", "en", "en"),
    ],
)
def test_the_language_is_the_cookies_then_the_browsers_then_portuguese(
    client: Client, path: str, cookie: str | None, header: str | None, language: str
) -> None:
    if cookie:
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = cookie
    answer = client.get(path, headers={"accept-language": header} if header else {})
    assert answer["Content-Language"] == language
    assert "Accept-Language" in answer["Vary"]


def test_the_api_reads_no_session_row_and_sets_no_cookie(client: Client) -> None:
    assert client.get(API).status_code == 200
    answer = client.get(API)
    assert not answer.cookies
    assert not hasattr(answer.wsgi_request, "session")
