"""The figures of docs/scale.md, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import report
from benchmarks.measures import Measure
from tests.servers import PROJECT

DOCUMENT = PROJECT / "docs" / "scale.md"
# Parts of the document that a run writes: <!-- NAME: begin --> … <!-- NAME: end -->.
PARTS = ("filling", "reading", "upkeep", "plans")
LONGEST_STATEMENT = 220
LONGEST_WRITE_SECONDS = 1.0


def write(parts: Mapping[str, str]) -> None:
    text = DOCUMENT.read_text()
    for name, content in parts.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _begin, rest = text.partition(begin)
        _old, _end, after = rest.partition(end)
        text = f"{before}{begin}\n\n{content}\n\n{end}{after}"
    DOCUMENT.write_text(text)


def filling(made: Mapping[str, Any], checked: Mapping[str, Any]) -> str:
    took = made.get("took", {})
    rows = [f"| {name} | {_duration(seconds)} |" for name, seconds in took.items()]
    left_out = ", ".join(checked["left_out"]) or "nothing"
    differences = checked["differences"]
    agrees = "everything agrees" if not differences else f"**{len(differences)} differences**"
    return "\n".join(
        [
            f"{made['tasks']:,} tasks, {made['events']:,} events, "
            f"{made['bytes'] / 2**30:.1f} GiB with all indexes.",
            "",
            "| Part | Took |",
            "|---|---|",
            *rows,
            "",
            f"`check_consistency` on it: {agrees}, after {_duration(checked['seconds'])}; "
            f"left out: {left_out}.",
        ]
    )


def reading(measures: Sequence[Measure]) -> str:
    return "\n".join([report.TABLE, *map(report.row, measures)])


def upkeep(steps: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for step in steps:
        longest = step["longest_write"]
        shown = f"{longest * 1000:,.0f} ms"
        if longest > LONGEST_WRITE_SECONDS:
            shown = f"**{shown}**"
        rows.append(
            f"| {step['name']} | {_duration(step['seconds'])} | {step['tries']} | "
            f"{step['writes']:,} | {step['middle_write'] * 1000:.1f} ms | {shown} |"
        )
    head = [
        "| Step | Took | Tries | Writes beside | Median write | Longest write |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])


def plans(told: Sequence[Mapping[str, Any]]) -> str:
    """Each statement once, whoever asks for it, then the calls with what they take."""
    statements: dict[tuple[str, ...], dict[str, Any]] = {}
    for call in told:
        for one in call["statements"]:
            key = (one["statement"], *one["indexes"], *one["whole"])
            known = statements.setdefault(key, {**one, "calls": []})
            if call["call"] not in known["calls"]:
                known["calls"].append(call["call"])
            for name in ("read", "blocks", "ms"):
                known[name] = max(known[name], one[name])
    rows = [
        f"| {_code(one['statement'])} | {_by(one)} | {one['read']:,.0f} | {one['blocks']:,} | "
        f"{one['ms']:.2f} | {', '.join(one['calls'])} |"
        for one in sorted(statements.values(), key=lambda one: -one["ms"])
    ]
    asked = [
        f"| {call['call']} | {call['status']} | {len(call['statements'])} | "
        f"{sum(one['ms'] for one in call['statements']):.1f} | {call['seconds'] * 1000:.1f} |"
        for call in told
    ]
    return "\n".join(
        [
            "| Statement | Index | Rows read | Blocks | ms | Asked by |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "| Page or call | Status | Statements | In the database, ms | In process, ms |",
            "|---|---|---|---|---|",
            *asked,
        ]
    )


def _by(one: Mapping[str, Any]) -> str:
    parts = [f"`{name}`" for name in one["indexes"]]
    parts += [f"**reads {name} whole**" for name in one["whole"]]
    return ", ".join(parts) or "none: a small table"


def _code(statement: str) -> str:
    if len(statement) > LONGEST_STATEMENT:
        statement = f"{statement[:LONGEST_STATEMENT]}…"
    return f"`{statement.replace('|', chr(92) + '|').replace('`', '')}`"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.1f} s"
