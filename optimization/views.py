"""The optimization page: scores, forecasts, actions, weights, and who should do the next task."""

import re
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods

from accounts.callers import Caller, actor_of_user, caller_for_user
from accounts.gate import needs
from accounts.permissions import CHANGE_WEIGHTS, VIEW_OPTIMIZATION
from execution import queries as tasks
from execution.assignment import Need
from execution.enums import OPEN_STATUSES, EventKind, MarketplaceSlug
from execution.exceptions import AgentNotFound
from execution.models import SLUG_PATTERN
from execution.page_strings import shared_strings
from nexo.shared import clock
from nexo.shared.instants import to_rfc3339
from nexo.shared.strings import frame_strings
from optimization import page, queries, services
from optimization.answer_view import answer_to
from optimization.forecast import backtest
from optimization.forms import WeightsForm, percents_of
from optimization.optimizations import Optimization, optimizations, summary
from optimization.page import PageState
from optimization.preview_view import rescored_days
from optimization.projection import FACT_KINDS
from optimization.recommending import recommend_agent

SUGGESTIONS = 100
CHANGES_SHOWN = 10
# Cards of an open page that may have left its list; it asks for them beside the list.
LONGEST_ALSO = 100


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@needs(VIEW_OPTIMIZATION)
def optimization_page(request: HttpRequest) -> HttpResponseBase:
    state = PageState.read(request.GET.dict())
    if request.method == "POST":
        return _edit(request, state)
    return render(request, "optimization/optimization.html", _context(request, state, Editor()))


# -- Weights -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Editor:
    """The weights form as it stands: untouched, refused, or with what it would do."""

    form: WeightsForm | None = None
    preview: services.Preview | None = None
    resets: bool = False

    @property
    def is_open(self) -> bool:
        return self.form is not None or self.preview is not None


@needs(CHANGE_WEIGHTS)
def _edit(request: HttpRequest, state: PageState) -> HttpResponse:
    """Preview or save the weights of the agent that the address names."""
    agent_id = state.values.get("agent", "")
    caller = caller_for_user(cast("User", request.user))
    step = request.POST.get("step")
    resets = step in ("preview-reset", "reset")
    form = None if resets else WeightsForm(request.POST)
    if form is not None and not form.is_valid():
        editor = Editor(form)
        return render(
            request, "optimization/optimization.html", _context(request, state, editor), status=400
        )
    try:
        if step in ("save", "reset"):
            return _save(request, state, agent_id, form, caller)
        shares = None if form is None else form.shares
        preview = services.preview_weights(agent_id, shares, caller=caller)
    except AgentNotFound as error:
        raise Http404 from error
    editor = Editor(form, preview, resets)
    return render(request, "optimization/optimization.html", _context(request, state, editor))


def _save(
    request: HttpRequest, state: PageState, agent_id: str, form: WeightsForm | None, caller: Caller
) -> HttpResponse:
    if form is None:
        services.clear_weights(
            agent_id, caller=caller, reason=request.POST.get("reason", "")[:1000]
        )
        messages.success(request, _("The weights are adaptive again."))
    else:
        reason = form.cleaned_data["reason"]
        services.set_weights(agent_id, form.shares, caller=caller, reason=reason)
        messages.success(request, _("Weights saved."))
    return redirect(f"{reverse('optimization')}?{state.query()}")


# -- The page ------------------------------------------------------------------------------------


