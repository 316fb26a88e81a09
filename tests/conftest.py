"""What every test shares: a clean cache, and generated examples that a build can repeat."""

import os
from collections.abc import Iterator

import hypothesis
import pytest
import pytest_django
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.cache import cache
from django.db import connection, transaction

from execution import listing
from execution.queries import RECENT_TOTALS
from nexo.shared.throttling import CallerRateThrottle

if not settings.TESTING:
    pytest.exit("Start the tests with make (make help), or set NEXO_TESTING=1.", returncode=4)

# The tests are about what a sign-in does, not about how long a guess takes.
PBKDF2PasswordHasher.iterations = 1

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


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: "pytest_django.DjangoDbBlocker"
) -> Iterator[None]:
    """Threads of async tests keep their connections; PostgreSQL drops no database in use."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid != pg_backend_pid()"
            )


@pytest.fixture(scope="module")
def module_db(
    django_db_setup: None, django_db_blocker: "pytest_django.DjangoDbBlocker"
) -> Iterator[None]:
    """A transaction around a module: what its module fixtures write is there for every test.

    Each test's own writes end with the test, as ever: its transaction is a savepoint in this one.
    Not for modules with transactional tests, which empty every table.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    """Throttle counts, cached sessions and totals end with the test that made them."""
    yield
    cache.clear()
    CallerRateThrottle.cache.clear()
    CallerRateThrottle._away_until = 0.0
    RECENT_TOTALS.clear()
    listing.forget()
