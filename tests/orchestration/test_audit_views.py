"""The audit's page and CSV: what they show, how filters keep each other, who is told what."""

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts import services
from accounts.models import AuditEntry
from accounts.roles import Role
from execution.enums import TaskStatus
from execution.models import TaskEvent
from nexo.shared import clock
from orchestration import audit, audit_views
from orchestration.audit_texts import change_text
from tests.factories import change, make_agent, make_task, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PAGE = "/marketplace/audit"
CSV = "/marketplace/audit/csv"


@pytest.fixture
def client(db: None) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(make_user(Role.HEAD, username="head"), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def read(client: Client, query: str = "") -> str:
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def deeds(client: Client, query: str = "") -> list[str]:
    return re.findall(r'<td role="cell" class="at-what"><p>(.*?)</p>', read(client, query))


def rows(client: Client, query: str = "") -> list[list[str]]:
    answer = client.get(f"{CSV}?{query}")
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]  # not asynchronous
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1:]


def add(**fields: Any) -> AuditEntry:
    values = {"at": clock.now(), "actor": "user:ana", "action": "changed"}
    values |= {"object_kind": "agent", "object_id": "alex", **fields}
    return AuditEntry.objects.create(**values)


def test_a_line_says_who_did_what_to_which_why_and_from_where(client: Client) -> None:
    task = make_task_in(TaskStatus.FAILED)
    TaskEvent.objects.filter(kind="failed").update(
        failure_reason="rejected", reason="foto escura", origin="203.0.113.7", actor="user:qa"
    )
    page = read(client)
    assert ">qa</a>" in page
    assert "<p>Rejected the task</p>" in page
    assert f'href="/marketplace/tasks/{task.row["task_id"]}"' in page
    assert '<td role="cell" class="at-why words">foto escura</td>' in page
    assert "203.0.113.7</a>" in page


def test_old_and_new_are_told(client: Client) -> None:
    old = {"capacity": None, "is_paused": False, "marketplaces": ["amazon", "kaway"]}
    new = {"capacity": 3, "is_paused": True, "marketplaces": ["amazon", "shein"]}
    add(details={"old": old, "new": new})
    page = read(client)
    assert "capacity: — → 3; paused: no → yes; marketplaces: + shein, − kaway" in page


def test_an_edit_tells_what_was_edited(client: Client) -> None:
    make_task()
    edits = {"title": ["Foto", "Foto nova"], "estimated_minutes": [60.0, 90.0]}
    TaskEvent.objects.update(kind="edited", details={"edits": edits, "lease": "secret"})
    page = read(client)
    assert "Changed the title from" in page
    assert "title: Foto → Foto nova; estimate in minutes: 60.0 → 90.0" in page
    assert "secret" not in str(rows(client))


def test_what_a_later_version_notes_is_shown_by_its_name(client: Client) -> None:
    add(action="merged_twice", object_kind="basket", object_id="b-1", details=["odd"])
    assert deeds(client) == ["Merged twice, basket b-1"]


def test_every_event_of_a_task_has_its_sentence(client: Client) -> None:
    pk = make_task().row["id"]
    for number, kind in enumerate(TaskEvent._meta.get_field("kind").choices or (), 100):
        TaskEvent.objects.create(
            sequence=number,
            task_id=pk,
            kind=kind[0],
            to_status="failed",
            progress=0,
            actor="user:ana",
            at=clock.now(),
            estimated_minutes=60,
            failure_reason="error" if kind[0] == "failed" else None,
        )
    assert len(deeds(client)) == 16


def test_agents_reports_are_shown_when_asked_for(client: Client) -> None:
    make_agent("alex")
    task = make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
    change(task, progress=60)
    TaskEvent.objects.filter(kind="progress").update(actor="agent:alex")
    report = "Reported 60%"
    assert report not in deeds(client)
    assert report in deeds(client, "reports=true")
    assert deeds(client, "action=progress") == [report]
    # A person's own mark is a deed.
    TaskEvent.objects.filter(kind="progress").update(actor="user:ana")
    assert "Reported 60%" in deeds(client)


