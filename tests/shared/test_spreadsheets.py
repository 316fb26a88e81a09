"""CSV as spreadsheets read it, in the language of whoever asked."""

import pytest
from django.utils import translation

from nexo.shared.spreadsheets import csv_lines

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("language", "line"), [("pt-br", "a;b\r\n"), ("en", "a,b\r\n")])
def test_the_language_is_that_of_who_asked_not_of_when_it_goes_out(
    language: str, line: str
) -> None:
    with translation.override(language):
        lines = csv_lines(["a", "b"], [])
    with translation.override("en" if language == "pt-br" else "pt-br"):
        assert list(lines) == [f"\ufeff{line}"]
