"""Reports as tables: of the numbers that the page shows, for JSON, Markdown and CSV alike."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from django.utils.formats import number_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from execution.texts import number_text
from nexo.shared.instants import to_rfc3339
from nexo.shared.spreadsheets import csv_lines, day_text, instant_text, minute_text
from optimization import texts as words
from optimization.queries import Window
from optimization.representations import two_decimals
from orchestration import texts
from orchestration.bottlenecks import Measure
from orchestration.enums import Health
from orchestration.overview import AgentState, Overview


class ReportType(StrEnum):
    SUMMARY = "summary"
    DETAILED = "detailed"
    PERFORMANCE = "performance"
    BOTTLENECKS = "bottlenecks"


TITLES: Final = {
    ReportType.SUMMARY: gettext_lazy("Summary"),
    ReportType.DETAILED: gettext_lazy("Agents in detail"),
    ReportType.PERFORMANCE: gettext_lazy("Performance"),
    ReportType.BOTTLENECKS: gettext_lazy("Bottlenecks"),
}
NOTHING: Final = "—"


@dataclass(frozen=True, slots=True)
class Cell:
    """`raw` for programs, `shown` for people, `filed` for their spreadsheets."""

    raw: Any
    shown: str
    filed: str


@dataclass(frozen=True, slots=True)
class Column:
    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Report:
    type: ReportType
    title: str
    at: datetime
    first_day: date
    last_day: date
    health: Health
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


def report(type_: ReportType, found: Overview) -> Report:
    columns, rows = BUILDERS[type_](found)
    window = Window(found.now)
    return Report(
        type=type_,
        title=str(TITLES[type_]),
        at=found.now,
        first_day=window.first,
        last_day=window.today,
        health=found.health,
        columns=[Column(key, str(label)) for key, label in columns],
        rows=rows,
    )


# -- Cells ---------------------------------------------------------------------------------------


def _text(value: str) -> Cell:
    return Cell(value, value, value)


def _named(raw: str, name: Any) -> Cell:
    """What programs know by its code and people by its name."""
    return Cell(raw, str(name), str(name))


def _count(value: int | None) -> Cell:
    return NONE if value is None else Cell(value, number_text(value), str(value))


def _percent(value: float | None, *, beside: float | None = None) -> Cell:
    if value is None:
        return NONE
    exact = two_decimals(value)
    # With its unit: spreadsheets read that as a number, and people need not guess.
    return Cell(exact, words.rate(value, beside=beside), f"{number_format(f'{exact:g}')}%")


def _points(value: int | None) -> Cell:
    return NONE if value is None else Cell(value, str(value), str(value))


def _instant(value: datetime | None) -> Cell:
    if value is None:
        return NONE
    return Cell(to_rfc3339(value), minute_text(value), instant_text(value))


def _flag(value: bool) -> Cell:
    word = _("yes") if value else _("no")
    return Cell(value, word, word)


NONE: Final = Cell(None, NOTHING, "")

# -- What is in them -----------------------------------------------------------------------------

Columns = Sequence[tuple[str, Any]]
Rows = list[list[Cell]]
_AGENT: Columns = (("agentId", gettext_lazy("Agent")), ("agentName", gettext_lazy("Name")))


def _ever(key: str, label: Any) -> tuple[str, Any]:
    return key, format_lazy("{} ({})", label, gettext_lazy("since the beginning"))


def _recent(key: str, label: Any) -> tuple[str, Any]:
    return key, format_lazy("{} ({})", label, gettext_lazy("30 days"))


_RATES: Columns = (
    _recent("approvalRate", gettext_lazy("Approval rate")),
    _recent("completionRate", gettext_lazy("Completion rate")),
    _recent("executionTime", gettext_lazy("Execution time")),
    _recent("errorRate", gettext_lazy("Error rate")),
)
_SCORE: Columns = (_recent("score", pgettext_lazy("of an agent", "Score")),)
_SAMPLE: Columns = (
    _recent("endedTasks", gettext_lazy("Tasks ended")),
    ("lowData", gettext_lazy("Not enough data")),
)


def _agent_cells(agent: AgentState) -> list[Cell]:
    return [_text(agent.slug), _text(agent.name)]


def _rate_cells(agent: AgentState) -> list[Cell]:
    one = agent.recent
    rates = (one.approval_rate, one.completion_rate, one.execution_rate, one.error_rate)
    return [_percent(rate) for rate in rates]


def _sample_cells(agent: AgentState) -> list[Cell]:
    return [_count(agent.recent.ended_tasks), _flag(agent.recent.low_data)]


def _summary(found: Overview) -> tuple[Columns, Rows]:
    columns: Columns = (
        ("measure", gettext_lazy("Key")),
        ("name", gettext_lazy("Measure")),
        ("allTime", gettext_lazy("Since the beginning")),
        ("last30Days", gettext_lazy("Last 30 days")),
    )
    ever, recent = found.totals, found.metrics
    lines: list[tuple[str, str, Cell, Cell]] = [
        ("generated", _("Generated"), _count(ever.generated), _count(recent.generated)),
        ("approved", _("Approved"), _count(ever.approved), _count(recent.approved)),
        ("rejected", _("Rejected"), _count(ever.rejected), _count(recent.rejected)),
        (
            "completed",
            pgettext("tasks", "Completed"),
            _count(ever.completed),
            _count(recent.completed),
        ),
        ("failed", pgettext("tasks", "Errors"), _count(ever.failed), _count(recent.failed)),
        ("late", _("Became far overdue"), NONE, _count(recent.late)),
        ("open", _("Open now"), _count(recent.open), NONE),
        ("successRate", _("Success rate"), _percent(ever.success_rate), NONE),
        ("approvalRate", _("Approval rate"), NONE, _percent(recent.approval_rate)),
        ("completionRate", _("Completion rate"), NONE, _percent(recent.completion_rate)),
        ("executionTime", _("Execution time"), NONE, _percent(recent.execution_rate)),
        ("errorRate", _("Error rate"), NONE, _percent(recent.error_rate)),
        ("score", pgettext("of an agent", "Score"), NONE, _points(recent.score)),
        ("activeAgents", _("Active agents"), _count(found.active), NONE),
        ("pausedAgents", _("Paused agents"), _count(found.paused), NONE),
    ]
    rows = [[_text(key), _text(name), total, last] for key, name, total, last in lines]
    return columns, rows


def _detailed(found: Overview) -> tuple[Columns, Rows]:
    columns: Columns = (
        *_AGENT,
        ("active", gettext_lazy("Active")),
        ("paused", gettext_lazy("Paused")),
        ("open", gettext_lazy("Open now")),
        _ever("generated", gettext_lazy("Generated")),
        _ever("approved", gettext_lazy("Approved")),
        _ever("rejected", gettext_lazy("Rejected")),
        _ever("completed", pgettext_lazy("tasks", "Completed")),
        _ever("failed", pgettext_lazy("tasks", "Errors")),
        _ever("successRate", gettext_lazy("Success rate")),
        ("lastActivity", gettext_lazy("Last activity, São Paulo time")),
        *_RATES,
        *_SCORE,
        *_SAMPLE,
    )
    rows = [
        [
            *_agent_cells(agent),
            *(_flag(agent.is_active), _flag(agent.is_paused), _count(agent.open)),
            *(_count(agent.totals.generated), _count(agent.totals.approved)),
            *(_count(agent.totals.rejected), _count(agent.totals.completed)),
            *(_count(agent.totals.failed), _percent(agent.totals.success_rate)),
            _instant(agent.totals.last_activity),
            *_rate_cells(agent),
            _points(agent.score),
            *_sample_cells(agent),
        ]
        for agent in found.agents
    ]
    return columns, rows


def _performance(found: Overview) -> tuple[Columns, Rows]:
    columns: Columns = (
        *_AGENT,
        *_SCORE,
        ("forecast", gettext_lazy("Forecast")),
        ("trend", gettext_lazy("Forecast lies")),
        ("action", gettext_lazy("Action")),
        *_RATES,
        *_SAMPLE,
    )
    active = [agent for agent in found.agents if agent.is_active]
    best_first = sorted(active, key=lambda one: (one.score is None, -(one.score or 0), one.slug))
    rows = []
    for agent in best_first:
        one = agent.recent
        row = [
            *_agent_cells(agent),
            _points(agent.score),
            _points(one.prediction if one.has_score else None),
            _named(one.trend.value, words.TRENDS[one.trend]) if one.has_score else NONE,
            _named(one.action.value, words.ACTIONS[one.action]) if one.has_score else NONE,
            *_rate_cells(agent),
            *_sample_cells(agent),
        ]
        rows.append(row)
    return columns, rows


def _bottlenecks(found: Overview) -> tuple[Columns, Rows]:
    columns: Columns = (
        *_AGENT,
        ("measure", gettext_lazy("Measure")),
        ("value", gettext_lazy("Value")),
        ("part", gettext_lazy("Count")),
        ("whole", gettext_lazy("Out of")),
        ("lowData", gettext_lazy("Not enough data")),
        ("threshold", gettext_lazy("Threshold")),
        ("whatToDo", gettext_lazy("What to do")),
    )
    agents = {agent.slug: agent for agent in found.agents}
    rows = []
    for one in found.bottlenecks:
        is_score = one.measure == Measure.SCORE
        agent = agents[one.agent_id]
        part, whole = agent.shares.get(one.measure, (None, None))
        row = [
            *(_text(one.agent_id), _text(one.agent_name)),
            _named(one.measure.value, texts.MEASURES[one.measure]),
            _points(round(one.value)) if is_score else _percent(one.value, beside=one.threshold),
            *(_count(part), _count(whole), _flag(agent.recent.low_data)),
            # With its side: of a rate that is to be high it is the least, of errors the most.
            Cell(one.threshold, *[texts.bottleneck_threshold(one)] * 2),
            _text(str(texts.WHAT_TO_DO[one.measure])),
        ]
        rows.append(row)
    return columns, rows


BUILDERS: Final[dict[ReportType, Callable[[Overview], tuple[Columns, Rows]]]] = {
    ReportType.SUMMARY: _summary,
    ReportType.DETAILED: _detailed,
    ReportType.PERFORMANCE: _performance,
    ReportType.BOTTLENECKS: _bottlenecks,
}


# -- Forms ---------------------------------------------------------------------------------------


def report_json(found: Report) -> dict[str, Any]:
    return {
        "type": found.type.value,
        "title": found.title,
        "from": found.first_day.isoformat(),
        "to": found.last_day.isoformat(),
        "health": found.health.value,
        "columns": [{"key": column.key, "label": column.label} for column in found.columns],
        "rows": [
            {column.key: cell.raw for column, cell in zip(found.columns, row, strict=True)}
            for row in found.rows
        ],
    }


def report_csv(found: Report) -> str:
    """For the reader's spreadsheet, with the labels as its first line."""
    labels = [column.label for column in found.columns]
    return "".join(csv_lines(labels, ([cell.filed for cell in row] for row in found.rows)))


_MARKED: Final = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>|#~!"})


def markdown_text(text: str) -> str:
    """Text on one line in which no character means anything."""
    return " ".join(text.split()).translate(_MARKED)


def report_markdown(found: Report) -> str:
    period = _("%(first)s to %(last)s") % {
        "first": day_text(found.first_day),
        "last": day_text(found.last_day),
    }
    at = _("%(at)s, São Paulo time") % {"at": instant_text(found.at)}
    lines = [
        f"# NEXO: {markdown_text(found.title)}",
        "",
        f"- {_('Period')}: {period}",
        # Out of the f-string, where gettext's tools do not look.
        "- {}: {}".format(_("Generated at"), at),
        f"- {_('System health')}: {found.health.label}",
        "",
    ]
    if not found.rows:
        return "\n".join([*lines, str(_("Nothing to report.")), ""])
    lines.append(_line(column.label for column in found.columns))
    lines.append("|" + " --- |" * len(found.columns))
    lines += [_line(cell.shown for cell in row) for row in found.rows]
    return "\n".join([*lines, ""])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(markdown_text(cell) for cell in cells) + " |"
