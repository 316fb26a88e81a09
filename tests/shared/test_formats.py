"""Dates and times are written alike in both languages: the day first, and hours up to 24."""

from datetime import UTC, date, datetime

import pytest
from django.forms import DateField
from django.utils import translation
from django.utils.formats import date_format, time_format
from django.utils.timezone import localtime

from execution.texts import exact_text
from orchestration.texts import moment_text

pytestmark = pytest.mark.unit
# 15:09 in São Paulo.
AFTERNOON = datetime(2026, 11, 8, 18, 9, 5, tzinfo=UTC)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_short_forms_are_those_of_the_lists(language: str) -> None:
    with translation.override(language):
        assert date_format(localtime(AFTERNOON), "SHORT_DATETIME_FORMAT") == "08/11/2026 15:09"
        assert date_format(date(2026, 11, 8), "SHORT_DATE_FORMAT") == "08/11/2026"
        assert time_format(localtime(AFTERNOON)) == "15:09"
        assert exact_text(AFTERNOON) == "08/11/2026 15:09:05"
        assert moment_text(AFTERNOON) == "08/11/2026 15:09"
        assert moment_text(AFTERNOON, now=AFTERNOON) == "15:09"


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_the_admins_forms_are_those_of_the_lists(language: str) -> None:
    with translation.override(language):
        assert date_format(localtime(AFTERNOON), "DATETIME_FORMAT") == "08/11/2026 15:09"
        assert date_format(date(2026, 11, 8)) == "08/11/2026"


def test_what_is_shown_is_what_is_read() -> None:
    with translation.override("en"):
        assert DateField().clean("08/11/2026") == date(2026, 11, 8)
