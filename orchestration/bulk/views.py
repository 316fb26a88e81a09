"""The page of a bulk job: how far it is, what became of each task and why, and its undo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import APIException

from accounts.callers import Caller, actor_of_user, caller_for_user
from execution.page_filters import SHARED_WITH_API
from execution.page_strings import shared_strings
from execution.queries import Position, agent_names, stream_position, titles_of
from execution.texts import actor_text
from nexo.shared import clock
from nexo.shared.exceptions import Conflict
from nexo.shared.instants import to_rfc3339
from nexo.shared.pagination import Listing, decode_place, encode_place
from nexo.shared.strings import frame_strings
from orchestration.bulk import queries, services, texts
from orchestration.bulk.enums import JobState, Outcome
from orchestration.bulk.exceptions import JobNotFound
from orchestration.bulk.models import BulkItem, BulkJob

# How many tasks a page names of each outcome, and what says in its address where they begin.
PAGE_SIZES: Final = {Outcome.DONE: 50, Outcome.REFUSED: 100}
PLACE_NAMES: Final = {Outcome.DONE: "done", Outcome.REFUSED: "cursor"}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def bulk_job_page(request: HttpRequest, job_id: str) -> HttpResponse:
    caller = caller_for_user(cast("User", request.user))
    try:
        if request.method == "POST":
            return _undo(request, job_id, caller)
        # The position first: a job read after it can only be further than the number says.
        position = stream_position()
        job = services.read_job(job_id, caller=caller)
    except JobNotFound as error:
        raise Http404 from error
    context = _context(request, job, caller, position)
    return render(request, "orchestration/bulk_job.html", context)


def _undo(request: HttpRequest, job_id: str, caller: Caller) -> HttpResponse:
    try:
        undo = services.undo_job(job_id, caller=caller)
    except Conflict as error:
        messages.error(request, str(error.detail))
        return redirect("bulk-job-page", job_id)
    if undo.is_done:
        messages.success(request, texts.undone_text(undo))
    return redirect("bulk-job-page", undo.job_id)


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Some of a job's tasks that came out alike, and the query of the address of the next."""

    items: list[BulkItem]
    next_query: str | None


def _item_page(job: BulkJob, outcome: Outcome, places: Mapping[Outcome, int]) -> ItemPage:
    size = PAGE_SIZES[outcome]
    found = queries.items_after(job, after=places[outcome], limit=size + 1, outcome=outcome)
    page = found[:size]
    if len(found) == len(page):
        return ItemPage(page, None)
    # The other list stays where it is.
    following = {**places, outcome: page[-1].position}
    query = {
        PLACE_NAMES[one]: encode_place(place, of=Listing.BULK_RESULTS)
        for one, place in following.items()
        if place
    }
    return ItemPage(page, urlencode(query))


def _context(
    request: HttpRequest, job: BulkJob, caller: Caller, position: Position
) -> dict[str, Any]:
    now = clock.now()
    names = agent_names()
    places = {outcome: _after(request, name) for outcome, name in PLACE_NAMES.items()}
    done = _item_page(job, Outcome.DONE, places)
    refused = _item_page(job, Outcome.REFUSED, places)
    steps = queries.steps_made(done.items)
    until = services.undo_until(job)
    may_undo = until is not None and now <= until and services.still_may(job, caller)
    undo = getattr(job, "undone_by", None)
    titles = titles_of([item.task_id for item in (*done.items, *refused.items)])
    return {
        "job": job,
        "now": now,
        "title": texts.title_text(job.action, job.total),
        "tone": texts.TONES[JobState(job.state)],
        "icon_name": texts.ICONS.get(JobState(job.state), "completed"),
        "done_text": texts.done_text(job),
        "settled": job.done + job.refused,
        "actor": actor_text(job.actor, names),
        "agent": names.get(job.agent_id, job.agent_id),
        "selection_texts": texts.selection_texts(job.selection, total=job.total, names=names),
        "filter_address": _list_address(job.selection.get("filter")),
        "refusals": texts.refusals(job.refusals),
        "done_items": [
            (item, titles.get(item.task_id), texts.step_text(steps.get(item.sequence or 0)))
            for item in done.items
        ],
        "done_next": done.next_query,
        "refused_items": [(item, titles.get(item.task_id)) for item in refused.items],
        "refused_next": refused.next_query,
        "undo_until": until if may_undo else None,
        "undone_by": undo,
        "undone_text": texts.undone_text(undo) if undo else "",
        "is_running": not job.is_done or (undo is not None and not undo.is_done),
        "page_data": {
            "me": actor_of_user(request.user),
            "loginUrl": settings.LOGIN_URL,
            "epoch": position.epoch,
            "sequence": position.sequence,
            "timestamp": to_rfc3339(now),
        },
        "strings": {**frame_strings(), **shared_strings()},
    }


def _after(request: HttpRequest, name: str) -> int:
    """The place that the address names; what is no place is the beginning."""
    try:
        return decode_place(request.GET[name], of=Listing.BULK_RESULTS)
    except (KeyError, APIException):
        return 0


def _list_address(filters: dict[str, str] | None) -> str | None:
    """The list under the same filters; None where the page cannot show them."""
    if filters is None or not filters.keys() <= set(SHARED_WITH_API):
        return None
    query = urlencode(filters, safe=",")
    return reverse("execution") + (f"?{query}" if query else "")