def _context(request: HttpRequest, state: PageState, editor: Editor) -> dict[str, Any]:
    now = clock.now()
    known = optimizations(queries.active_agents(), now)
    found = known.agents
    state = state.among({one.agent.slug for one in found})
    matching = [one for one in found if state.values.get("action") in (None, one.action)]
    in_order = page.sorted_agents(matching, state.sort)
    shown, rest = in_order[: state.show], in_order[state.show :]
    also = request.GET.get(page.ALSO, "").split(",")[:LONGEST_ALSO]
    in_list = {one.agent.slug for one in shown}
    left = [one for one in found if one.agent.slug in also and one.agent.slug not in in_list]
    may_change = request.user.has_perm(CHANGE_WEIGHTS)
    return {
        "state": state,
        "cards": page.summary_cards(summary(found), found),
        "sorts": page.sort_links(state),
        "actions": page.action_links(state, found),
        "agents": [page.agent_card(one, state) for one in shown],
        "left": [page.agent_card(one, state, has_left=True) for one in left],
        "has_agents": bool(found),
        "more": page.more_link(state, rest),
        "drawer": _drawer(state, found, editor, may_change=may_change),
        "may_change": may_change,
        "open_statuses": ",".join(OPEN_STATUSES),
        "who": _who(state, found),
        "now": now,
        "page_data": {
            "me": actor_of_user(request.user),
            "epoch": known.position.epoch,
            "sequence": known.position.sequence,
            "timestamp": to_rfc3339(now),
            "loginUrl": settings.LOGIN_URL,
            # With a retry a task is no longer late.
            "facts": [kind.value for kind in (*FACT_KINDS, EventKind.RETRIED)],
            "charts": {one.agent.slug: page.chart_data(one) for one in [*shown, *left]},
        },
        "strings": {**frame_strings(), **shared_strings(), **_strings()},
    }


def _strings() -> dict[str, str]:
    return {
        "weights.stale": _("The numbers have changed: preview them again before saving."),
        "weights.sum": _("Sum: {sum}% (target: 100%, from 95% to 105% will do)"),
        "cards.left": _("No longer in this list"),
        "cards.entered.one": _("{count} agent came in"),
        "cards.entered.other": _("{count} agents came in"),
        "cards.leaving.one": _("{count} left the list"),
        "cards.leaving.other": pgettext("several agents", "{count} left the list"),
        "cards.order": _("The order changed"),
    }


def _drawer(
    state: PageState, found: list[Optimization], editor: Editor, *, may_change: bool
) -> dict[str, Any] | None:
    """One agent's arithmetic and weights; None when the address names no active agent."""
    one = next((one for one in found if one.agent.slug == state.values.get("agent")), None)
    if one is None:
        return None
    form = editor.form or WeightsForm(initial=percents_of(page.editable_weights(one)))
    preview = editor.preview
    changes = services.changes_of(one.agent.slug, before_id=None, limit=CHANGES_SHOWN)
    return {
        "one": one,
        "card": page.agent_card(one, state),
        "terms": page.score_terms(one),
        "backtest": backtest(one.history),
        "claims_interval": page.claims_interval(one),
        "form": form if may_change else None,
        "editor": editor,
        "rescored": rescored_days(preview.before, preview.after) if preview else None,
        "changes": changes,
        "outcomes": page.outcomes_text(
            queries.decision_outcomes(one.agent.slug, queries.Window(one.at))
        ),
        "close_query": state.query(agent=None),
        "query": state.query(),
    }


def _who(state: PageState, found: list[Optimization]) -> dict[str, Any]:
    """The question and, once both its parts are given, its answer."""
    task_type, channel = state.values.get("taskType", ""), state.values.get("channel", "")
    is_asked = bool(task_type and channel)
    is_legal = channel in MarketplaceSlug.values and _is_slug(task_type)
    answer = None
    if is_asked and is_legal:
        recommended = recommend_agent(Need(task_type, channel))
        names = {one.agent.slug: one.agent.name for one in found}
        answer = answer_to(recommended, task_type=task_type, marketplace_id=channel, names=names)
    types = tasks.task_types(limit=SUGGESTIONS)
    waiting = {"taskType": task_type, "channel": channel, "status": ",".join(OPEN_STATUSES)}
    return {
        "task_type": task_type,
        "channel": channel,
        "types": types,
        # Of more than these it is not known.
        "is_new_type": answer is not None and task_type not in types and len(types) < SUGGESTIONS,
        "waiting_query": urlencode(waiting, safe=","),
        "channels": MarketplaceSlug.choices,
        "pattern": SLUG_PATTERN,
        "answer": answer,
        "is_illegal": is_asked and not is_legal,
    }


def _is_slug(text: str) -> bool:
    return re.fullmatch(SLUG_PATTERN, text) is not None