def test_filters_keep_each_other(client: Client) -> None:
    add(origin="command")
    page = read(client, "who=ana&period=7d&kind=agent")
    assert 'name="kind" value="agent"' in page
    links = re.findall(r'href="([^"?]*)\?([^"]*)"', page)
    kept = {(path, frozenset(query.split("&"))) for path, query in links}
    for path, query in (
        (PAGE, "who=ana&period=7d&kind=role"),
        (PAGE, "who=user:ana&period=7d&kind=agent"),
        (PAGE, "who=ana&period=7d&kind=agent&origin=command"),
        (PAGE, "who=ana&period=7d&kind=agent&id=alex"),
        (CSV, "who=ana&period=7d&kind=agent"),
    ):
        assert (path, frozenset(query.split("&"))) in kept


def test_roles_are_found_by_who_got_one(client: Client) -> None:
    services.set_role(make_user(username="bia"), Role.QA, by=make_user(username="boss"))
    add()
    for query in ("kind=role", "kind=user&id=bia", "who=boss", "action=roles_changed"):
        assert deeds(client, query) == ["Changed the roles of bia"], query


def test_periods_are_business_days(client: Client) -> None:
    midnight = clock.days_ago(0, at=clock.now())
    add(at=midnight, object_id="today")
    add(at=midnight - timedelta(seconds=1), object_id="yesterday")
    yesterday = (midnight - timedelta(hours=1)).date().isoformat()

    def ids(query: str) -> list[str]:
        return [row[6] for row in rows(client, query)]

    assert ids("period=today") == ["today"]
    assert ids("period=7d") == ["today", "yesterday"]
    assert ids(f"from={yesterday}&to={yesterday}") == ["yesterday"]
    assert ids(f"to={yesterday}&period=today") == ["yesterday"]


@pytest.mark.parametrize("size", [1, 7, 50])
def test_the_csv_is_the_page(client: Client, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_views, "PAGE_SIZE", size)
    for number in range(9):
        make_task_in(TaskStatus.APPROVED)
        add(reason=f"motivo {number}", details={"old": {"capacity": number}, "new": {}})
    for query in ("", "kind=agent", "action=approved", "who=operator"):
        told: list[str] = []
        address: str | None = query
        while address is not None:
            page = read(client, address)
            told += re.findall(r'class="at-what"><p>(.*?)</p>', page)
            older = re.search(rf'id="more" href="{PAGE}\?([^"]*)"', page)
            address = older[1] if older else None
        lines = rows(client, query)
        assert [line[2] for line in lines] == told
        assert len(told) >= 9


def test_cells_are_no_formulas(client: Client) -> None:
    starts = ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1"]
    for text in starts:
        add(reason=text, object_id=text)
    for line, text in zip(rows(client), reversed(starts), strict=True):
        assert (line[6], line[7]) == (f"'{text}", f"'{text}")


def test_the_csv_speaks_the_pages_language(client: Client) -> None:
    add()
    heads = {}
    for language in ("en", "pt-br"):
        answer = client.get(CSV, headers={"accept-language": language})
        text = b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]  # not asynchronous
        heads[language] = text.splitlines()[0]
    assert heads["en"].startswith('\ufeff"When, São Paulo time",Who,What')
    assert heads["pt-br"].startswith("\ufeffQuando, horário de São Paulo;Quem;O quê")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]


def test_the_csv_says_where_it_was_cut(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_views, "CSV_LINES", 2)
    for _ in range(3):
        add()
    lines = rows(client)
    assert len(lines) == 3
    assert lines[-1][2].startswith("The file ends here.")


def test_a_search_that_found_nothing_yet_goes_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "SCAN", 2)
    for number in range(5):
        add(origin="command" if number == 0 else None)
    page = read(client, "origin=command")
    assert "Searched back to" in page and "Search further back" in page
    assert "Nothing matches" not in page
    assert len(rows(client, "origin=command")) == 1


