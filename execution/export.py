"""The execution page's list for a spreadsheet: what its filters select, the newest first."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from execution import queries
from execution.enums import FailureReason, Priority, SyncState, TaskStatus, marketplace_name
from execution.filters import TaskSelection
from execution.models import Task
from execution.page_filters import PageFilters, read_filters
from execution.representations import task_json
from nexo.shared import clock
from nexo.shared.exports import csv_file
from nexo.shared.spreadsheets import csv_lines, instant_text

MOST_TASKS: Final = 10_000
AT_ONCE: Final = 500


@require_GET
@login_required
def execution_csv(request: HttpRequest) -> HttpResponseBase:
    """The same tasks as the page's.

    Raises
    ------
    BadRequest: a filter cannot be read, so that no file holds more than was asked for
    """
    now = clock.now()
    filters = read_filters(request.GET.dict(), now=now)
    if filters.ignored or filters.after is not None:
        raise BadRequest
    lines = csv_lines(_header(), _rows(filters, now, get_language()))
    name = f"nexo-tasks-{clock.business_day(now):%Y-%m-%d}.csv"
    return csv_file(request, lines, name=name, person=request.user.pk)


def _rows(filters: PageFilters, now: datetime, language: str | None) -> Iterator[list[str]]:
    # Streamed when the view has ended, and with it what says which language the reader has.
    with translation.override(language):
        names = queries.agent_names()
        for written, task in enumerate(_tasks(filters, now)):
            if written == MOST_TASKS:
                text = _("The file ends here. Narrow the filters to read what is older.")
                yield ["", text]
                return
            yield _row(task, names)


def _tasks(filters: PageFilters, now: datetime) -> Iterator[dict[str, Any]]:
    selected = TaskSelection(filters.values, Task.objects.all(), sees_all=True).tasks()
    after: tuple[datetime, int] | None = None
    while True:
        rows = queries.newest_first(selected, limit=AT_ONCE, after=after)
        page = rows[:AT_ONCE]
        targets = queries.targets_of([row["id"] for row in page])
        for row in page:
            yield task_json(row, targets[row["id"]], now=now)
        if len(rows) <= AT_ONCE:
            return
        after = (page[-1]["created_at"], page[-1]["id"])


def _header() -> list[str]:
    return [
        *(_("Id"), _("External id"), _("Title"), _("Type"), _("Channel"), _("Agent")),
        *(_("Status"), _("Failure"), _("Progress"), _("Priority"), _("Attempt")),
        *(_("Used (min)"), _("Estimate (min)"), _("Overdue")),
        *map(
            _in_business_time, (_("Created at"), _("Approved at"), _("Started at"), _("Ended at"))
        ),
        *(_("Marketplaces to publish to"), _("Error")),
    ]


def _row(task: Mapping[str, Any], agent_names: Mapping[str, str]) -> list[str]:
    agent = task["agentId"]
    return [
        *(task["taskId"], task["externalId"] or "", task["title"], task["taskType"]),
        marketplace_name(task["channel"]),
        agent_names.get(agent, agent) if agent else "",
        str(TaskStatus(task["status"]).label),
        str(FailureReason(task["failureReason"]).label) if task["failureReason"] else "",
        str(task["progress"]),
        str(Priority(task["priority"]).label),
        str(task["attempt"]),
        *(str(task["timeSpent"]), str(round(task["timeEstimate"]))),
        pgettext("value", "yes") if task["overdue"] else pgettext("value", "no"),
        *(_at(task[name]) for name in ("createdAt", "approvedAt", "startedAt", "endedAt")),
        ", ".join(_sync(task, channel) for channel in task["targets"]),
        task["error"] or "",
    ]


def _at(instant: str | None) -> str:
    return instant_text(datetime.fromisoformat(instant)) if instant else ""


def _in_business_time(label: str) -> str:
    return _("%(at)s, São Paulo time") % {"at": label}


def _sync(task: Mapping[str, Any], channel: str) -> str:
    state = SyncState(task["syncDetail"][channel]["state"])
    return f"{marketplace_name(channel)}: {str(state.label).lower()}"
