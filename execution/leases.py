"""The rows that say which agent holds which task, written in the transactions of services.py."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from execution.exceptions import LeaseLost
from execution.rows import LeaseRow
from nexo.shared.pipelines import Statement, Writer

LIFETIME: Final = timedelta(seconds=60)
_RENEW: Final = "UPDATE execution_lease SET expires_at = %s WHERE task_id = %s"
_END: Final = "DELETE FROM execution_lease WHERE task_id = %s"
_BEGIN: Final = "INSERT INTO execution_lease (task_id, agent_id, lease_id, claimed_at, expires_at)"
_UNLESS_TAKEN: Final = "ON CONFLICT DO NOTHING RETURNING task_id"


def new_lease_id() -> str:
    return f"lease-{secrets.token_urlsafe(18)}"


def check_held(lease: LeaseRow | None, lease_id: str | None, *, now: datetime) -> None:
    """An agent reports under its lease alone, and only while it lasts.

    Raises
    ------
    LeaseLost
    """
    if lease is None or lease["lease_id"] != lease_id or lease["expires_at"] <= now:
        raise LeaseLost


def begin(writer: Writer, lease_ids: Mapping[int, str], agent_id: str, *, now: datetime) -> None:
    """Take the tasks with these keys; the statement gives the keys of those that nobody had.

    The table has one row per task: whoever inserts it has the task.
    """
    rows = ", ".join(["(%s, %s, %s, %s, %s)"] * len(lease_ids))
    values: list[Any] = []
    for task_pk, lease_id in lease_ids.items():
        values += (task_pk, agent_id, lease_id, now, now + LIFETIME)
    writer.execute(f"{_BEGIN} VALUES {rows} {_UNLESS_TAKEN}", values)


def renew(task_pk: int, *, now: datetime) -> Statement:
    return _RENEW, (now + LIFETIME, task_pk)


def end(task_pk: int) -> Statement:
    return _END, (task_pk,)
