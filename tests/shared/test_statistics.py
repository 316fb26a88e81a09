"""A command that wrote much leaves PostgreSQL its statistics; SQLite plans without."""

import pytest
from django.db import connection

from nexo.shared.statistics import gather_statistics
from tests.factories import make_task

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_the_planner_knows_the_rows_at_once() -> None:
    for _ in range(3):
        make_task()
    gather_statistics()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'execution_task'")
            assert cursor.fetchone() == (3,)
        else:
            cursor.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'sqlite_stat%'")
            assert cursor.fetchone() == (0,)
