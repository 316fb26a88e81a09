"""What every test shares: a clean cache, and generated examples that a build can repeat."""

import os
from collections.abc import Iterator

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache

if not settings.TESTING:
    pytest.exit("Start the tests with make (make help), or set NEXO_TESTING=1.", returncode=4)

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A transactional test empties every table; give each what migrations had put there."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and marker.kwargs.get("transaction"):
            values = {**marker.kwargs, "serialized_rollback": True}
            item.add_marker(pytest.mark.django_db(*marker.args, **values), append=False)


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    """Throttle counts and cached sessions end with the test that made them."""
    yield
    cache.clear()
