"""The audit's page and its CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.gate import needs
from accounts.permissions import VIEW_AUDIT, VIEW_OPTIMIZATION
from execution import page_controls
from execution.queries import agent_names
from nexo.shared import clock
from nexo.shared.exports import csv_file
from nexo.shared.spreadsheets import csv_lines
from orchestration import audit, audit_filters
from orchestration.audit_filters import AuditFilters, read_filters
from orchestration.audit_texts import BULK, AuditRow, audit_row, csv_header, csv_row

PAGE_SIZE: Final = 50
SUGGESTIONS: Final = 100
CSV_LINES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A line with its links: to the object's own page, and to the lines like it."""

    row: AuditRow
    page: str
    same_actor: str
    same_object: str
    same_origin: str


@require_GET
@login_required
@needs(VIEW_AUDIT)
def audit_page(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    filters = read_filters(request.GET.dict(), now=now)
    query = audit.resolved(filters.query)
    page = audit.audit_page(query, after=filters.after, limit=PAGE_SIZE)
    names = agent_names()
    rows = [audit_row(line, names) for line in page.lines]
    is_nobody = bool(query.actor) and not page.lines and not audit.is_known(query.actor)
    sees_agents = request.user.has_perm(VIEW_OPTIMIZATION)
    context = {
        "filters": filters,
        "kinds": audit_filters.kinds(filters),
        "actions": audit_filters.actions(filters),
        "periods": _periods(filters),
        "actors": audit.known_actors(limit=SUGGESTIONS),
        "lines": [_shown(row, filters, sees_agents=sees_agents) for row in rows],
        "nobody": filters.query.actor if is_nobody else "",
        "older": filters.next_address(page.after) if page.after else None,
        "searched_to": page.searched_to,
        "first": filters.address(),
        "with_reports": filters.address(reports="true"),
        "csv_lines": CSV_LINES,
        "now": now,
    }
    return render(request, "orchestration/audit.html", context)


def _periods(filters: AuditFilters) -> list[page_controls.Choice]:
    chosen = filters.texts.get("period", "")
    found = [page_controls.Choice("", _("All time"), "", not chosen)]
    for value, (label, _days) in audit_filters.PERIODS.items():
        found.append(page_controls.Choice(value, str(label), "", value == chosen))
    return found


def _shown(row: AuditRow, filters: AuditFilters, *, sees_agents: bool) -> Shown:
    return Shown(
        row=row,
        page=_page_of(row, sees_agents=sees_agents),
        same_actor=filters.address(who=row.actor),
        same_object=filters.address(kind=row.kind, id=row.object_id),
        same_origin=filters.address(origin=row.origin),
    )


def _page_of(row: AuditRow, *, sees_agents: bool) -> str:
    """The address of the object's page, where there is one that the reader may see."""
    if row.kind == audit.TASK:
        return reverse("task", args=[row.object_id])
    if row.kind == BULK:
        return reverse("bulk-job-page", args=[row.object_id])
    if row.kind in audit.OF_AGENTS and sees_agents:
        return f"{reverse('optimization')}?agent={row.object_id}"
    return ""


@require_GET
@login_required
@needs(VIEW_AUDIT)
def audit_csv(request: HttpRequest) -> HttpResponseBase:
    """The same lines as the page's, from the newest on.

    Raises
    ------
    BadRequest: a filter cannot be read, so that no file holds more than was asked for
    """
    filters = read_filters(request.GET.dict(), now=clock.now())
    if filters.ignored or filters.after is not None:
        raise BadRequest
    lines = csv_lines(csv_header(), _csv_rows(filters, get_language()))
    name = f"nexo-audit-{clock.business_day(clock.now()):%Y-%m-%d}.csv"
    return csv_file(request, lines, name=name, person=request.user.pk)


def _csv_rows(filters: AuditFilters, language: str | None) -> Iterator[list[str]]:
    # Streamed when the view has ended, and with it what says which language the reader has.
    with translation.override(language):
        names = agent_names()
        for line in audit.audit_lines(audit.resolved(filters.query), limit=CSV_LINES):
            if line is None:
                text = _("The file ends here. Narrow the filters to read what is older.")
                yield ["", "", text]
            else:
                yield csv_row(audit_row(line, names))
