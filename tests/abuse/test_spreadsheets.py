"""What a spreadsheet would run, in every place of every CSV file that text from outside reaches."""

import csv
import io
from typing import Final

import pytest

from accounts import audit
from execution.models import Agent
from tests.abuse.ground import Ground
from tests.abuse.ordeal import text_of
from tests.abuse.tally import Extent, count

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
FORMULAS: Final = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1", "'=1", '"=1"']
FORMULAS += ['=HYPERLINK("http://e.example")', "=cmd|'/C calc'!A0", "-2+3+cmd|' /C calc'!A0"]
FORMULAS += ["\n=1", "a\n=1", "a,=1", 'a",=1', 'a"\n=1', ";=1", "\u200b=1", "\ufeff=1", "%0A=1"]
FILES: Final = [
    "/api/marketplace/orchestration/reports?format=csv&type=" + kind
    for kind in ("summary", "detailed", "performance", "bottlenecks")
]
STARTS: Final = ("=", "+", "@", "\t", "\r", "＝", "＋", "＠")


def is_formula(cell: str) -> bool:
    if cell.startswith("-"):
        return not cell[1:].replace(".", "", 1).replace(",", "", 1).isdigit()
    return cell.startswith(STARTS)


PAGES = ("/marketplace/audit/csv", "/marketplace/tasks/execution/csv")


def test_no_cell_is_a_formula(ground: Ground, extent: Extent) -> None:
    faults = []
    for formula in extent.of(FORMULAS):
        Agent.objects.filter(slug="alex").update(name=formula[:60])
        audit.record(
            "paused",
            actor=f"user:{formula}",
            object_kind="agent",
            object_id=formula,
            reason=formula,
            details={"old": formula, "new": formula},
        )
        browser = ground.browser()
        files = [(ground.program(), path) for path in FILES] + [(browser, path) for path in PAGES]
        for client, path in files:
            answer = client.get(path)
            count("CSV: formulas")
            assert answer.status_code == 200
            text = text_of(answer).removeprefix("\ufeff")
            delimiter = ";" if ";" in text.partition("\n")[0] else ","
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
                faults += [f"{formula!a}: {cell!a}" for cell in row if is_formula(cell)]
    assert not faults, "\n".join(faults[:20])
