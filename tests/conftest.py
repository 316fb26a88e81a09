"""What every test shares: a clean cache, and generated examples that a build can repeat."""

import gc
import os
import ssl
from collections.abc import Iterator
from functools import cache

import hypothesis
import pytest
import pytest_django
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.cache import cache as django_cache
from django.db import connection, transaction
from django.test import TransactionTestCase

from accounts import caching
from execution import listing
from execution.queries import RECENT_TOTALS
from nexo.shared import exports
from nexo.shared.throttling import RateThrottle

if not settings.TESTING:
    pytest.exit("Start the tests with make (make help), or set NEXO_TESTING=1.", returncode=4)

# The tests are about what a sign-in does, not about how long a guess takes.
PBKDF2PasswordHasher.iterations = 1

# Each of httpx's clients reads the machine's 140 certificates, and no test asks a server by TLS.
ssl.create_default_context = cache(ssl.create_default_context)

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A transactional test empties every table; what migrations put there is put back by us.

    Told that Django does, it leaves out all else that follows a migration.
    """
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and marker.kwargs.get("transaction"):
            values = {**marker.kwargs, "serialized_rollback": True}
            item.add_marker(pytest.mark.django_db(*marker.args, **values), append=False)


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage; each full collection walked through all of them."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


class InitialRows:
    """What migrations put into the tables, put back after each test that empties them.

    Django keeps it as JSON and saves object by object, which took a tenth of all tests' time; here
    the database keeps copies. Django puts it back before the next such test alone; another kind of
    test may come between.
    """

    def __init__(self) -> None:
        tables = connection.introspection.django_table_names(only_existing=True)
        self._filled = []
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
                if cursor.fetchone() != (0,):
                    cursor.execute(f'CREATE TABLE "initial_{table}" AS SELECT * FROM "{table}"')
                    self._filled.append(table)

    def restore(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for table in self._filled:
                cursor.execute(f'INSERT INTO "{table}" SELECT * FROM "initial_{table}"')


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: "pytest_django.DjangoDbBlocker"
) -> Iterator[None]:
    """Threads of async tests keep their connections; PostgreSQL drops no database in use."""
    with django_db_blocker.unblock():
        rows = InitialRows()
    empty = TransactionTestCase._fixture_teardown

    def empty_and_restore(case: TransactionTestCase) -> None:
        empty(case)
        rows.restore()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_and_restore)
        patch.setattr(connection.creation, "deserialize_db_from_string", lambda data: None)
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


def _rates(base: type[RateThrottle]) -> Iterator[type[RateThrottle]]:
    for rate in base.__subclasses__():
        yield rate
        yield from _rates(rate)


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    """Throttle counts, cached sessions, totals and files end with the test that made them."""
    yield
    django_cache.clear()
    for rate in _rates(RateThrottle):
        rate.own.clear()
    RateThrottle._away_until = 0.0
    RECENT_TOTALS.clear()
    listing.forget()
    exports.forget()  # a file of which a test looks at the head alone


@pytest.fixture
def who_asks_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever counts statements: on a slow machine five seconds end between two pages."""
    monkeypatch.setattr(caching, "LIFETIME_SECONDS", 3600.0)


@pytest.fixture
def redis_away(
    settings: "pytest_django.fixtures.SettingsWrapper", monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a REDIS_URL that nobody answers at."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    monkeypatch.setattr(RateThrottle, "shared", django_cache)