def test_empty_says_what_will_be_here(client: Client) -> None:
    assert "Nothing has happened yet" in read(client)
    assert "Nothing matches these filters" in read(client, "who=nobody")


def test_texts_are_no_markup(client: Client) -> None:
    add(reason="<script>1</script>", object_id="<b>x</b>", actor="user:<i>", origin="<u>")
    page = client.get(PAGE).content.decode()
    for tag in ("<script>1", "<b>x", "<i>", "<u>"):
        assert tag not in page


def test_the_page_asks_as_often_for_one_line_as_for_many(client: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            read(client)
        return len(asked)

    read(client)
    add()
    make_task()
    few = count()
    for _ in range(30):
        add()
        make_task()
    assert count() == few <= 10


# -- Hostile addresses -----------------------------------------------------------------------------

TEXTS = ["a\x00b", "\x00", "x" * 201, "caf\ufffd"]
NAMES = ["Task", "task ", "ta'sk", "1", "kind[]", "é", "../", "x" * 41, *TEXTS]
DAYS = ["2026-02-30", "2026-1-1", "20260101", "2026-W01-1", "today", "0001-01-01", "9999-12-31"]
DAYS += ["٢٠٢٦-٠١-٠١", "2026-01-01T00:00", "-1", "1e9", "\x00", "x" * 5000]
CURSORS = ["x", "_" * 28, "A" * 23, "é" * 22, "A" * 10_000, "uv/////////8AAAAAAAAAAQ"]
CURSORS += ["uf_________8AAAAAAAAAAQ", "' OR 1=1 --", "\x00"]
BAD = {
    "who": TEXTS,
    "id": TEXTS,
    "origin": TEXTS,
    "kind": NAMES,
    "action": NAMES,
    "period": ["1d", "Today", "7d,30d", "\x00", "x" * 5000],
    "from": DAYS,
    "to": DAYS,
    "reports": ["1", "TRUE", "\x00"],
    "cursor": CURSORS,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD.items() for value in values],
    ids=lambda text: repr(text[:30]),
)
def test_what_cannot_be_read_is_left_out_and_said(client: Client, name: str, value: str) -> None:
    add()
    answer = client.get(PAGE, {name: value})
    assert answer.status_code == 200
    page = answer.content.decode()
    # Blanks around a name are forgiven.
    forgiven = value.strip() != value and "\x00" not in value and name != "action"
    assert (f"<code>{name}=" in page) is not forgiven
    assert "Changed: agent alex" in page or forgiven
    assert client.get(CSV, {name: value}).status_code == (200 if forgiven else 400)


@pytest.mark.parametrize("query", ["actor=zzzz", "bogus=1", "Kind=task", "kind=foo", "action=foo"])
def test_a_filter_that_does_not_exist_is_said(client: Client, query: str) -> None:
    add()
    page = read(client, query)
    assert "could not be read and was left out" in page
    assert f"<code>{query}</code>" in page
    assert ">foo</a>" not in page
    assert deeds(client, query) == deeds(client)
    assert client.get(f"{CSV}?{query}").status_code == 400


def test_a_name_that_nobody_has_is_said(client: Client) -> None:
    assert "Nobody called “zzzz” is known here" in read(client, "who=zzzz")
    make_user(username="bia")
    assert "Nobody called" not in read(client, "who=bia")


def test_a_task_is_told_by_its_title_and_its_whole_id(client: Client) -> None:
    task = make_task(title="Fotos novas").row["task_id"]
    page = read(client)
    assert f'<a href="/marketplace/tasks/{task}">Fotos novas</a>' in page
    assert f'<span class="id soft">{task}</span>' in page
    assert rows(client)[0][5:7] == ["Fotos novas", task]


def test_a_bulk_action_says_what_it_did_to_how_many(client: Client) -> None:
    add(action="bulk_reject", object_kind="bulk", object_id="bulk-1", details={"total": 1234})
    page = read(client)
    assert "<p>Bulk action: Reject 1,234 tasks</p>" in page
    assert '<a href="/marketplace/tasks/bulk/bulk-1">Reject 1,234 tasks</a>' in page


