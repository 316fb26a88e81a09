"""The approvals inbox as the server draws it, and what its forms do."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from execution import queries, services
from execution.changes import Edits
from execution.commands import Command
from execution.enums import Priority, TaskStatus
from execution.models import Task, TaskEvent
from execution.rows import TaskState
from nexo.shared import clock
from orchestration.approvals.inbox import waiting_text
from tests.factories import OPERATOR, change, make_agent, make_task, make_task_in, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
INBOX = "/marketplace/tasks/approvals"
JSON = {"Accept": "application/json"}


def client_of(role: str | None = "qa", **fields: Any) -> Client:
    client = Client(headers={"Accept-Language": "pt-BR"})
    client.force_login(make_user(role, **fields), settings.AUTHENTICATION_BACKENDS[-1])
    return client


@pytest.fixture
def qa() -> Client:
    make_agent("alex")
    return client_of()


def html_of(client: Client, query: str = "") -> str:
    answer = client.get(INBOX + query)
    assert answer.status_code == 200
    return answer.content.decode()


def shown(html: str) -> list[str]:
    return re.findall(r'<li class="pending" data-task="([^"]+)"', html)


def row_of(html: str, state: TaskState) -> str:
    found = re.search(
        rf'<li class="pending" data-task="{state.row["task_id"]}".*?</li>\n', html, re.DOTALL
    )
    assert found is not None
    # Whatever lists stand in it, the row ends with its fate.
    start = html.index(found[0])
    return html[start : html.index("\n</li>", html.index('data-field="fate"', start))]


def key_of(state: TaskState) -> str:
    return f"{state.row['task_id']}:{state.row['version']}"


def send(client: Client, data: Any, **options: Any) -> Any:
    return client.post(INBOX, data, headers=JSON, **options)


def results(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.content
    return [(one["taskId"], one["code"]) for one in json.loads(answer.content)["results"]]


def status_of(state: TaskState) -> str:
    return Task.objects.get(pk=state.row["id"]).status


# -- What it shows ---------------------------------------------------------------------------------


def test_only_what_waits_and_the_longest_first(qa: Client) -> None:
    first, second = make_task(), make_task()
    make_task_in(TaskStatus.APPROVED)
    make_task_in(TaskStatus.FAILED)
    html = html_of(qa)
    assert shown(html) == [first.row["task_id"], second.row["task_id"]]
    assert "Tarefas à espera de decisão, as mais antigas primeiro." in html


def test_a_row_says_what_one_decides_by(qa: Client) -> None:
    state = make_task(
        title="Foto <b>nova</b>",
        task_type="photo",
        estimated_minutes=150.0,
        targets=["amazon", "shein"],
        priority=Priority.URGENT,
    )
    row = row_of(html_of(qa), state)
    for text in ("Foto &lt;b&gt;nova", "photo", "→ </span>Amazon, Shein", "2h 30min", "Urgente"):
        assert text in row
    assert "por operator" in row
    assert "chegou agora" in row
    # The recommendation with its arithmetic, or the rule that chose.
    assert re.search(r'<p class="name">Alex', row)
    assert "confiança" in row


def test_who_may_only_approve_sees_no_score() -> None:
    make_agent("alex")
    state = make_task(task_type="photo")
    approver = make_user()
    approver.user_permissions.add(Permission.objects.get(codename="approve_tasks"))
    client = Client(headers={"Accept-Language": "pt-BR"})
    client.force_login(approver, settings.AUTHENTICATION_BACKENDS[-1])
    row = row_of(html_of(client), state)
    assert "Recomendado para photo no marketplace Amazon." in row
    assert re.search(r'<p class="name">Alex</p>', row)
    assert not any(text in row for text in ("confiança", "candidate", "Pontuação"))


def test_chips_count_what_the_other_filters_leave(qa: Client) -> None:
    make_agent("marina", "amazon")
    make_task(agent_id="alex", task_type="photo")
    make_task(agent_id="marina", task_type="photo")
    make_task(agent_id="marina", task_type="title", targets=["amazon", "shein"])

    def counts(query: str) -> dict[str, int]:
        html = qa.get(f"{INBOX}?{query}").content.decode()
        chip = r'class="chip" data-channel="(\w*)".*?data-field="count">(\d+)<'
        return {slug: int(count) for slug, count in re.findall(chip, html) if int(count)}

    assert counts("") == counts("channel=shein") == {"": 3, "amazon": 3}
    assert counts("agent=marina") == {"": 2, "amazon": 2}
    assert counts("agent=marina&taskType=photo&channel=shein") == {"": 1, "amazon": 1}
    # The bar tells of all that wait, whatever is filtered here.
    assert 'data-pending="3"' in qa.get(f"{INBOX}?agent=marina").content.decode()


def test_who_gave_the_task_to_its_agent_is_said(qa: Client) -> None:
    make_agent("marina", "shein")
    state = make_task(agent_id="alex")
    edits = Edits(agent_id="marina")
    services.command_task(state.row["task_id"], Command.ASSIGN, caller=OPERATOR, edits=edits)
    assert "operator passou a tarefa para Marina; antes, estava com Alex." in html_of(qa)


def test_long_waits_are_marked_and_a_retry_waits_anew(qa: Client) -> None:
    old, retried = make_task(), make_task_in(TaskStatus.FAILED)
    change(retried, status=TaskStatus.PENDING)
    long_ago = clock.now() - timedelta(hours=25)
    for table in (Task.objects.all(),):
        table.update(created_at=long_ago)
    html = html_of(qa)
    assert "is-long" in row_of(html, old)
    assert "espera há 25 h" in row_of(html, old)
    assert "is-long" not in row_of(html, retried)
    assert "tentativa 2" in row_of(html, retried)


@pytest.mark.parametrize(
    ("waited", "text"),
    [
        (timedelta(seconds=-5), "chegou agora"),
        (timedelta(minutes=59), "espera há 59 min"),
        (timedelta(hours=47), "espera há 47 h"),
        (timedelta(hours=49), "espera há 2 dias"),
    ],
)
def test_waiting_is_told_in_the_unit_that_tells_enough(waited: timedelta, text: str) -> None:
    with translation.override("pt-br"):
        assert waiting_text(waited) == text


def test_filters_select_and_unreadable_ones_are_said(qa: Client) -> None:
    make_agent("marina", "shein")
    one = make_task(agent_id="marina", marketplace_id="shein", task_type="photo")
    make_task()
    for query in ("?channel=shein", "?agent=marina", "?taskType=photo"):
        assert shown(html_of(qa, query)) == [one.row["task_id"]]
    html = html_of(qa, "?channel=ebay&cursor=x&status=failed")
    assert "<code>channel=ebay</code>" in html
    assert "<code>cursor=x</code>" in html
    assert len(shown(html)) == 2


def test_more_follow_by_cursor_without_gap_or_double(
    qa: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.approvals.inbox.PAGE_SIZE", 2)
    tasks = [make_task().row["task_id"] for _ in range(5)]
    found, query = [], ""
    while True:
        html = html_of(qa, query)
        found += shown(html)
        more = re.search(r'id="more" href="[^"]*(\?cursor=[^"]+)">', html)
        if more is None:
            break
        query = more[1]
    assert found == tasks


@pytest.mark.usefixtures("who_asks_is_kept")
def test_inbox_asks_as_much_for_40_tasks_as_for_one(qa: Client) -> None:
    make_task(targets=("amazon", "shein"))
    html_of(qa)
    with CaptureQueriesContext(connection) as one:
        html_of(qa)
    for _ in range(39):
        make_task(targets=("amazon", "shein"))
    with CaptureQueriesContext(connection) as many:
        assert len(shown(html_of(qa))) == 40
    statements = [[query["sql"][:60] for query in log] for log in (one, many)]
    assert statements[0] == statements[1]


def test_the_count_stands_beside_the_place_for_those_who_may(qa: Client) -> None:
    make_task(), make_task()
    assert 'data-pending="2"' in qa.get("/marketplace/tasks/execution").content.decode()
    html = client_of(None).get("/marketplace/tasks/execution").content.decode()
    assert "data-pending" not in html
    assert INBOX not in html


def test_others_are_told_whom_to_ask() -> None:
    answer = client_of(None).get(INBOX)
    assert answer.status_code == 403
    assert "qa" in answer.content.decode()


def test_nothing_waits(qa: Client) -> None:
    assert "Nada espera aprovação" in html_of(qa)
    assert "Nenhum resultado com esses filtros" in html_of(qa, "?channel=shein")


# -- Decisions -------------------------------------------------------------------------------------


def test_one_is_approved_without_javascript(qa: Client) -> None:
    state = make_task(title="Foto")
    answer = qa.post(f"{INBOX}?channel=amazon", {"approve": key_of(state)}, follow=True)
    assert answer.redirect_chain == [(f"{INBOX}?channel=amazon", 302)]
    assert "Aprovada: Foto" in answer.content.decode()
    assert status_of(state) == "approved"


def test_one_is_rejected_with_a_reason_from_its_own_page(qa: Client) -> None:
    state = make_task(title="Foto")
    html = html_of(qa, f"?reject={state.row['task_id']}")
    assert f'name="task" value="{key_of(state)}"' in html
    for nothing in (" ", "\u200b", "\u2060 \u3164"):
        answer = qa.post(INBOX, {"do": "reject", "task": key_of(state), "note": nothing})
        assert answer.status_code == 400
        assert "Diga o motivo." in answer.content.decode()
    qa.post(INBOX, {"do": "reject", "task": key_of(state), "note": "sem foto"})
    event = queries.events_of(state.row["id"])[-1]
    assert (event["failure_reason"], event["reason"]) == ("rejected", "sem foto")


def test_several_are_decided_each_with_its_outcome(qa: Client) -> None:
    fine, moved, changed = make_task(), make_task(), make_task()
    change(moved, status=TaskStatus.APPROVED)
    services.command_task(
        changed.row["task_id"], Command.ASSIGN, caller=OPERATOR, edits=Edits(agent_id="alex")
    )
    Task.objects.filter(pk=changed.row["id"]).update(version=2)
    keys = [key_of(state) for state in (fine, moved, changed)] + ["task-x:1"]
    answer = send(qa, {"do": "approve", "task": keys})
    assert results(answer) == [
        (fine.row["task_id"], "done"),
        (moved.row["task_id"], "invalid_transition"),
        (changed.row["task_id"], "version_conflict"),
        ("task-x", "not_found"),
    ]
    html = qa.post(INBOX, {"do": "approve", "task": keys}).content.decode()
    assert "O que aconteceu com cada uma" in html
    assert html.count("não feita") == 4


def test_the_same_task_twice_is_decided_once(qa: Client) -> None:
    state = make_task()
    answer = send(qa, {"do": "approve", "task": [key_of(state)] * 3})
    assert results(answer) == [(state.row["task_id"], "done")]
    assert TaskEvent.objects.filter(kind="approved").count() == 1


def test_own_tasks_say_why_they_cannot_be_approved() -> None:
    make_agent("alex")
    client = client_of("head", username="operator")
    state = make_task()
    row = row_of(html_of(client), state)
    assert "Você criou ou editou esta tarefa" in row
    assert row.count("disabled") == 2
    assert 'data-act="edit"' not in row
    answer = send(client, {"approve": key_of(state)})
    assert results(answer) == [(state.row["task_id"], "own_task")]
    answer = client.get(f"{INBOX}?edit={state.row['task_id']}", follow=True)
    assert answer.redirect_chain
    # Taking it back is no approval.
    reject = {"do": "reject", "task": key_of(state), "note": "engano"}
    assert results(send(client, reject)) == [(state.row["task_id"], "done")]


# -- Edit, then approve ----------------------------------------------------------------------------


def edit(state: TaskState, **changes: Any) -> dict[str, Any]:
    row = state.row
    return {
        "edit": row["task_id"],
        "version": row["version"],
        "title": row["title"],
        "minutes": row["estimated_minutes"],
        "agent": row["agent_id"],
        "priority": row["priority"],
        "targets": [target["marketplace_id"] for target in state.targets],
        "note": "",
        **changes,
    }


def test_edits_are_recorded_with_what_was_before(qa: Client) -> None:
    make_agent("marina", "shein")
    state = make_task(agent_id="alex", estimated_minutes=66.6)
    changes = {"agent": "marina", "minutes": "90", "targets": ["amazon", "kaway"], "note": "foto"}
    assert results(send(qa, edit(state, **changes))) == [(state.row["task_id"], "done")]
    event = queries.events_of(state.row["id"])[-1]
    assert (event["kind"], event["reason"]) == ("approved", "foto")
    assert event["details"]["edits"] == {
        "estimated_minutes": [66.6, 90.0],
        "agent_id": ["alex", "marina"],
        "targets": [["amazon"], ["amazon", "kaway"]],
    }


def test_an_edit_of_nothing_is_an_approval(qa: Client) -> None:
    state = make_task(agent_id="alex", estimated_minutes=66.6)
    send(qa, edit(state))
    event = queries.events_of(state.row["id"])[-1]
    assert (event["kind"], event["details"]) == ("approved", None)


@pytest.mark.parametrize(
    ("exact", "shown_as"),
    # An imported task may have more than a new one may be given.
    [(3.72, "4"), (66.6, "67"), (60.0, "60"), (0.3, "0"), (75_000.4, "75000")],
)
def test_the_estimate_is_shown_whole_and_kept_exact(
    qa: Client, exact: float, shown_as: str
) -> None:
    state = make_task(agent_id="alex", estimated_minutes=exact)
    html = html_of(qa, f"?edit={state.row['task_id']}")
    assert re.findall(r'name="minutes" value="([^"]*)"', html) == [shown_as]
    sent = edit(state, minutes=shown_as, title="Outro título")
    assert results(send(qa, sent)) == [(state.row["task_id"], "done")]
    assert Task.objects.get(pk=state.row["id"]).estimated_minutes == exact
    edits = queries.events_of(state.row["id"])[-1]["details"]["edits"]
    assert edits == {"title": [state.row["title"], "Outro título"]}


def test_an_estimate_over_the_limit_may_stand_but_not_be_typed(qa: Client) -> None:
    state = make_task(agent_id="alex", estimated_minutes=75_000.4)
    assert 'max="75000"' in html_of(qa, f"?edit={state.row['task_id']}")
    answer = send(qa, edit(state, minutes="74999"))
    assert answer.status_code == 400
    assert "60000" in json.loads(answer.content)["details"]["minutes"][0]
    assert results(send(qa, edit(state, minutes="60000"))) == [(state.row["task_id"], "done")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 201),
        ("title", "a\u2028b"),
        ("title", "\u200b"),
        ("title", "exe\u202egnp"),
        ("minutes", "0"),
        ("minutes", "-1"),
        ("minutes", "5e-324"),
        ("minutes", "0.0099"),
        ("minutes", "60001"),
        ("minutes", "nan"),
        ("minutes", "inf"),
        ("minutes", "1e400"),
        ("minutes", ""),
        ("agent", ""),
        ("agent", "nobody"),
        ("agent", "alex' --"),
        ("priority", "alta"),
        ("targets", []),
        ("targets", ["ebay"]),
        ("note", "x" * 4001),
        ("version", "0"),
        ("version", "x"),
        ("version", str(2**31)),
    ],
)
def test_a_bad_edit_changes_nothing(qa: Client, field: str, value: Any) -> None:
    state = make_task(agent_id="alex")
    answer = send(qa, edit(state, **{field: value}))
    assert answer.status_code == 400
    assert set(json.loads(answer.content)["details"]) == {field}
    page = qa.post(INBOX, edit(state, **{field: value}))
    assert page.status_code == 400
    assert status_of(state) == "pending"


def test_an_edit_of_an_old_image_is_a_conflict(qa: Client) -> None:
    state = make_task(agent_id="alex")
    Task.objects.filter(pk=state.row["id"]).update(version=2)
    answer = send(qa, edit(state, title="Outro"))
    assert results(answer) == [(state.row["task_id"], "version_conflict")]
    html = qa.post(INBOX, edit(state, title="Outro"), follow=True).content.decode()
    assert "mudou enquanto você decidia" in html


def test_what_no_longer_waits_is_not_edited(qa: Client) -> None:
    state = make_task_in(TaskStatus.COMPLETED)
    for part in ("edit", "reject"):
        answer = qa.get(f"{INBOX}?{part}={state.row['task_id']}", follow=True)
        assert "já não espera aprovação" in answer.content.decode()
    for task_id in ("task-x", "", "a\x00b", "x" * 5000):
        assert qa.post(INBOX, {"edit": task_id}).status_code == 404


# -- Hostile input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"do": "approve"},
        {"do": "cancel", "task": "{key}"},
        {"do": "retry", "task": "{key}", "note": "x"},
        {"do": "approve", "task": ""},
        {"do": "approve", "task": "{key} "},
        {"do": "approve", "task": "task-x"},
        {"do": "approve", "task": "task-x:0"},
        {"do": "approve", "task": "task-x:2147483648"},
        {"do": "approve", "task": "task-x:1e3"},
        {"do": "approve", "task": "x" * 65 + ":1"},
        {"do": "approve", "task": "a b:1"},
        {"do": "approve", "task": ["{key}", "nonsense"]},
        {"do": "approve", "task": [f"task-{number}:1" for number in range(501)]},
        {"do": "reject", "task": "{key}", "note": "x" * 4001},
        {"do": "reject", "task": "{key}"},
        {"do": "reject", "task": "{key}", "note": "\u200b"},
        {"do": "approve", "task": "task-\x00:1"},
        {"approve": ""},
        {"approve": "{key}:1:"},
    ],
    ids=lambda data: ascii(data)[:40],
)
def test_bad_forms_are_refused_and_change_nothing(qa: Client, data: dict[str, Any]) -> None:
    state = make_task()
    filled = {
        name: [
            text.format(key=key_of(state))
            for text in ([value] if isinstance(value, str) else value)
        ]
        for name, value in data.items()
    }
    answer = send(qa, filled)
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"]
    assert qa.post(INBOX, filled).status_code == 400
    assert status_of(state) == "pending"


@pytest.mark.parametrize("query", ["?edit=", "?edit=%00", "?reject=../x", "?edit=" + "x" * 5000])
def test_bad_addresses_break_nothing(qa: Client, query: str) -> None:
    assert qa.get(INBOX + query).status_code in (200, 302)
    assert qa.get(INBOX + query, follow=True).status_code == 200


def test_what_was_decided_before_the_database_went_away_is_told(
    qa: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = make_task(), make_task(), make_task()
    real = services.command_task

    def fail_on_second(task_id: str, command: Command, **options: Any) -> TaskState:
        if task_id == first.row["task_id"]:
            return real(task_id, command, **options)
        raise OperationalError("database is locked")

    monkeypatch.setattr(services, "command_task", fail_on_second)
    chosen = [key_of(state) for state in (first, second, third)]
    answer = send(qa, {"do": "approve", "task": chosen})
    assert [code for _id, code in results(answer)] == ["done", "unavailable", "unavailable"]
    answer = send(qa, {"do": "approve", "task": chosen[1:]})
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
