"""Bulk jobs as the API writes them."""

from collections.abc import Iterable, Mapping
from typing import Any

from nexo.shared.instants import to_rfc3339
from orchestration.bulk import services
from orchestration.bulk.enums import Outcome
from orchestration.bulk.models import BulkItem, BulkJob
from orchestration.bulk.orders import Order, Preview


def refused_json(refusals: Mapping[str, int]) -> list[dict[str, Any]]:
    """The most frequent first."""
    counts = sorted(refusals.items(), key=lambda item: (-item[1], item[0]))
    return [{"code": code, "count": count} for code, count in counts]


def job_json(job: BulkJob, items: Iterable[BulkItem]) -> dict[str, Any]:
    undone_by = getattr(job, "undone_by", None)
    return {
        "jobId": job.job_id,
        "action": job.action,
        "state": job.state,
        "dryRun": False,
        "reason": job.reason or None,
        "agentId": job.agent_id or None,
        "selection": job.selection,
        "actor": job.actor,
        "createdAt": to_rfc3339(job.created_at),
        "finishedAt": to_rfc3339(job.finished_at),
        "total": job.total,
        "done": job.done,
        "refused": refused_json(job.refusals),
        "results": [
            {"taskId": item.task_id, "outcome": item.outcome, "code": item.code or None}
            for item in items
        ],
        "undoUntil": to_rfc3339(services.undo_until(job)),
        "undoOf": job.undo_of.job_id if job.undo_of else None,
        "undoneBy": undone_by.job_id if undone_by else None,
    }


def preview_json(order: Order, preview: Preview, *, actor: str) -> dict[str, Any]:
    """As a job's answer; `done` is how many it would be. There is no job, nor any instant."""
    return {
        "jobId": None,
        "action": order.action.value,
        "state": None,
        "dryRun": True,
        "reason": order.reason or None,
        "agentId": order.agent_id,
        "selection": order.selection,
        "actor": actor,
        "createdAt": None,
        "finishedAt": None,
        "total": preview.total,
        "done": preview.done,
        "refused": refused_json(preview.refusals),
        "results": [
            {
                "taskId": task_id,
                "outcome": (Outcome.REFUSED if code else Outcome.DONE).value,
                "code": code,
            }
            for task_id, code in preview.results
        ],
        "undoUntil": None,
        "undoOf": None,
        "undoneBy": None,
        "selectionId": preview.selection_id,
    }
