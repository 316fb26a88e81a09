"""The execution page, a task's page, and what their scripts read besides the API."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_http_methods
from rest_framework.exceptions import APIException, ValidationError

from accounts.callers import actor_of_user, caller_for_user
from accounts.gate import refusal
from accounts.permissions import (
    APPROVE_TASKS,
    OPERATE_TASKS,
    RUN_ORCHESTRATION,
    VIEW_OPTIMIZATION,
)
from execution import assignment, page_controls, queries, services, story_queries, texts
from execution.changes import RESENDABLE, RESYNC_STATUSES
from execution.enums import (
    Card,
    EventKind,
    FailureReason,
    LogLevel,
    SyncState,
    TaskStatus,
    marketplace_name,
)
from execution.exceptions import InvalidTransition, NotAllowed, TaskNotFound, VersionConflict
from execution.export import MOST_TASKS
from execution.filters import TaskSelection
from execution.forms import TaskActionForm
from execution.lifecycle import allowed_transitions
from execution.models import Task
from execution.page_filters import STATUSES_OF, PageFilters, read_filters
from execution.page_strings import list_strings, shared_strings
from execution.representations import task_json
from execution.row_view import TONES, blank_row, row_view
from execution.rows import TaskRow, TaskState, execution_minutes
from execution.task_actions import (
    BY_NAME,
    TaskAction,
    action_json,
    legal_actions,
    permitted_actions,
)
from execution.task_story import stays, steps
from execution.totals import Counts
from nexo.shared import clock
from nexo.shared.errors import error_response
from nexo.shared.instants import to_rfc3339
from nexo.shared.pagination import Listing, decode_place, encode_cursor, encode_place
from nexo.shared.strings import frame_strings

PAGE_SIZE: Final = 50
SUGGESTIONS: Final = 100
TIMELINE_LENGTH: Final = 100
LOG_LENGTH: Final = 200


# -- The execution page --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One page of tasks with the totals around it, as the API gives them."""

    position: queries.Position
    tasks: list[dict[str, Any]]
    next_cursor: str | None
    counts: Counts


def _selection(filters: PageFilters) -> TaskSelection:
    return TaskSelection(filters.values, Task.objects.all(), sees_all=True)


def _snapshot(filters: PageFilters, now: datetime) -> Snapshot:
    # The position first: rows read after it can only be newer than the number says.
    position = queries.stream_position()
    selection = _selection(filters)
    rows = queries.newest_first(selection.tasks(), limit=PAGE_SIZE, after=filters.after)
    page = rows[:PAGE_SIZE]
    place = (page[-1]["created_at"], page[-1]["id"]) if len(rows) > PAGE_SIZE else None
    targets = queries.targets_of([row["id"] for row in page])
    return Snapshot(
        position=position,
        tasks=[task_json(row, targets[row["id"]], now=now) for row in page],
        next_cursor=encode_cursor(*place, of=Listing.TASKS) if place else None,
        counts=selection.counts(every_channel=True),
    )


