"""The page of what an agent's numbers were counted from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe
from rest_framework.exceptions import ValidationError

from accounts.gate import needs
from accounts.permissions import VIEW_OPTIMIZATION
from execution import queries as tasks
from execution.enums import FailureReason, marketplace_name
from execution.page_controls import Choice
from execution.page_filters import MOST_UNKNOWN, Ignored, one_of
from execution.representations import whole_minutes
from execution.texts import actor_text, day_text, minutes_text, number_text
from nexo.shared import clock
from nexo.shared.pagination import Listing, decode_cursor, encode_cursor
from optimization.behind import Behind, Fact, Line, read_behind
from optimization.queries import Window, late_now

LABELS: Final = {
    Fact.APPROVED: gettext_lazy("Approvals"),
    Fact.REJECTED: gettext_lazy("Rejections"),
    Fact.COMPLETED: gettext_lazy("Completions"),
    Fact.FAILED: gettext_lazy("Errors"),
    Fact.LATE: gettext_lazy("Became far overdue"),
    Fact.CANCELLED: gettext_lazy("Cancellations"),
}
EXPLANATIONS: Final = {
    Fact.APPROVED: gettext_lazy("Count in the approval rate, on the day of the decision."),
    Fact.REJECTED: gettext_lazy("Count against the approval rate, on the day of the decision."),
    Fact.COMPLETED: gettext_lazy("Count in the completion rate; time taken against the estimate."),
    Fact.FAILED: gettext_lazy(
        "Errors and timeouts, also of tasks that were tried again since: they count against the "
        "completion rate, and in the error rate."
    ),
    Fact.LATE: gettext_lazy(
        "Open tasks that in these 30 days went past twice their estimate after the approval: they "
        "count against the completion rate until they end, or until 30 days have passed."
    ),
    Fact.CANCELLED: gettext_lazy("Count in no rate."),
}
PARAMETERS: Final = ("agent", "fact", "cursor")


@dataclass(frozen=True, slots=True)
class ShownLine:
    at: datetime
    task_id: str
    title: str
    channel: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; what it does not know is left out."""

    agent_id: str
    fact: Fact
    after: tuple[datetime, int] | None
    ignored: Sequence[Ignored]

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "Asked":
        ignored: list[Ignored] = []

        def ignore(name: str, reason: str) -> None:
            ignored.append(Ignored(name[:100], parameters[name][:100], reason))

        fact = parameters.get("fact", "")
        if fact and fact not in set(Fact):
            ignore("fact", one_of(map(str, LABELS.values())))
            fact = ""
        after = None
        try:
            cursor = parameters.get("cursor")
            after = decode_cursor(cursor, of=Listing.FACTS) if cursor else None
        except ValidationError:
            ignore("cursor", _("The list starts with the newest."))
        unknown = (name for name in parameters if name not in PARAMETERS)
        for name in islice(unknown, MOST_UNKNOWN):
            ignore(name, _("This page has no such filter."))
        return cls(parameters.get("agent", ""), Fact(fact or Fact.APPROVED), after, ignored)


@require_safe
@login_required
@needs(VIEW_OPTIMIZATION)
def behind_page(request: HttpRequest) -> HttpResponse:
    asked = Asked.read(request.GET.dict())
    name = tasks.agent_name(asked.agent_id)
    if name is None:
        raise Http404
    names = {**tasks.agent_names(), asked.agent_id: name}
    now = clock.now()
    found = read_behind(asked.agent_id, asked.fact, now=now, after=asked.after)
    window = Window(now)
    context = {
        "asked": asked,
        "agent_name": name,
        "first": day_text(window.first),
        "today": day_text(window.today),
        "choices": _choices(asked, found),
        "explanation": EXPLANATIONS[asked.fact],
        "stock": _far_overdue_now(asked.agent_id, now) if asked.fact == Fact.LATE else "",
        "lines": [_shown(line, asked.fact, names) for line in found.lines],
        "older": _address(asked, cursor=encode_cursor(*found.after, of=Listing.FACTS))
        if found.after
        else "",
        "newest": _address(asked),
        "drawer": f"{reverse('optimization')}?{urlencode({'agent': asked.agent_id})}#agent",
        "now": now,
    }
    return render(request, "optimization/behind.html", context)


def _far_overdue_now(agent_id: str, now: datetime) -> str:
    count = late_now(agent_id, now)
    sentence = ngettext(
        "%(count)s of its open tasks is past that now.",
        "%(count)s of its open tasks are past that now.",
        count,
    )
    return sentence % {"count": number_text(count)}


def _address(asked: Asked, **changes: str) -> str:
    query = {"agent": asked.agent_id, "fact": asked.fact.value, **changes}
    return f"{reverse('behind')}?{urlencode(query)}"


def _choices(asked: Asked, found: Behind) -> list[Choice]:
    return [
        Choice(fact.value, str(LABELS[fact]), _address(asked, fact=fact), fact == asked.fact, count)
        for fact, count in ((fact, found.counts[fact]) for fact in Fact)
    ]


def _shown(line: Line, fact: Fact, names: Mapping[str, str]) -> ShownLine:
    return ShownLine(
        at=line.at,
        task_id=line.task_id,
        title=line.title,
        channel=marketplace_name(line.marketplace_id),
        what=_what(line, fact, names),
        why=line.reason,
    )


def _what(line: Line, fact: Fact, names: Mapping[str, str]) -> str:
    match fact:
        case Fact.COMPLETED if line.execution_minutes is not None:
            taken, estimate = map(whole_minutes, (line.execution_minutes, line.estimated_minutes))
            return f"{minutes_text(taken)} / {minutes_text(estimate)}"
        case Fact.LATE:
            estimate_text = minutes_text(whole_minutes(line.estimated_minutes))
            return _("estimate of {estimate}").format(estimate=estimate_text)
        case Fact.FAILED if line.failure_reason:
            return str(FailureReason(line.failure_reason).label)
    return _("by {name}").format(name=actor_text(line.actor, names))
