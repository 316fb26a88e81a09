"""The JSON of tasks and events, made from plain rows; every reader gives exactly this."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from execution.enums import MARKETPLACES, SyncState, TaskStatus
from execution.rows import TargetRow, TaskRow, Times, execution_minutes
from nexo.shared.instants import to_rfc3339

_NOTHING_SYNCED = dict.fromkeys(MARKETPLACES, False)


def whole_minutes(minutes: float) -> int:
    """Rounded half up."""
    return int(minutes + 0.5)


def time_spent(row: Times, now: datetime) -> int:
    """Whole minutes from creation to the end, or to now."""
    end = row["ended_at"] or now
    return max(0, int((end - row["created_at"]).total_seconds() // 60))


def is_overdue(row: Times, now: datetime) -> bool:
    return (row["ended_at"] or now) > row["due_at"]


def task_json(row: TaskRow, targets: Sequence[TargetRow], *, now: datetime) -> dict[str, Any]:
    """One task as every answer and frame gives it (docs/reference/api.md).

    `targets` are those of this task, in the order of the marketplaces.
    """
    told = versioned_json(row, targets)
    told["timeSpent"] = time_spent(row, now)
    told["overdue"] = is_overdue(row, now)
    return told


def versioned_json(row: TaskRow, targets: Sequence[TargetRow]) -> dict[str, Any]:
    """All of it that changes with the task's version alone, whatever the time."""
    sync_status = dict(_NOTHING_SYNCED)
    sync_detail = {}
    required = []
    for target in targets:
        slug = target["marketplace_id"]
        if target["state"] == SyncState.SYNCED:
            sync_status[slug] = True
        required.append(slug)
        sync_detail[slug] = {
            "state": target["state"],
            "attempts": target["attempts"],
            "error": target["error"],
            "retryable": target["retryable"],
            "syncedAt": to_rfc3339(target["synced_at"]),
            "updatedAt": to_rfc3339(target["updated_at"]),
        }
    ended_at = to_rfc3339(row["ended_at"])
    return {
        "taskId": row["task_id"],
        "externalId": row["external_id"],
        "title": row["title"],
        "taskType": row["task_type"],
        "priority": row["priority"],
        "status": row["status"],
        "progress": row["progress"],
        "createdAt": to_rfc3339(row["created_at"]),
        "approvedAt": to_rfc3339(row["approved_at"]),
        "startedAt": to_rfc3339(row["started_at"]),
        "completedAt": ended_at if row["status"] == TaskStatus.COMPLETED else None,
        "endedAt": ended_at,
        "marketplace": row["marketplace_id"],
        "channel": row["marketplace_id"],
        "agentId": row["agent_id"],
        "timeEstimate": whole_minutes(row["estimated_minutes"]),
        "executionMinutes": execution_minutes(row["started_at"], row["ended_at"]),
        "lastUpdate": to_rfc3339(row["updated_at"]),
        "targets": required,
        "syncStatus": sync_status,
        "syncDetail": sync_detail,
        "error": row["error"],
        "failureReason": row["failure_reason"],
        "progressAtFailure": row["progress_at_failure"],
        "attempt": row["attempt"],
        "version": row["version"],
        "sequence": row["sequence"],
    }


def event_json(event: Mapping[str, Any]) -> dict[str, Any]:
    """One line of a task's timeline."""
    return {
        "sequence": event["sequence"],
        "kind": event["kind"],
        "from": event["from_status"],
        "to": event["to_status"],
        "progress": event["progress"],
        "actor": event["actor"],
        "reason": _reason(event),
        "at": to_rfc3339(event["at"]),
    }


def feed_event_json(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event as a frame of the live feed carries it."""
    return {
        "sequence": event["sequence"],
        "taskId": event["task__task_id"],
        "kind": event["kind"],
        "from": event["from_status"],
        "to": event["to_status"],
        "progress": event["progress"],
        "actor": event["actor"],
        "at": to_rfc3339(event["at"]),
    }


def log_json(line: Mapping[str, Any]) -> dict[str, Any]:
    return {"level": line["level"], "message": line["message"], "at": to_rfc3339(line["at"])}


def _reason(event: Mapping[str, Any]) -> str | None:
    """The person's words, and the targets that a completion by hand withdrew."""
    withdrawn = (event["details"] or {}).get("withdrawn")
    if not withdrawn:
        reason: str | None = event["reason"]
        return reason
    note = "withdrawn: " + ", ".join(withdrawn)
    return f"{event['reason']} ({note})" if event["reason"] else note
