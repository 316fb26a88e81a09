"""The overview: how everything stands, and the button that sets it in motion."""

import re
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.callers import Caller, actor_of_user, caller_for_user
from accounts.gate import needs
from accounts.permissions import ENTER_ADMIN, RUN_ORCHESTRATION, VIEW_OPTIMIZATION
from execution.agents import pause_agent, resume_agent
from execution.agents_serializers import MAX_REASON
from execution.enums import REPORT_KINDS, MarketplaceSlug
from execution.exceptions import AgentNotFound
from execution.models import SLUG_PATTERN
from execution.page_strings import shared_strings
from nexo.shared import clock
from nexo.shared.instants import to_rfc3339
from nexo.shared.strings import frame_strings
from orchestration import page, queries, services
from orchestration.forms import ActivationForm, PauseForm
from orchestration.overview import overview
from orchestration.texts import Reader

TEMPLATE = "orchestration/overview.html"


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def overview_page(request: HttpRequest) -> HttpResponseBase:
    if request.method == "POST":
        return _act(request)
    asks = "activate" in request.GET and request.user.has_perm(RUN_ORCHESTRATION)
    # Who comes back from the preview finds what they had chosen; who opens it, all.
    chosen = request.GET.getlist("channels") or MarketplaceSlug.values
    form = ActivationForm(initial={"channels": chosen}) if asks else None
    return render(request, TEMPLATE, _context(request, form))


@needs(RUN_ORCHESTRATION)
def _act(request: HttpRequest) -> HttpResponse:
    if request.POST.get("step") in ("pause", "resume"):
        return _pause_or_resume(request)
    return _activate(request)


def _pause_or_resume(request: HttpRequest) -> HttpResponse:
    agent_id, caller = request.POST.get("agent", ""), _caller(request)
    if not re.fullmatch(SLUG_PATTERN, agent_id):
        raise Http404
    form = PauseForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["reason"])))
        return redirect(f"{reverse('overview')}#agent-{agent_id}")
    try:
        if request.POST["step"] == "pause":
            agent = pause_agent(agent_id, caller=caller, reason=form.cleaned_data["reason"])
            message = _("Agent %(agent)s paused: it is offered no task and recommended for none.")
        else:
            agent = resume_agent(agent_id, caller=caller)
            message = _("Agent %(agent)s active again.")
    except AgentNotFound as error:
        raise Http404 from error
    messages.success(request, message % {"agent": agent.name})
    return redirect(f"{reverse('overview')}#agent-{agent.slug}")


def _caller(request: HttpRequest) -> Caller:
    return caller_for_user(cast("User", request.user))


def _reader(request: HttpRequest) -> Reader:
    may = request.user.has_perm
    return Reader(may_enter_admin=may(ENTER_ADMIN), may_run=may(RUN_ORCHESTRATION))


def _activate(request: HttpRequest) -> HttpResponse:
    """Preview what would be generated, or generate it."""
    form = ActivationForm(request.POST)
    if not form.is_valid():
        return render(request, TEMPLATE, _context(request, form), status=400)
    is_meant = request.POST.get("step") == "activate"
    made = services.activate(
        form.cleaned_data["channels"], caller=_caller(request), dry_run=not is_meant
    )
    if not is_meant:
        return render(
            request, TEMPLATE, _context(request, form, page.preview(made, _reader(request)))
        )
    messages.success(request, page.activated_text(made))
    return redirect(f"{reverse('overview')}#plan")


def _context(
    request: HttpRequest, form: ActivationForm | None, preview: page.Preview | None = None
) -> dict[str, Any]:
    now = clock.now()
    found = overview(now)
    sees_rates = request.user.has_perm(VIEW_OPTIMIZATION)
    cards = page.agent_cards(found, with_scores=sees_rates)
    shown = _shown(request)
    return {
        "figures": page.figures(found, with_rates=sees_rates),
        "agents": cards[:shown],
        "more": shown + page.SHOWN_AT_FIRST if len(cards) > shown else None,
        "sees_rates": sees_rates,
        "bottlenecks": page.agent_bottlenecks(found) if sees_rates else [],
        "unassigned": page.unassigned_lines(found, _reader(request)) if sees_rates else [],
        "has_work": found.metrics.generated > 0 or found.totals.generated > 0,
        "plans": page.plans_panel(queries.plans()),
        "may_run": request.user.has_perm(RUN_ORCHESTRATION),
        "max_reason": MAX_REASON,
        "reports": page.report_links() if sees_rates else [],
        "form": form,
        "preview": preview,
        "now": now,
        "page_data": {
            "me": actor_of_user(request.user),
            "epoch": found.position.epoch,
            "sequence": found.position.sequence,
            "timestamp": to_rfc3339(now),
            "loginUrl": settings.LOGIN_URL,
            "reports": [kind.value for kind in REPORT_KINDS],
        },
        "strings": {**frame_strings(), **shared_strings(), **page.strings()},
    }


def _shown(request: HttpRequest) -> int:
    text = request.GET.get("show", "")
    asked = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return max(page.SHOWN_AT_FIRST, asked)
