"""The approvals inbox: what waits for a decision, and the forms that decide."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import APIException, ValidationError

from accounts.callers import Caller, caller_for_user
from accounts.gate import needs
from accounts.permissions import APPROVE_TASKS, OPERATE_TASKS, VIEW_OPTIMIZATION
from execution import page_controls, queries, services
from execution.commands import Command
from execution.enums import TaskStatus
from execution.exceptions import OwnTask, VersionConflict
from execution.models import Task
from execution.page_filters import PageFilters
from execution.page_strings import shared_strings
from execution.rows import TaskState
from execution.task_actions import BY_NAME, action_json
from execution.texts import NO_NAMES
from nexo.shared import clock
from nexo.shared.errors import error_response
from nexo.shared.instants import to_rfc3339
from nexo.shared.strings import frame_strings
from orchestration.approvals.deciding import DONE, Outcome, decide, refused
from orchestration.approvals.forms import DecisionForm, EditForm, is_task_id
from orchestration.approvals.inbox import WAITS_LONG_AFTER, inbox_filters, read_inbox
from orchestration.approvals.strings import inbox_strings

SUGGESTIONS: Final = 100


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@needs(APPROVE_TASKS)
def approvals_page(request: HttpRequest) -> HttpResponseBase:
    if request.method == "POST":
        return _edit_and_approve(request) if "edit" in request.POST else _decide(request)
    filters = inbox_filters(request.GET.dict(), now=clock.now())
    task_id = request.GET.get("edit") or request.GET.get("reject")
    if not task_id:
        return render(request, "orchestration/approvals.html", _context(request, filters))
    state = _pending_state(task_id)
    if state is None:
        messages.error(request, _("This task no longer waits for approval."))
        return redirect(_address(filters))
    is_own = queries.is_touched_by(state.row["id"], _caller(request).actor)
    if "edit" in request.GET and is_own:
        messages.error(request, str(OwnTask.default_detail))
        return redirect(_address(filters))
    part = (
        {"editing": state, "form": EditForm(state)}
        if request.GET.get("edit")
        else {"rejecting": state}
    )
    context = {**_context(request, filters), **part}
    return render(request, "orchestration/approvals.html", context)


def _caller(request: HttpRequest) -> Caller:
    return caller_for_user(cast("User", request.user))


def _pending_state(task_id: str) -> TaskState | None:
    if not is_task_id(task_id):
        return None
    return queries.task_state(Task.objects.filter(status=TaskStatus.PENDING), task_id)


def _address(filters: PageFilters) -> str:
    query = filters.query(cursor=filters.cursor)
    return f"{reverse('approvals')}?{query}" if query else reverse("approvals")


# -- Decisions -----------------------------------------------------------------------------------


def _decide(request: HttpRequest) -> HttpResponseBase:
    if request.POST.get("do") == "nothing":
        return redirect(_address(inbox_filters(request.GET.dict(), now=clock.now())))
    form = DecisionForm.of(request.POST)
    if not form.is_valid():
        return _invalid(request, form)
    chosen = form.cleaned_data["task"]
    note = form.cleaned_data["note"] or None
    outcomes = decide(chosen, form.command, caller=_caller(request), reason=note)
    return _answer(request, outcomes, form.command)


def _edit_and_approve(request: HttpRequest) -> HttpResponseBase:
    task_id = request.POST["edit"]
    state = queries.task_state(Task.objects.all(), task_id) if is_task_id(task_id) else None
    if state is None:
        raise Http404
    form = EditForm(state, request.POST)
    if not form.is_valid():
        return _invalid(request, form, editing=state)
    title = state.row["title"]
    try:
        services.command_task(
            task_id,
            Command.APPROVE,
            caller=_caller(request),
            reason=form.cleaned_data["note"] or None,
            edits=form.edits(),
            version=form.cleaned_data["version"],
        )
    except ValidationError as error:
        # Such as a target that is synced already and stays one.
        form.add_error(None, _sentences(error))
        return _invalid(request, form, editing=state)
    except APIException as error:
        if error.status_code >= 500:
            raise
        return _answer(request, [refused(task_id, title, error)], Command.APPROVE)
    done = Outcome(task_id, form.cleaned_data["title"], DONE)
    return _answer(request, [done], Command.APPROVE)


def _sentences(error: APIException) -> str:
    data = cast("dict[str, Any]", error_response(error).data)
    return " ".join(text for texts in data["details"].values() for text in texts)


def _answer(
    request: HttpRequest, outcomes: Sequence[Outcome], command: Command
) -> HttpResponseBase:
    if _wants_json(request):
        return JsonResponse({"results": [outcome.as_json() for outcome in outcomes]})
    filters = inbox_filters(request.GET.dict(), now=clock.now())
    if len(outcomes) > 1:
        context = {**_context(request, filters), "outcomes": outcomes, "command": command.value}
        return render(request, "orchestration/approvals.html", context)
    (outcome,) = outcomes
    strings = inbox_strings()
    if outcome.is_done:
        messages.success(request, strings[f"done.{command}"].format(title=outcome.title))
    else:
        values = {"title": outcome.title, "sentence": _told(outcome)}
        messages.error(request, strings["refused.one"].format(**values))
    return redirect(_address(filters))


def _told(outcome: Outcome) -> str:
    if outcome.code == VersionConflict.default_code:
        return _("The task changed while you were deciding. Look at it again; nothing was done.")
    return outcome.sentence


def _invalid(
    request: HttpRequest, form: forms.Form, editing: TaskState | None = None
) -> HttpResponseBase:
    fields = {name: [str(error) for error in errors] for name, errors in form.errors.items()}
    sentence = " ".join(text for errors in fields.values() for text in errors)
    if _wants_json(request):
        return JsonResponse({"error": sentence, "details": fields}, status=400)
    if editing is None:
        messages.error(request, sentence)
    elif wrong := [name for name in form.errors if name in form.fields]:
        form.fields[wrong[0]].widget.attrs["autofocus"] = True
    filters = inbox_filters(request.GET.dict(), now=clock.now())
    context = {**_context(request, filters), "editing": editing, "form": form}
    return render(request, "orchestration/approvals.html", context, status=400)


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


# -- The page ------------------------------------------------------------------------------------


def _context(request: HttpRequest, filters: PageFilters) -> dict[str, Any]:
    now = clock.now()
    caller = _caller(request)
    names = queries.agent_names()
    inbox = read_inbox(
        filters,
        actor=caller.actor,
        names=names,
        with_scores=request.user.has_perm(VIEW_OPTIMIZATION),
        now=now,
    )
    return {
        "filters": filters,
        "inbox": inbox,
        "pending_total": inbox.total,
        "here": reverse("approvals"),
        "address": _address(filters),
        "row_query": filters.query(cursor=filters.cursor),
        "older_query": filters.query(cursor=inbox.next_cursor) if inbox.next_cursor else "",
        "first_query": filters.query(),
        "chips": page_controls.channel_chips(inbox.by_channel, filters),
        "agents": _links("agent", queries.active_agents(limit=SUGGESTIONS), filters, names),
        "agent_names": names,
        "task_types": _links("taskType", queries.task_types(limit=SUGGESTIONS), filters),
        "now": now,
        "page_data": {
            "apiUrl": reverse("task-execution"),
            "taskUrl": reverse("task", args=["0"])[:-1],
            "loginUrl": settings.LOGIN_URL,
            "statuses": {status.value: str(status.label) for status in TaskStatus},
            "reject": action_json(BY_NAME["reject"]),
            "agents": names,
            "me": caller.actor,
            "mayRetry": caller.may(OPERATE_TASKS),
            "waitsLongAfter": int(WAITS_LONG_AFTER.total_seconds()),
            "filters": filters.as_json(),
            "epoch": inbox.position.epoch,
            "sequence": inbox.position.sequence,
            "timestamp": to_rfc3339(now),
        },
        "strings": {**frame_strings(), **shared_strings(), **inbox_strings()},
    }


def _links(
    name: str, values: Sequence[str], filters: PageFilters, labels: Mapping[str, str] = NO_NAMES
) -> list[page_controls.Choice]:
    """Each value as a link that sets it; the one that is set, as a link that clears it."""
    chosen = filters.texts.get(name)
    if chosen and chosen not in values:
        values = [chosen, *values]
    return [
        page_controls.Choice(
            value,
            labels.get(value, value),
            filters.query(**{name: None if value == chosen else value}),
            value == chosen,
        )
        for value in values
    ]
