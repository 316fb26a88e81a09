"""What `check --deploy` asks besides Django's own."""

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

pytestmark = pytest.mark.unit


def test_a_site_that_tests_itself_is_not_deployed(settings: Any) -> None:
    settings.TESTING = True
    with pytest.raises(SystemCheckError, match="NEXO_TESTING is on"):
        call_command("check", deploy=True, tags=["security"], fail_level="WARNING")


def test_otherwise_nothing_is_said_of_it(settings: Any) -> None:
    settings.TESTING = False
    with pytest.raises(SystemCheckError) as told:  # of what else is not set here
        call_command("check", deploy=True, tags=["security"], fail_level="WARNING")
    assert "NEXO_TESTING" not in str(told.value)
