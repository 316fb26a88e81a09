"""What a person reads of a task: durations, ages, sync marks, sentences of the timeline.

Pure: values in, text out. The page's scripts write the same texts from the same words (`WORDS`),
so that a row looks alike whoever fills it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils import formats
from django.utils.text import get_text_list
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from execution.enums import (
    EventKind,
    FailureReason,
    Priority,
    SyncState,
    TaskStatus,
    marketplace_name,
    marketplace_names,
)
from nexo.shared.clock import BUSINESS_ZONE

WORDS: Final = {
    "ago.now": _("now"),
    "ago.minutes": _("{count} min ago"),
    "ago.hours": _("{count} h ago"),
    "row.attempt": _("attempt {count}"),
    "row.over": _("overdue {time}"),
    "row.over.barely": _("<1min"),
    "mark.none": _("{channel}: not a target of this task"),
    "mark.state": _("{channel}: {state}"),
    "mark.attempts": _("{count} attempts"),
    "failure.unknown": _("No cause was recorded."),
    "failure.elsewhere": _("The reason is on the task's page."),
    "failure.open.error": _("Show error"),
    "failure.open.reason": _("Show reason"),
    "failure.error.effect": _("The task stopped at {progress}% and does not go on by itself."),
    "failure.error.next": _("Put the cause right, then try the task again."),
    "failure.timeout.effect": _(
        "The task stopped at {progress}%: nobody reported on it any more or in time."
    ),
    "failure.timeout.next": _("See that the agent is working, then try the task again."),
    "failure.rejected.effect": _("The task is not carried out."),
    "failure.rejected.next": _(
        "Try the task again: it waits for approval once more, and can be put right under Approvals."
    ),
    "failure.cancelled.effect": _(
        "The task stopped at {progress}%. What had been published stays so."
    ),
    "failure.cancelled.next": _("Nothing, unless it is wanted after all: then try it again."),
    "failure.noted.effect": _("The task goes on: this did not end it."),
    "failure.noted.next": _("Nothing for now; watch its next reports."),
    "failure.overcome.effect": _("The task was completed all the same."),
    "failure.overcome.next": _("Nothing."),
}
"""Parts of sentences that the server and the scripts share; {name} marks what is filled in."""

NOTHING: Final = "—"
NO_NAMES: Final[Mapping[str, str]] = {}
DAY: Final = timedelta(days=1)

MARKS: Final[dict[str, str]] = {
    SyncState.NOT_REQUIRED: "none",
    SyncState.PLANNED: "open",
    SyncState.QUEUED: "open",
    SyncState.SENDING: "busy",
    SyncState.AWAITING_CONFIRMATION: "busy",
    SyncState.SYNCED: "done",
    SyncState.PARTIAL: "alert",
    SyncState.FAILED: "alert",
    SyncState.DRIFTED: "drift",
}
"""The sign of each sync state; several states share one."""

SYSTEM_PARTS: Final = {
    "sync": _("automatic sync"),
    "playbook": _("playbook"),
    "schedule": _("schedule"),
    "leases": _("lease control"),
    "import": _("import"),
    "assignment": _("assignment of waiting tasks"),
}


def failure_key(task: Mapping[str, Any]) -> str:
    """What the words about a task's failure are kept under; empty where there is nothing to tell.

    `task` is its REST representation. An error may be noted without ending the task.
    """
    if task["failureReason"]:
        return str(task["failureReason"])
    if not task["error"]:
        return ""
    return "overcome" if task["status"] == TaskStatus.COMPLETED else "noted"


def was_decided(task: Mapping[str, Any]) -> bool:
    """Whether a person rejected or cancelled it.

    Why is in the event that did so; `error` may be a note from before, which is not why.
    """
    return task["failureReason"] in (FailureReason.REJECTED, FailureReason.CANCELLED)


def failure_words(task: Mapping[str, Any]) -> tuple[str, str]:
    """What a failure or a noted error leads to, and what to do next."""
    key = failure_key(task)
    if not key:
        return "", ""
    progress = task["progressAtFailure"] or 0
    return word(f"failure.{key}.effect", progress=progress), word(f"failure.{key}.next")


def word(key: str, **values: object) -> str:
    return str(WORDS[key]).format(**values)


# -- Numbers and instants ------------------------------------------------------------------------


def number_text(value: int) -> str:
    """`1.234` in Portuguese, `1,234` in English."""
    return formats.number_format(value, use_l10n=True, force_grouping=True)


def minutes_text(minutes: int) -> str:
    """`45min` up to an hour, then `2h 30min`; whole hours without minutes."""
    if minutes <= 60:
        return f"{minutes}min"
    hours, rest = divmod(minutes, 60)
    return f"{hours}h {rest}min" if rest else f"{hours}h"


def span_text(minutes: int) -> str:
    """How long something took: what took no whole minute did not take none."""
    return minutes_text(minutes) if minutes else str(_("less than 1min"))


def over_text(minutes: int) -> str:
    """By how much a task is late, as short as its place in the row: `overdue 12min`."""
    return word("row.over", time=minutes_text(minutes) if minutes else word("row.over.barely"))


def time_text(spent: int, estimate: int) -> str:
    """Minutes used against minutes estimated: `45min / 60min`, `2h 30min / 3h`."""
    return f"{minutes_text(spent)} / {minutes_text(estimate)}"


def day_text(day: date) -> str:
    """`24/02/2026`, on pages in both languages."""
    return f"{day:%d/%m/%Y}"


def exact_text(instant: datetime) -> str:
    """`24/02/2026 14:30:25`, business time."""
    return instant.astimezone(BUSINESS_ZONE).strftime("%d/%m/%Y %H:%M:%S")


def clock_text(instant: datetime) -> str:
    """`14:30:25`, business time."""
    return exact_text(instant)[-8:]


def log_time_text(instant: datetime) -> str:
    """`24/02 14:30:25`, business time: a log may go on for days."""
    return f"{exact_text(instant)[:5]} {clock_text(instant)}"


def moment_text(instant: datetime | None, *, now: datetime) -> str:
    """`3 min ago` within a day, else `24/02/2026 14:30`, business time."""
    if instant is None:
        return NOTHING
    age = now - instant
    if age >= DAY:
        return exact_text(instant)[:-3]
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes == 0:
        return word("ago.now")
    if minutes < 60:
        return word("ago.minutes", count=minutes)
    return word("ago.hours", count=minutes // 60)


def full_moment_text(instant: datetime, *, now: datetime) -> str:
    """`3 min ago · 24/02/2026 14:30:25`: where nobody has to hover to know the instant."""
    exact, relative = exact_text(instant), moment_text(instant, now=now)
    return exact if exact.startswith(relative) else f"{relative} · {exact}"


# -- Sync marks ----------------------------------------------------------------------------------


def mark_text(channel: str, detail: Mapping[str, Any] | None, *, changed: str | None) -> str:
    """State, time and cause of one target: what its mark tells on hover and focus.

    `detail` is the target in `syncDetail`, None when the marketplace is no target; `changed` the
    exact time of its last change.
    """
    name = marketplace_name(channel)
    if detail is None:
        return word("mark.none", channel=name)
    state = SyncState(detail["state"])
    parts = [word("mark.state", channel=name, state=str(state.label).lower())]
    if detail["attempts"] > 1:
        parts.append(word("mark.attempts", count=detail["attempts"]))
    if changed and state != SyncState.PLANNED:
        parts.append(changed)
    if detail["error"]:
        parts.append(detail["error"])
    return " · ".join(parts)


# -- Actors and events ---------------------------------------------------------------------------


def actor_text(actor: str, names: Mapping[str, str] = NO_NAMES) -> str:
    """`user:admin` as "admin", `agent:alex` as "agent Alex", `system:sync` by its part.

    `names` are the agents' by id; who is not among them goes by the id.
    """
    kind, _colon, name = actor.partition(":")
    match kind:
        case "user":
            return name
        case "agent":
            return str(_("agent %(name)s") % {"name": names.get(name, name)})
        case "system":
            return str(SYSTEM_PARTS.get(name, _("system (%(part)s)") % {"part": name}))
    return actor


FAILURE_DEEDS: Final = {
    FailureReason.ERROR: _("%(actor)s reported a failure"),
    FailureReason.CANCELLED: _("%(actor)s cancelled the task"),
    FailureReason.REJECTED: _("%(actor)s rejected the task"),
    FailureReason.TIMEOUT: _("%(actor)s ended the task: time ran out"),
}
DEEDS: Final = {
    EventKind.CREATED: _("%(actor)s created the task"),
    EventKind.APPROVED: _("%(actor)s approved"),
    EventKind.STARTED: _("%(actor)s started the work"),
    EventKind.SYNCING: _("%(actor)s sent it to the marketplaces"),
    EventKind.COMPLETED: _("%(actor)s completed the task"),
    EventKind.RETURNED: _("%(actor)s returned it to execution"),
    EventKind.RETRIED: _("%(actor)s tried again"),
    EventKind.LEASE_EXPIRED: _("%(actor)s: the agent's lease ran out, the task waits again"),
    EventKind.UNDONE: _("%(actor)s undid the failure"),
    EventKind.PROGRESS: _("%(actor)s reported %(progress)s%%"),
    EventKind.SYNC: _("%(actor)s updated the sync"),
    EventKind.ERROR: _("%(actor)s noted an error"),
    EventKind.RESULT: _("%(actor)s delivered the result"),
    EventKind.EDITED: _("%(actor)s edited the task"),
}
EDITS: Final = {
    "title": _("the title from “%(old)s” to “%(new)s”"),
    "estimated_minutes": _("the estimate from %(old)s to %(new)s min"),
    "agent_id": _("the agent from %(old)s to %(new)s"),
    "priority": _("the priority from %(old)s to %(new)s"),
    "targets": _("the targets from %(old)s to %(new)s"),
}
"""What an edit changed, as part of a sentence, in the order in which it is told."""


def event_text(event: Mapping[str, Any], names: Mapping[str, str] = NO_NAMES) -> str:
    """One event as a sentence: who did what, and why in their own words.

    `event` has the columns of `queries.EVENT_COLUMNS`, `names` are the agents' by id.
    """
    details = event["details"] or {}
    kind = EventKind(event["kind"])
    values = {"actor": actor_text(event["actor"], names), "progress": event["progress"]}
    if kind == EventKind.FAILED:
        sentence = FAILURE_DEEDS[FailureReason(event["failure_reason"])] % values
    elif kind == EventKind.STARTED and event["from_status"] == "pending":
        sentence = _("%(actor)s approved and started the work") % values
    elif kind == EventKind.SYNC and ("sync" in details or "queued" in details):
        sentence = _sync_text(values["actor"], details)
    elif kind == EventKind.APPROVED and details.get("edits"):
        values["edits"] = edits_text(details["edits"], names)
        sentence = _("%(actor)s approved and changed %(edits)s") % values
    elif kind == EventKind.EDITED and details.get("edits"):
        values["edits"] = edits_text(details["edits"], names)
        sentence = _("%(actor)s changed %(edits)s") % values
    else:
        sentence = DEEDS[kind] % values
    if details.get("lease") and "agent_id" in (edits := details.get("edits") or {}):
        sentence += _("; it was taken out of %(agent)s's hands") % {"agent": edits["agent_id"][0]}
    if kind != EventKind.SYNC:
        sentence += _marks_text(details.get("sync", {}))
    if withdrawn := details.get("withdrawn"):
        sentence += ngettext(
            "; no longer required: %(channels)s",
            "; no longer required: %(channels)s",
            len(withdrawn),
        ) % {"channels": marketplace_names(withdrawn)}
    words = event["reason"] or details.get("error")
    return f"{sentence}: “{words}”" if words else str(sentence)


def edits_text(edits: Mapping[str, Sequence[Any]], names: Mapping[str, str] = NO_NAMES) -> str:
    """Every edit with its old and its new value: "the title from … to … and the agent from …"."""
    parts = [
        str(sentence % {"old": _edit_value(name, old, names), "new": _edit_value(name, new, names)})
        for name, sentence in EDITS.items()
        if name in edits
        for old, new in (edits[name],)
    ]
    return get_text_list(parts, str(_("and")))


def _edit_value(name: str, value: Any, names: Mapping[str, str]) -> str:
    match name:
        case "agent_id":
            return str(_("nobody")) if value is None else names.get(value, str(value))
        case "estimated_minutes":
            exact = round(value, 1)
            return formats.number_format(int(exact) if exact == int(exact) else exact)
        case "priority":
            return str(Priority(value).label).lower()
        case "targets":
            return marketplace_names(value)
    return str(_("nobody")) if value is None else str(value)


def _marks_text(marks: Mapping[str, bool]) -> str:
    """Which targets a step marked on its way, as the end of its sentence."""
    synced, others = _split_marks(marks)
    text = ""
    if synced:
        text += _("; marked as synced: %(channels)s") % {"channels": marketplace_names(synced)}
    if others:
        text += _("; marked as not synced: %(channels)s") % {"channels": marketplace_names(others)}
    return text


def _sync_text(actor: str, details: Mapping[str, Any]) -> str:
    """Which targets were marked by hand, and which are sent again."""
    synced, others = _split_marks(details.get("sync", {}))
    parts = []
    if synced:
        values = {"actor": actor, "channels": marketplace_names(synced)}
        parts.append(str(_("%(actor)s marked as synced: %(channels)s") % values))
    if others:
        values = {"actor": actor, "channels": marketplace_names(others)}
        parts.append(str(_("%(actor)s marked as not synced: %(channels)s") % values))
    if queued := details.get("queued"):
        values = {"actor": actor, "channels": marketplace_names(queued)}
        parts.append(str(_("%(actor)s asked to sync again: %(channels)s") % values))
    return "; ".join(parts)


def _split_marks(marks: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    """What was marked as synced, and what as not."""
    synced = [slug for slug, is_synced in marks.items() if is_synced]
    return synced, [slug for slug in marks if slug not in synced]


# -- Why this agent ------------------------------------------------------------------------------


def assignment_text(
    assignment: Mapping[str, Any] | None, *, agent_id: str | None, channel: str
) -> str:
    """Which rule chose the agent, and what it saw, in a sentence."""
    name = marketplace_name(channel)
    match (assignment or {}).get("rule"):
        case None if agent_id is None:
            return str(_("No agent has been chosen yet."))
        case None:
            return str(_("Chosen by whoever created the task."))
        case "no_candidate":
            return str(
                _("No active agent with free capacity works on %(channel)s.") % {"channel": name}
            )
        case "least_loaded":
            sentence = _(
                "Fewest open tasks on %(channel)s when the task was created: %(open)s"
                " (agents compared: %(candidates)s)."
            )
            values = {
                "channel": name,
                "open": assignment["openTasks"],  # type: ignore[index]  # a dict
                "candidates": assignment["candidates"],  # type: ignore[index]  # a dict
            }
            return str(sentence % values)
        case rule:
            return str(_("Chosen by the rule %(rule)s.") % {"rule": rule})


def handover_text(handover: Mapping[str, Any], names: Mapping[str, str] = NO_NAMES) -> str:
    """Who gave the task to its present agent: a row of `queries.handovers`."""
    old, new = handover["agents"]
    values = {
        "actor": actor_text(handover["actor"], names),
        "old": _edit_value("agent_id", old, names),
        "new": _edit_value("agent_id", new, names),
    }
    return str(_("%(actor)s gave the task to %(new)s; before, %(old)s had it.") % values)
