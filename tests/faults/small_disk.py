"""NEXO on a SQLite file that may not grow beyond NEXO_MAX_PAGES pages, as on a full disk."""

import os
from typing import Any

from django.db.backends.signals import connection_created

from nexo.asgi import application

__all__ = ["application"]


def limit(*, connection: Any, **_unused: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA max_page_count = {int(os.environ['NEXO_MAX_PAGES'])}")


connection_created.connect(limit, weak=False)
