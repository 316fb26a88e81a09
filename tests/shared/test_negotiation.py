"""Which form is chosen for what a client says it accepts (RFC 9110, 12.5.1)."""

import pytest
from rest_framework.exceptions import NotAcceptable
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from nexo.shared.negotiation import ContentNegotiation
from nexo.shared.renderers import BrowsableAPIRenderer, JSONRenderer
from orchestration.renderers import CSVRenderer, MarkdownRenderer

pytestmark = pytest.mark.unit
FORMS = [JSONRenderer(), BrowsableAPIRenderer(), MarkdownRenderer(), CSVRenderer()]


def chosen(accept: str) -> str:
    request = Request(APIRequestFactory().get("/", headers={"accept": accept}))
    renderer, media_type = ContentNegotiation().select_renderer(request, FORMS)
    assert media_type == renderer.media_type
    return str(renderer.format)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", "json"),
        ("application/json", "json"),
        ("application/json; charset=utf-8", "json"),
        ("text/csv", "csv"),
        ("application/json;q=0.1, text/csv;q=0.9", "csv"),
        ("text/csv;q=0.1, application/json;q=0.9", "json"),
        ("text/csv; q=0.001, application/json; q=0", "csv"),
        # What a browser sends.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "api"),
        # Equals: what is named most exactly, then the first.
        ("*/*, text/csv", "csv"),
        ("text/*, */*", "api"),
        ("text/csv, text/markdown", "markdown"),
        # The most exact range counts, whatever a wider one says.
        ("*/*, application/json;q=0", "api"),
        ("text/*;q=0.9, text/html;q=0.2, application/json;q=0.5", "markdown"),
        ("text/*;q=0, text/csv;q=0.1", "csv"),
        # No such number.
        ("text/csv;q=NaN", "csv"),
        ("text/csv;q=7", "csv"),
    ],
)
def test_the_form_that_is_liked_best_is_chosen(accept: str, form: str) -> None:
    assert chosen(accept) == form


@pytest.mark.parametrize(
    "accept", ["*/*;q=0", "text/csv;q=0", "application/json;q=0.0", "text/csv;q=0, image/png", ""]
)
def test_what_is_not_taken_is_not_given(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        chosen(accept)