def test_a_scheduled_plan_says_when_it_was_due_and_what_came_of_it(client: Client) -> None:
    details = {"tasks": 0, "skipped": 8, "dueAt": "2026-11-26T09:00:00Z", "missed": 2}
    add(action="activate", actor="system:schedule", object_kind="plan", details=details)
    page = read(client)
    assert "<p>Activated the playbook</p>" in page
    assert 'title="All by schedule">schedule</a>' in page
    assert (
        "no task generated, 8 left out; due 26/11/2026 06:00, caught up once for 2 missed times"
        in page
    )


def test_agents_are_told_by_their_names(client: Client) -> None:
    make_agent("premium", name="Premium")
    add(object_id="premium")
    assert deeds(client) == ["Changed: agent Premium"]
    assert rows(client)[0][5:7] == ["Premium", "premium"]


def test_filters_have_labels_that_can_be_seen(client: Client) -> None:
    page = read(client)
    assert '<label class="small soft" for="filter-who">Who</label>' in page
    assert '<label class="small soft" for="filter-period">Period</label>' in page


def test_times_of_today_are_clock_times(client: Client) -> None:
    now = clock.now()
    add(at=now)
    add(at=now - timedelta(days=3))
    times = re.findall(r'<td role="cell" class="at-when"><time[^>]*>(.*?)</time>', read(client))
    assert re.fullmatch(r"\d\d:\d\d:\d\d", times[0])
    assert re.fullmatch(r"\d\d/\d\d/\d{4}<br>\d\d:\d\d:\d\d", times[1])


def test_the_csv_has_words_for_people_and_codes_for_programs(client: Client) -> None:
    add(actor="user:ana", action="bulk_undo", object_kind="bulk", origin="command")
    (line,) = rows(client)
    assert (line[1], line[4], line[8]) == ("ana", "bulk action", "command line")
    assert line[10:14] == ["user:ana", "bulk_undo", "bulk", "command"]


@pytest.mark.parametrize(
    "query",
    ["who=%FF%FE", "id=%ED%A0%80", "kind=%", "&&&=", "who=' OR '1'='1", "who=%25"],
)
def test_strange_texts_find_nothing_and_break_nothing(client: Client, query: str) -> None:
    assert client.get(f"{PAGE}?{query}").status_code == 200


@pytest.mark.parametrize("days", [("2026-03-01", "2026-02-01"), ("9998-12-31", "0002-01-01")])
def test_a_last_day_before_the_first_is_left_out_and_said(
    client: Client, days: tuple[str, str]
) -> None:
    add()
    backwards = f"from={days[0]}&to={days[1]}"
    assert "The last day is before the first." in read(client, backwards)
    assert deeds(client, backwards) == deeds(client, f"from={days[0]}")
    assert client.get(f"{CSV}?{backwards}").status_code == 400
    assert deeds(client, f"from={days[1]}&to={days[0]}") or days[0].startswith("2026")


def test_only_reading(client: Client) -> None:
    for verb in ("post", "put", "delete", "patch"):
        assert getattr(client, verb)(PAGE).status_code == 405
        assert getattr(client, verb)(CSV).status_code == 405


def test_who_may_not_is_told_which_roles_may(client: Client) -> None:
    client.force_login(make_user(Role.QA), settings.AUTHENTICATION_BACKENDS[-1])
    for address in (PAGE, CSV):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "Head (head)" in answer.content.decode()
    assert PAGE not in client.get("/marketplace/tasks/execution").content.decode()


def test_weights_are_told_in_percent() -> None:
    old = {"approvalRate": 0.5, "completionRate": 0.3, "executionTime": 0.2}
    new = {"approvalRate": 0.545, "completionRate": 0.455, "executionTime": 0}
    with translation.override("pt-br"):
        assert change_text({"old": old, "new": new}) == (
            "taxa de aprovação: 50% → 54,5%; taxa de conclusão: 30% → 45,5%;"
            " tempo de execução: 20% → 0%"
        )