@require_GET
@login_required
def execution_page(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    filters = read_filters(request.GET.dict(), now=now)
    midnight = clock.days_ago(-1, at=now)
    snapshot = _snapshot(filters, now)
    total, summary = snapshot.counts.total, snapshot.counts.summary()
    short_names = queries.short_names()
    agent_names = queries.agent_names()
    context = {
        "filters": filters,
        "snapshot": snapshot,
        "total": total,
        "summary": summary,
        "cards": page_controls.cards(summary, filters),
        "mean_text": page_controls.mean_text(summary),
        "segments": page_controls.status_segments(filters),
        "chips": page_controls.channel_chips(snapshot.counts.by_channel(), filters),
        "periods": page_controls.periods(filters),
        "agents": _agent_choices(filters.texts.get("agent"), agent_names),
        "task_types": queries.task_types(limit=SUGGESTIONS),
        "rows": [
            row_view(task, short_names=short_names, agent_names=agent_names, now=now)
            for task in snapshot.tasks
        ],
        "shown_text": pgettext("how many tasks the list shows", "{shown} of {total}").format(
            shown=texts.number_text(len(snapshot.tasks)), total=texts.number_text(total)
        ),
        "blank_row": blank_row(short_names),
        "older_query": _older_query(filters, snapshot),
        "all_query": filters.query(status=None),
        "saved_views": queries.views_for(cast("int", request.user.pk), limit=SUGGESTIONS),
        "first_query": filters.query(),
        "csv_tasks": MOST_TASKS,
        "may_bulk": request.user.has_perm(RUN_ORCHESTRATION),
        "now": now,
        "page_data": {
            **_shared_data(request, short_names, agent_names),
            "filters": filters.as_json(),
            # The list of a period is another one after midnight.
            "turnsAt": to_rfc3339(midnight) if "period" in filters.texts else None,
            "apiQuery": filters.api_query(),
            "cursor": filters.cursor,
            "summaryUrl": _with_query(reverse("execution-summary"), filters.query()),
            "statusesOf": {card.value: STATUSES_OF[card] for card in Card},
            "pageSize": PAGE_SIZE,
            "snapshot": {
                "epoch": snapshot.position.epoch,
                "sequence": snapshot.position.sequence,
                "tasks": snapshot.tasks,
                "nextCursor": snapshot.next_cursor,
                "totalTasks": total,
                "timestamp": to_rfc3339(now),
            },
        },
        "strings": {**frame_strings(), **shared_strings(), **list_strings()},
    }
    return render(request, "execution/execution.html", context)


def _agent_choices(chosen: str | None, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """The agents that a filter offers, (id, name), the chosen one always among them."""
    slugs = queries.active_agents(limit=SUGGESTIONS)
    if chosen and chosen not in slugs:
        slugs = [chosen, *slugs]
    return [(slug, names.get(slug, slug)) for slug in slugs]


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _older_query(filters: PageFilters, snapshot: Snapshot) -> str | None:
    return filters.query(cursor=snapshot.next_cursor) if snapshot.next_cursor else None


@require_GET
@login_required
def execution_summary(request: HttpRequest) -> JsonResponse:
    """Cards and chips under filters whose totals no frame of the feed carries."""
    selection = _selection(read_filters(request.GET.dict(), now=clock.now()))
    counts = selection.counts(every_channel=True)
    return JsonResponse(
        {
            "totalTasks": counts.total,
            "summary": counts.summary(),
            "channels": counts.by_channel(),
        }
    )


def _shared_data(
    request: HttpRequest, short_names: Mapping[str, str], agent_names: Mapping[str, str]
) -> dict[str, Any]:
    """What the scripts of both pages know: names, signs, addresses, actions."""
    return {
        "apiUrl": reverse("task-execution"),
        "taskUrl": reverse("task", args=["0"])[:-1],
        "loginUrl": settings.LOGIN_URL,
        "me": actor_of_user(request.user),
        "zone": clock.BUSINESS_ZONE.key,
        "statuses": {status.value: str(status.label) for status in TaskStatus},
        "tones": {status.value: tone for status, tone in TONES.items()},
        "failures": {reason.value: str(reason.label) for reason in FailureReason},
        "syncStates": {state.value: str(state.label).lower() for state in SyncState},
        "signs": {SyncState(state).value: sign for state, sign in texts.MARKS.items()},
        "channels": {
            slug: {"name": marketplace_name(slug), "short": short}
            for slug, short in short_names.items()
        },
        "agents": agent_names,
        "actions": [action_json(action) for action in _actions(request)],
        "resend": {
            "statuses": [status.value for status in RESYNC_STATUSES],
            "states": sorted(state.value for state in RESENDABLE),
        },
        "mayOperate": request.user.has_perm(OPERATE_TASKS),
    }


def _actions(request: HttpRequest) -> list[TaskAction]:
    return permitted_actions(request.user.has_perm)


# -- A task's page -------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def task_page(request: HttpRequest, task_id: str) -> HttpResponseBase:
    if request.method == "POST":
        return _act(request, task_id)
    position = queries.stream_position()
    state = queries.task_state(Task.objects.all(), task_id)
    if state is None:
        raise Http404
    return render(request, "execution/task.html", _task_context(request, state, position))


def _act(request: HttpRequest, task_id: str) -> HttpResponseBase:
    if not _actions(request):
        raise refusal(APPROVE_TASKS)
    wants_json = request.headers.get("Accept") == "application/json"
    try:
        state, told = _change(request, task_id)
    except APIException as error:
        if wants_json:
            answer = error_response(error)
            return JsonResponse(answer.data, status=answer.status_code)
        return _refused(request, task_id, error)
    if wants_json:
        return JsonResponse({"task": task_json(state.row, state.targets, now=clock.now())})
    messages.success(request, told)
    return redirect("task", task_id)


def _change(request: HttpRequest, task_id: str) -> tuple[TaskState, str]:
    """The task as it then is, and what to say of it."""
    form = TaskActionForm(request.POST)
    if not form.is_valid():
        fields = {name: [str(error) for error in errors] for name, errors in form.errors.items()}
        raise ValidationError(fields)
    caller = caller_for_user(cast("User", request.user))
    if form.resends:
        reason = form.cleaned_data["note"] or None
        found = services.resync_task(task_id, form.channels, caller=caller, reason=reason)
        return found.state, _("Done.") if found.queued else _("There is nothing left to send.")
    change = form.change()
    if form.decision is None:
        state = services.update_task(task_id, change, caller=caller)
        if form.cleaned_data["action"] and state.row["version"] == change.version:
            # It stood there already: no step was taken, so none is told as done.
            status = change.status
            allowed = [step.value for step in allowed_transitions(status)]
            raise InvalidTransition(old=status.value, new=status.value, allowed=allowed)
        return state, _("Done.")
    state = services.command_task(
        task_id, form.decision, caller=caller, reason=change.reason, version=change.version
    )
    return state, _("Done.")


def _refused(request: HttpRequest, task_id: str, error: APIException) -> HttpResponseBase:
    match error:
        case TaskNotFound():
            raise Http404 from error
        case NotAllowed():
            raise refusal(OPERATE_TASKS) from error
        case VersionConflict():
            sentence = _(
                "The task changed while you were deciding. Look at it again; nothing was done."
            )
        case ValidationError(detail=dict() as fields):
            sentence = " ".join(str(text) for errors in fields.values() for text in errors)
        case _:
            sentence = str(error.detail)
    messages.error(request, sentence)
    return redirect("task", task_id)


def _task_context(
    request: HttpRequest, state: TaskState, position: queries.Position
) -> dict[str, Any]:
    now = clock.now()
    row = state.row
    task = task_json(row, state.targets, now=now)
    short_names = queries.short_names()
    agent_names = queries.agent_names()
    explanation, result, creator = queries.task_story(row["id"])
    events = queries.newest_events_of(row["id"], limit=TIMELINE_LENGTH + 1)
    logs = queries.newest_logs_of(row["id"], limit=LOG_LENGTH)
    handovers = queries.handovers([row["id"]])[row["id"]]
    # What chose the first agent spoke of that one, whoever has the task since.
    first_agent = handovers[0]["agents"][0] if handovers else row["agent_id"]
    status = TaskStatus(row["status"])
    actions = legal_actions(_actions(request), status)
    past = stays(story_queries.turns_of(row["id"], attempt=row["attempt"]))
    return {
        "task": row,
        "list_address": _list_address(request),
        "view": row_view(task, short_names=short_names, agent_names=agent_names, now=now),
        "agent_names": agent_names,
        "agent_state": _agent_state(row),
        "steps": steps(row, past=past, now=now),
        "failure": _failure(task, events, may_retry=request.user.has_perm(OPERATE_TASKS)),
        "targets": state.targets,
        "may_mark": request.user.has_perm(OPERATE_TASKS) and status == TaskStatus.MARKETPLACE_SYNC,
        "resendable": _resendable(request, state),
        "actions": actions,
        "is_own": _is_own(request, row) if BY_NAME["approve"] in actions else False,
        "reasoning": assignment.reasoning(
            explanation, with_scores=request.user.has_perm(VIEW_OPTIMIZATION)
        ),
        "assignment": texts.assignment_text(
            explanation, agent_id=first_agent, channel=row["marketplace_id"]
        ),
        "handover": texts.handover_text(handovers[-1], agent_names) if handovers else "",
        "first_agent": agent_names.get(first_agent or "", first_agent),
        "minutes_at_work": _whole(execution_minutes(row["started_at"], row["ended_at"])),
        "result": result,
        "creator": texts.actor_text(creator, agent_names),
        **_timeline(request, row["id"], events),
        "logs": logs,
        "is_over": status in (TaskStatus.COMPLETED, TaskStatus.FAILED),
        "now": now,
        "page_data": {
            **_shared_data(request, short_names, agent_names),
            "task": task,
            "logCursor": logs[-1]["id"] if logs else 0,
            "logLevels": {level.value: str(level.label) for level in LogLevel},
            "epoch": position.epoch,
            "sequence": position.sequence,
            "timestamp": to_rfc3339(now),
        },
        "strings": {**frame_strings(), **shared_strings()},
    }


def _agent_state(row: TaskRow) -> str:
    """What keeps the agent from a task that is not done: nobody else begins it meanwhile."""
    if row["agent_id"] is None or row["status"] == TaskStatus.COMPLETED:
        return ""
    is_active, is_paused = queries.agent_flags(row["agent_id"])
    if not is_active:
        return _("inactive: begins no task")
    return _("paused: begins no task") if is_paused else ""


def _timeline(
    request: HttpRequest, task_pk: int, newest: list[Mapping[str, Any]]
) -> dict[str, Any]:
    """The newest events, or those before the place in the address, and where older ones are."""
    place: int | None = None
    with suppress(KeyError, ValidationError):
        place = decode_place(request.GET["before"], of=Listing.EVENTS)
    events = newest
    if place is not None:
        events = queries.newest_events_of(task_pk, limit=TIMELINE_LENGTH + 1, before=place)
    shown = events[:TIMELINE_LENGTH]
    last = shown[-1]["sequence"] if len(events) > len(shown) else None
    return {
        "events": shown,
        "is_newest": place is None,
        "before_events": encode_place(last, of=Listing.EVENTS) if last else None,
    }


def _failure(
    task: Mapping[str, Any], events: Iterable[Mapping[str, Any]], *, may_retry: bool
) -> dict[str, str]:
    """What the panel about a failure says."""
    reason = task["failureReason"]
    effect, next_step = texts.failure_words(task)
    return {
        "title": str(FailureReason(reason).label) if reason else _("Error"),
        "cause": _cause(task, events) or texts.word("failure.unknown"),
        "effect": effect,
        "next": next_step if may_retry or not reason else _next_step_of_others(reason),
    }


def _cause(task: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> str | None:
    """A reason is in the event that ended the task, `events` being its newest, latest first."""
    ending = next((event for event in events if event["kind"] == EventKind.FAILED), None)
    reason = ending["reason"] if ending else None
    if not texts.was_decided(task):
        return task["error"] or reason
    return reason or ((ending["details"] or {}).get("error") if ending else None)


def _next_step_of_others(reason: str) -> str:
    """Who may not try again themselves is told whom to ask."""
    if reason == FailureReason.CANCELLED:
        return _(
            "Nothing, unless it is wanted after all: then ask a head or an administrator"
            " to try it again."
        )
    return _("Ask a head or an administrator to put the cause right and try the task again.")


def _is_own(request: HttpRequest, row: TaskRow) -> bool:
    """Whether the approve command refuses the task to this person, as the inbox says too."""
    caller = caller_for_user(cast("User", request.user))
    return queries.is_touched_by(row["id"], caller.actor)


def _resendable(request: HttpRequest, state: TaskState) -> list[str]:
    """The targets that one may have sent again."""
    if state.row["status"] not in RESYNC_STATUSES or not request.user.has_perm(OPERATE_TASKS):
        return []
    return [t["marketplace_id"] for t in state.targets if t["state"] in RESENDABLE]


def _list_address(request: HttpRequest) -> str:
    """Back to the list with the filters it had, when that is where the person came from."""
    address = reverse("execution")
    came_from = urlsplit(request.headers.get("Referer", ""))
    is_own = (came_from.scheme, came_from.netloc) == (request.scheme, request.get_host())
    return _with_query(address, came_from.query if is_own and came_from.path == address else "")


def _whole(minutes: float | None) -> int | None:
    """A minute that has begun does not count, as in all other times of the page."""
    return None if minutes is None else int(minutes)
