"""The browsable API: the answer, and a form for each write that the reader may try."""

import re

import pytest
from django.conf import settings
from django.test import Client

from tests.factories import make_task, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
LIST = "/api/marketplace/orchestration/task-execution"


def browse(path: str, role: str | None = None) -> str:
    client = Client(headers={"accept": "text/html"})
    client.force_login(make_user(role), settings.AUTHENTICATION_BACKENDS[-1])
    answer = client.get(path)
    assert answer["Content-Type"].startswith("text/html")
    return answer.content.decode()


def forms(page: str) -> list[tuple[str, str]]:
    return re.findall(r'data-api-method="(\w+)" data-api-url="([^"]+)"', page)


def test_who_may_write_is_offered_each_write_on_the_address_without_its_query() -> None:
    page = browse(f"{LIST}?limit=1", "head")
    assert forms(page) == [("POST", LIST), ("PATCH", LIST)]
    assert "&quot;taskType&quot;" in page


def test_who_may_only_read_is_offered_no_form() -> None:
    assert forms(browse(LIST, "qa")) == []
    assert forms(browse(LIST)) == []


def test_its_title_is_in_the_readers_language() -> None:
    page = browse(LIST)
    assert "<h1>API do NEXO</h1>" in page and "Task Execution" not in page


def test_the_answer_is_escaped() -> None:
    make_task(title="<script>alert(1)</script>")
    page = browse(LIST)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_a_refusal_is_browsable_too() -> None:
    assert "validation_error" in browse(f"{LIST}?nothing=1", "head")
