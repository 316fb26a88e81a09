"""The page of saved views, and the one form that every change of them comes through."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import ValidationError

from execution import page_controls, queries, saved_views
from execution.exceptions import ViewNotFound
from execution.forms import SavedViewForm
from execution.models import SavedView
from execution.page_filters import read_filters
from nexo.shared import clock

SHARED_SHOWN = 100


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def views_page(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _change(request)
    return render(request, "execution/views.html", _context(request))


def normal_query(query: str) -> str:
    """The known filters of a query string, as the page itself would write them."""
    try:
        parameters = dict(parse_qsl(query, max_num_fields=100))
    except ValueError:
        return ""
    return read_filters(parameters, now=clock.now()).query()


def query_text(query: str, agent_names: Mapping[str, str]) -> str:
    """A saved query in words; as it is, where it no longer selects by anything known."""
    filters = read_filters(dict(parse_qsl(query)), now=clock.now())
    return page_controls.filters_text(filters, agent_names) or query


@dataclass(frozen=True, slots=True)
class Shown:
    view: SavedView
    words: str


def _change(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    form = SavedViewForm(request.POST)
    if not form.is_valid():
        fields = {name: [str(error) for error in errors] for name, errors in form.errors.items()}
        return _refused(request, fields)
    data = form.cleaned_data
    try:
        match data["do"]:
            case "save":
                query = normal_query(data["query"])
                view = saved_views.save_view(
                    user, name=data["name"], query=query, is_shared=data["shared"]
                )
                messages.success(request, _("Saved: {name}").format(name=view.name))
                if _wants_json(request):
                    return JsonResponse({"address": address_of(view)})
                return redirect(address_of(view))
            case "rename":
                saved_views.rename_view(data["view"], by=user, name=data["name"])
                messages.success(request, _("Renamed: {name}").format(name=data["name"]))
            case "share":
                view = saved_views.share_view(data["view"], by=user, is_shared=True)
                messages.success(request, _("Shared with everyone: {name}").format(name=view.name))
            case "unshare":
                view = saved_views.share_view(data["view"], by=user, is_shared=False)
                messages.success(request, _("Only yours now: {name}").format(name=view.name))
            case "delete":
                view = saved_views.delete_view(data["view"], by=user)
                messages.success(request, _("Deleted: {name}").format(name=view.name))
    except ViewNotFound as error:
        raise Http404 from error
    except ValidationError as error:
        detail = cast("dict[str, list[Any]]", error.detail)
        fields = {name: [str(text) for text in texts] for name, texts in detail.items()}
        return _refused(request, fields)
    return redirect("saved-views")


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def _refused(request: HttpRequest, fields: Mapping[str, list[str]]) -> HttpResponse:
    """The form again, as it was sent, with what is wrong at its field."""
    if _wants_json(request):
        sentence = " ".join(text for texts in fields.values() for text in texts)
        return JsonResponse({"error": sentence, "details": fields}, status=400)
    sent = request.POST
    query = normal_query(sent.get("query", ""))
    context = {
        **_context(request),
        "errors": [text for name, texts in fields.items() if name != "name" for text in texts],
        "name_errors": fields.get("name", []),
        "sent": {name: sent.get(name, "") for name in ("do", "view", "name", "shared")},
        "sent_query": query,
        "sent_words": query_text(query, queries.agent_names()),
    }
    return render(request, "execution/views.html", context, status=400)


def address_of(view: SavedView) -> str:
    return f"{reverse('execution')}?{view.query}"


def _context(request: HttpRequest) -> dict[str, Any]:
    views = queries.views_for(cast("int", request.user.pk), limit=SHARED_SHOWN)
    names = queries.agent_names() if views else {}
    shown = [Shown(view, query_text(view.query, names)) for view in views]
    return {
        "sent": None,
        "own": [one for one in shown if one.view.owner_id == request.user.pk],
        "shared": [one for one in shown if one.view.owner_id != request.user.pk],
        "most": saved_views.MOST_PER_PERSON,
    }
