"""A task as plain values: what a SELECT gives, a change is planned on, and JSON is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from nexo.shared.folding import folded


class TaskRow(TypedDict):
    id: int
    task_id: str
    external_id: str | None
    title: str
    task_type: str
    marketplace_id: str
    agent_id: str | None
    status: str
    progress: int
    priority: str
    estimated_minutes: float
    created_at: datetime
    approved_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    due_at: datetime
    error: str | None
    failure_reason: str | None
    progress_at_failure: int | None
    attempt: int
    version: int
    sequence: int


class Times(TypedDict):
    """Of a task, what the time that passes is held against."""

    created_at: datetime
    due_at: datetime
    ended_at: datetime | None


class TargetRow(TypedDict):
    task_id: int
    marketplace_id: str
    state: str
    attempts: int
    error: str | None
    retryable: bool | None
    synced_at: datetime | None
    updated_at: datetime


class LeaseRow(TypedDict):
    lease_id: str
    agent_id: str
    expires_at: datetime


TASK_COLUMNS = tuple(TaskRow.__annotations__)
TARGET_COLUMNS = tuple(TargetRow.__annotations__)
LEASE_COLUMNS = tuple(LeaseRow.__annotations__)


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task with its targets, in the order of the marketplaces.

    `lease` is an agent's hold on it, where that was asked for.
    """

    row: TaskRow
    targets: Sequence[TargetRow]
    lease: LeaseRow | None = None


def execution_minutes(started_at: datetime | None, ended_at: datetime | None) -> float | None:
    """Minutes from start to end, exact, never negative; None unless both are known."""
    if started_at is None or ended_at is None:
        return None
    return max(0.0, (ended_at - started_at).total_seconds() / 60)


def merged(row: Mapping[str, Any], fields: Mapping[str, Any]) -> TaskRow:
    return {**row, **fields}  # type: ignore[typeddict-item]  # columns of it


def search_text(title: str, task_id: str, external_id: str | None) -> str:
    """What the search looks in."""
    return folded(" ".join((title, task_id, external_id or "")))
