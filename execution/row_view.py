"""One task as a row of the list shows it, made from its REST representation.

Pure. static/execution/js/row-view.js makes the same of a frame; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from execution import texts
from execution.enums import FailureReason, TaskStatus, marketplace_name

TONES: Final = {
    TaskStatus.PENDING: "neutral",
    TaskStatus.APPROVED: "neutral",
    TaskStatus.IN_PROGRESS: "blue",
    TaskStatus.MARKETPLACE_SYNC: "amber",
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """`iso` for machines, `text` to read, `exact` on hover."""

    iso: str = ""
    text: str = texts.NOTHING
    exact: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    channel: str
    short: str
    sign: str = "none"
    tip: str = ""


@dataclass(frozen=True, slots=True)
class RowView:
    task_id: str = ""
    title: str = ""
    status: str = ""
    status_text: str = ""
    tone: str = "neutral"
    note: str = ""
    channel_text: str = ""
    agent: str = ""
    progress: int = 0
    time_text: str = ""
    over_text: str = ""
    started: Moment = field(default_factory=Moment)
    ended: Moment = field(default_factory=Moment)
    cause_label: str = ""
    error: str = ""
    effect: str = ""
    next_step: str = ""
    marks: tuple[Mark, ...] = ()


def _moment(iso: str | None, now: datetime) -> Moment:
    if iso is None:
        return Moment()
    instant = datetime.fromisoformat(iso)
    return Moment(iso, texts.moment_text(instant, now=now), texts.exact_text(instant))


def _note(task: Mapping[str, Any]) -> str:
    """Why it failed, or which attempt this is when it is not the first."""
    if task["failureReason"]:
        return str(FailureReason(task["failureReason"]).label)
    return texts.word("row.attempt", count=task["attempt"]) if task["attempt"] > 1 else ""


def _cause(task: Mapping[str, Any]) -> tuple[str, str]:
    """What opens the words about a failure, and its cause; a reason is in the log alone."""
    if task["error"] and not texts.was_decided(task):
        return texts.word("failure.open.error"), task["error"]
    if not task["failureReason"]:
        return "", ""
    return texts.word("failure.open.reason"), texts.word("failure.elsewhere")


def _times(task: Mapping[str, Any]) -> tuple[str, str]:
    """Minutes used against minutes estimated, and by how much the task is late; "" where it is not.

    Those used are whole ones and those estimated are rounded, so that of a task late by seconds
    they might say that a minute is left. What is late has used its estimate up.
    """
    spent, estimate = task["timeSpent"], task["timeEstimate"]
    if not task["overdue"]:
        return texts.time_text(spent, estimate), ""
    used = max(spent, estimate)
    return texts.time_text(used, estimate), texts.over_text(used - estimate)


def _mark(task: Mapping[str, Any], channel: str, short: str) -> Mark:
    detail = task["syncDetail"].get(channel)
    if detail is None:
        return Mark(channel, short, "none", texts.mark_text(channel, None, changed=None))
    changed = texts.exact_text(datetime.fromisoformat(detail["updatedAt"]))
    tip = texts.mark_text(channel, detail, changed=changed)
    return Mark(channel, short, texts.MARKS[detail["state"]], tip)


def row_view(
    task: Mapping[str, Any],
    *,
    short_names: Mapping[str, str],
    agent_names: Mapping[str, str],
    now: datetime,
) -> RowView:
    """`task` as `GET task-execution` gives it; `short_names` of all marketplaces, in order.

    Of `agent_names` the page's scripts have the same: who is not in it goes by the id.
    """
    agent = task["agentId"]
    status = TaskStatus(task["status"])
    time_text, over_text = _times(task)
    cause_label, cause = _cause(task)
    effect, next_step = texts.failure_words(task)
    return RowView(
        task_id=task["taskId"],
        title=task["title"],
        status=status.value,
        status_text=str(status.label),
        tone=TONES[status],
        note=_note(task),
        channel_text=marketplace_name(task["channel"]),
        agent=agent_names.get(agent, agent) if agent else texts.NOTHING,
        progress=task["progress"],
        time_text=time_text,
        over_text=over_text,
        started=_moment(task["startedAt"], now),
        ended=_moment(task["endedAt"], now),
        cause_label=cause_label,
        error=cause,
        effect=effect,
        next_step=next_step,
        marks=tuple(_mark(task, slug, short) for slug, short in short_names.items()),
    )


def blank_row(short_names: Mapping[str, str]) -> RowView:
    """The row inside `<template>`: every slot there, nothing in it."""
    return RowView(marks=tuple(Mark(slug, short) for slug, short in short_names.items()))
